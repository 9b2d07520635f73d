using System.Reflection;

namespace CharRnn.Gpu.Tests.Architecture;

/// <summary>The order of the namespaces: what one uses, directly or by way of others, never uses it.</summary>
public sealed class NamespaceTests
{
    [Fact]
    public void No_namespace_uses_one_that_uses_it()
    {
        string[] assemblies = [.. OurAssemblies()];
        Assert.Contains("CharRnn.Core", assemblies);
        Assert.Contains("CharRnn.Gpu.Kernels", assemblies);
        Assert.Contains("charrnn", assemblies);

        (Type User, Type Used)[] uses =
        [
            .. assemblies.SelectMany(name => TypeUses.Of(Assembly.Load(name)))
                .Where(use => use.User.Namespace != use.Used.Namespace && IsOurs(use.User) && IsOurs(use.Used)),
        ];
        Assert.Contains(uses, use => use.User.Namespace == "CharRnn.Gpu.Execution" && use.Used.Namespace == "CharRnn.Training");
        ILookup<string, string> usedBy = uses.ToLookup(use => use.User.Namespace!, use => use.Used.Namespace!);
        Dictionary<string, HashSet<string>> reached = usedBy.ToDictionary(user => user.Key, user => Reached(user.Key, usedBy));

        string[] circular =
        [
            .. uses.Where(use => reached.GetValueOrDefault(use.Used.Namespace!)?.Contains(use.User.Namespace!) == true)
                .Select(use => $"{use.User.FullName} uses {use.Used.FullName}")
                .Order(StringComparer.Ordinal),
        ];
        Assert.True(circular.Length == 0, $"These uses close a circle of namespaces:\n{string.Join('\n', circular)}");
    }

    private static IEnumerable<string> OurAssemblies() => Directory.EnumerateFiles(AppContext.BaseDirectory, "*.dll")
        .Select(path => Path.GetFileNameWithoutExtension(path))
        .Where(name => name.StartsWith("CharRnn", StringComparison.OrdinalIgnoreCase))
        .Except([typeof(NamespaceTests).Assembly.GetName().Name!]);

    private static bool IsOurs(Type type) => type.Namespace?.Split('.')[0] == "CharRnn";

    /// <summary>All namespaces that one uses, directly or by way of others.</summary>
    private static HashSet<string> Reached(string from, ILookup<string, string> usedBy)
    {
        var reached = new HashSet<string>();
        var next = new Stack<string>(usedBy[from]);
        while (next.TryPop(out string? name))
            if (reached.Add(name))
                foreach (string other in usedBy[name])
                    next.Push(other);
        return reached;
    }
}

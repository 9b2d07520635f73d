using System.Collections;
using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace CharRnn.Gpu.Tests.Architecture;

/// <summary>Each way in which code can use a type is seen.</summary>
public sealed class TypeUsesTests
{
    private static readonly HashSet<Type> s_seen =
        [.. TypeUses.Of(typeof(TypeUsesTests).Assembly).Where(use => use.User == typeof(User<>)).Select(use => use.Used)];

    [Theory]
    [InlineData("the base", typeof(List<>))]
    [InlineData("an argument of the base", typeof(Guid))]
    [InlineData("an interface", typeof(IFormatProvider))]
    [InlineData("a constraint", typeof(ICloneable))]
    [InlineData("an attribute", typeof(TypeConverterAttribute))]
    [InlineData("an argument of an attribute", typeof(UriTypeConverter))]
    [InlineData("a field", typeof(DateOnly))]
    [InlineData("an element of an array", typeof(TimeOnly))]
    [InlineData("a parameter", typeof(Version))]
    [InlineData("a result", typeof(Uri))]
    [InlineData("a local", typeof(Half))]
    [InlineData("what is caught", typeof(TimeZoneNotFoundException))]
    [InlineData("whose method is called", typeof(GC))]
    [InlineData("an argument of a generic call", typeof(Rune))]
    [InlineData("what is in typeof", typeof(Plane))]
    [InlineData("whose field is read", typeof(IPAddress))]
    [InlineData("what a lambda calls", typeof(Stopwatch))]
    [InlineData("what an iterator calls", typeof(Environment))]
    [InlineData("what a nested type begins with", typeof(BitArray))]
    public void A_type_is_seen_where_it_is_used(string where, Type used) =>
        Assert.True(s_seen.Contains(used), $"{where}, {used}, is not seen");

    [Fact]
    public void Neither_the_type_itself_nor_what_others_use_is_seen() =>
        Assert.DoesNotContain(s_seen, type => type == typeof(User<>) || type == typeof(HashSet<>));
}

/// <summary>What <see cref="TypeUsesTests"/> looks at.</summary>
[TypeConverter(typeof(UriTypeConverter))]
internal sealed class User<T> : List<Guid>, IFormatProvider
    where T : ICloneable
{
    private readonly DateOnly _field = new(2000, 1, 1);
    private readonly TimeOnly[] _array = [];

    public object GetFormat(Type? formatType) => (_field, _array.Length);

    public static Uri? Result(Version? parameter) => parameter is null ? null : throw new NotSupportedException();

    public static int Body(Func<object, Half> next)
    {
        try
        {
            Half local = next(next);
            GC.KeepAlive(local);
            GC.KeepAlive(local);
            GC.KeepAlive(IPAddress.Any);
            return Unsafe.SizeOf<Rune>() + typeof(Plane).Name.Length;
        }
        catch (TimeZoneNotFoundException)
        {
            return 0;
        }
    }

    public static Func<long> Lambda(long from) => () => Stopwatch.GetTimestamp() - from;

    public static IEnumerable<int> Iterator()
    {
        yield return Environment.ProcessId;
    }

    internal static class Nested
    {
        public static readonly object Bits = new BitArray(1);
    }
}

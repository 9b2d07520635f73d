namespace CharRnn.Gpu.Tests.Files;

internal static class Errors
{
    /// <summary>Checks the catalogue's form, <c>subject: found; remedy</c> on one line, and what was found.</summary>
    public static string Expect(string subject, string found, Action action)
    {
        string message = Assert.Throws<CharRnnException>(action).Message;
        Assert.StartsWith(subject + ": ", message, StringComparison.Ordinal);
        string rest = message[(subject.Length + 2)..];
        Assert.Contains(found, rest, StringComparison.Ordinal);
        Assert.Matches("^[^;]+; [^;]+", rest);
        Assert.DoesNotContain(rest, char.IsControl);
        return message;
    }
}

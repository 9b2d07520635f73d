namespace CharRnn;

/// <summary>An error the user can act on, worded in one place: what it is about, what was found, what to do.</summary>
/// <param name="subject">The path, option or device that the error is about; shown first.</param>
/// <param name="found">What was found, with its value, and what was expected.</param>
/// <param name="remedy">What to do about it, as an imperative.</param>
/// <param name="cause">The lower-level failure, shown with <c>--verbose</c> only.</param>
public sealed class CharRnnException(string subject, string found, string remedy, Exception? cause = null)
    : Exception($"{subject}: {found}; {remedy}", cause);

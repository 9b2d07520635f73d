using System.Numerics;
using System.Runtime.CompilerServices;

namespace CharRnn;

/// <summary>
/// What a setting may be: checked where it is set, so that a program that sets it and the command line keep the same bounds.
/// NaN is never among them.
/// </summary>
public static class Limits
{
    /// <summary>A rate: over 0, and finite.</summary>
    public static bool IsPositive<T>(T value)
        where T : INumber<T> => value > T.Zero && T.IsFinite(value);

    /// <summary>A tolerance: from 0, and finite.</summary>
    public static bool IsNotNegative<T>(T value)
        where T : INumber<T> => value >= T.Zero && T.IsFinite(value);

    /// <summary>A probability to reach: over 0, at most 1.</summary>
    public static bool IsProbability<T>(T value)
        where T : INumber<T> => value > T.Zero && value <= T.One;

    /// <summary>The part of a whole that leaves something of it: from 0, below 1.</summary>
    public static bool IsPart<T>(T value)
        where T : INumber<T> => value >= T.Zero && value < T.One;

    /// <summary>The value, if it is <see cref="IsPositive"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static T Positive<T>(T value, [CallerMemberName] string name = "")
        where T : INumber<T> => Checked(value, IsPositive(value), "over 0, and finite", name);

    /// <summary>The value, if it is <see cref="IsNotNegative"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static T NotNegative<T>(T value, [CallerMemberName] string name = "")
        where T : INumber<T> => Checked(value, IsNotNegative(value), "0 or more, and finite", name);

    /// <summary>The value, if it is <see cref="IsProbability"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static T Probability<T>(T value, [CallerMemberName] string name = "")
        where T : INumber<T> => Checked(value, IsProbability(value), "over 0, and at most 1", name);

    /// <summary>The value, if it is <see cref="IsPart"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static T Part<T>(T value, [CallerMemberName] string name = "")
        where T : INumber<T> => Checked(value, IsPart(value), "0 or more, and below 1", name);

    /// <summary>The value, if it is one or more: a size.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static T Size<T>(T value, [CallerMemberName] string name = "")
        where T : IBinaryInteger<T> => Checked(value, value > T.Zero, "1 or more", name);

    private static T Checked<T>(T value, bool isValid, string expected, string name) =>
        isValid ? value : throw new ArgumentOutOfRangeException(name, value, $"must be {expected}");
}

namespace CharRnn.Gpu.Tests;

/// <summary>The one place that says whether two results agree. A NaN never agrees with anything.</summary>
internal static class Agreement
{
    /// <summary>Norm of the difference over norm of the expected values.</summary>
    public static double RelativeError(IReadOnlyList<double> expected, IReadOnlyList<double> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Count; i++)
        {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }

        return Math.Sqrt(difference) / Math.Sqrt(norm);
    }

    public static void Within(double tolerance, IReadOnlyList<double> expected, IReadOnlyList<double> actual, string what)
    {
        double error = RelativeError(expected, actual);
        Assert.True(error <= tolerance, $"{what}: relative error {error:E2} is over {tolerance:E1}");
    }

    public static void Within(double tolerance, double[] expected, float[] actual, string what) =>
        Within(tolerance, expected, Array.ConvertAll(actual, value => (double)value), what);

    public static void Within(double tolerance, double expected, double actual, string what) =>
        Within(tolerance, [expected], [actual], what);
}

using CharRnn.Networks;

namespace CharRnn.Gpu.Tests.Networks;

/// <summary>The expected numbers are those of scikit-learn 1.2.</summary>
public class AnswerMeasuresTests
{
    private static readonly int[] Truth = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2], Predicted = [0, 0, 0, 1, 2, 1, 1, 0, 2, 1];

    [Fact]
    public void Classes_are_measured_as_scikit_learn_measures_them()
    {
        var measures = ClassMeasures.Of(4, Truth, Predicted);
        Assert.Equal([[3, 1, 1, 0], [1, 2, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], measures.Confusion);
        Assert.Equal(0.6, measures.Accuracy, 1e-12);
        Assert.Equal(0.5, measures.BaseRate, 1e-12);
        Assert.Equal(0.5888888888888889, measures.BalancedAccuracy, 1e-12);
        Assert.Equal([0.6666666666666665, 0.5714285714285715, 0.5, 0], Enumerable.Range(0, 4).Select(measures.F1), Near);
    }

    [Fact]
    public void The_measures_of_two_parts_are_those_of_all_rows()
    {
        ClassMeasures whole = ClassMeasures.Of(4, Truth, Predicted);
        ClassMeasures parts = ClassMeasures.Of(4, Truth.Take(3), Predicted.Take(3)).Plus(null)
            .Plus(ClassMeasures.Of(4, Truth.Skip(3), Predicted.Skip(3)));
        Assert.Equal(whole.Confusion.SelectMany(row => row), parts.Confusion.SelectMany(row => row));
        Assert.Equal(whole.BalancedAccuracy, parts.BalancedAccuracy);
    }

    [Fact]
    public void The_area_under_the_curve_counts_pairs_and_ties_by_halves()
    {
        float[] scores = [0.1f, 0.4f, 0.35f, 0.8f, 0.4f, 0.4f, 0.9f];
        bool[] isOfClass = [false, false, true, true, true, false, true];
        Assert.Equal(0.75, ClassMeasures.AreaUnderCurve(scores, isOfClass), 1e-12);
        Assert.Equal(1, ClassMeasures.AreaUnderCurve([0.2f, 0.7f], [false, true]));
        Assert.Equal(0.5, ClassMeasures.AreaUnderCurve([0.5f, 0.5f, 0.5f], [false, true, true]));
        bool[] many = [.. Enumerable.Range(0, 100_000).Select(i => i % 2 == 0)]; // their ranks and their number are over 2³² together
        Assert.Equal(0.5, ClassMeasures.AreaUnderCurve(new float[many.Length], many));
        Assert.True(double.IsNaN(ClassMeasures.AreaUnderCurve([0.5f, 0.7f], [true, true])));
        Assert.True(double.IsNaN(ClassMeasures.AreaUnderCurve([0.5f, float.NaN, 0.7f], [true, false, true])));
    }

    [Fact]
    public void Quantities_are_measured_as_scikit_learn_measures_them()
    {
        var measures = QuantityMeasures.Of([3, -0.5, 2, 7], [2.5, 0.0, 2, 8]);
        Assert.Equal(0.6123724356957945, measures.RootMeanSquare, 1e-12);
        Assert.Equal(0.5, measures.MeanAbsolute, 1e-12);
        Assert.Equal(0.9486081370449679, measures.RSquared, 1e-12);
        Assert.Equal(0, QuantityMeasures.Of([1, 2, 3], [2, 2, 2]).RSquared, 1e-12);
    }

    private static bool Near(double expected, double actual) => Math.Abs(expected - actual) < 1e-12;
}

using CharRnn.Networks;

namespace CharRnn.Gpu.Tests.Networks;

public class LabelledDataTests
{
    [Fact]
    public void The_loss_of_a_constant_answer_is_an_entropy_or_a_variance()
    {
        double quarter = (0.25 * Math.Log(4)) + (0.75 * Math.Log(4.0 / 3));
        Assert.Equal(quarter, new LabelledData(new InputRows(1, new float[4]), [2, 0, 2, 2]).ConstantLoss(NetworkLoss.CrossEntropy), 1e-12);
        Assert.Equal(0, new LabelledData(new InputRows(1, new float[2]), [1, 1]).ConstantLoss(NetworkLoss.CrossEntropy));
        var binary = new LabelledData(new InputRows(1, new float[4]), 2, [1, 0, 0, 0, 0, 0, 0, 0]);
        Assert.Equal(quarter, binary.ConstantLoss(NetworkLoss.BinaryCrossEntropy), 1e-12);
        Assert.Equal((3.0 / 16) / 2, binary.ConstantLoss(NetworkLoss.SquaredError), 1e-12);
        Assert.Equal(2.0 / 3, new LabelledData(new InputRows(1, new float[3]), 1, [7, 8, 9]).ConstantLoss(NetworkLoss.SquaredError), 1e-12);
    }

    [Fact]
    public void Balanced_classes_count_alike()
    {
        var data = new LabelledData(new InputRows(1, new float[6]), [0, 0, 0, 0, 2, 2]);
        Assert.Equal([0.75f, 0.75f, 0.75f, 0.75f, 1.5f, 1.5f], data.WeightsOfClasses(data));
        Assert.Equal([1.5f, 0, 0.75f], new LabelledData(new InputRows(1, new float[3]), [2, 1, 0]).WeightsOfClasses(data));
        LabelledData balanced = data.Weighted([.. data.WeightsOfClasses(data)]);
        Assert.Equal(Math.Log(2), balanced.ConstantLoss(NetworkLoss.CrossEntropy), 1e-12);
        Assert.Equal([1.5f, 0.75f], balanced.Select([5, 0]).Weights);

        var binary = new LabelledData(new InputRows(1, new float[3]), 1, [1, 0, 0]);
        Assert.Equal([1.5f, 0.75f, 0.75f], binary.WeightsOfClasses(binary));
        Assert.Equal(
            Math.Log(2), binary.Weighted([.. binary.WeightsOfClasses(binary)]).ConstantLoss(NetworkLoss.BinaryCrossEntropy), 1e-7);
    }
}

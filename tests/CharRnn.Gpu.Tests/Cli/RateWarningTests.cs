using CharRnn.Gpu.Cli.Commands;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Cli;

public class RateWarningTests
{
    [Fact]
    public void A_model_that_stays_worse_than_one_that_knows_nothing_is_told_of_once()
    {
        var warnings = new List<string>();
        var rate = RateWarning.OfText(10, warnings.Add); // ln 10 = 2.3026
        void Report(int iteration, double validation) =>
            rate.Reported(new TrainingReport(iteration, 1, 1, 2, 2, 2, validation, 1, 1, 0.1f));
        Report(1, 5);
        Report(2, double.NaN);
        Report(3, 2.3);
        Report(4, 2.4);
        Assert.Empty(warnings);
        Report(5, 2.31);
        Report(6, 9);
        Assert.Equal(
            "at iteration 5 the validation loss is above 2.3026 nats, that of a model that knows nothing; "
                + "if it does not fall, start anew with a lower --learning-rate",
            Assert.Single(warnings));
    }
}

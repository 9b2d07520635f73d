using BenchmarkDotNet.Running;
using CharRnn.Gpu.Benchmarks;

// table: whole training steps beside their peers. functions: exp, tanh and ln of every float. hashes: what training
// computes, to the bit. plans: the time of a step by each plan of a GPU. sums: the time of a sum over ranks. Else BenchmarkDotNet.
return args.FirstOrDefault() switch
{
    "table" => TableCommand.Run(args[1..]),
    "functions" => FunctionErrors.Run(),
    "hashes" => WeightHashes.Run(args[1..]),
    "plans" => PlanTimes.Run(args[1..]),
    "sums" => RankSums.Run(),
    _ => BenchmarkDotNetRun(args),
};

static int BenchmarkDotNetRun(string[] args)
{
    BenchmarkSwitcher.FromAssembly(typeof(TrainingStepBenchmarks).Assembly).Run(args);
    return 0;
}

using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;
using ILGPU;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class TeamTests
{
    [Fact]
    public void Shares_are_even_and_leave_nothing_out()
    {
        foreach (int items in (int[])[0, 1, 2, 7, 33, 100_003, int.MaxValue - 1])
            foreach (int teams in (int[])[1, 2, 3, 5, 64, 264, 46_340])
            {
                int[] begins = [.. Enumerable.Range(0, teams + 1).Select(team => Share.Begin(items, team, teams))];
                Assert.Equal((0, items), (begins[0], begins[^1]));
                Assert.All(
                    begins.Zip(begins.Skip(1), (begin, end) => end - begin),
                    size => Assert.InRange(size, items / teams, (items / teams) + 1));
            }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void A_word_is_set_once(DeviceKind group)
    {
        OperandData data = new() { I = [5, 0, 5], N = new(Flag: 9) };
        Assert.Equal([5, 9, 5], Bodies.OnGroup(group, data, SetKernel).I);
        Assert.Equal([5, 9, 5], Bodies.Simd(data, o =>
        {
            Team.SetOnce(o.I, 1, o.N.Flag);
            Team.SetOnce(o.I, 2, o.N.Flag);
        }).I);
    }

    [Fact]
    public void Workers_take_every_task_once_and_each_of_them_one_too_many()
    {
        const int Teams = 4, Tasks = 1000, Before = 30;
        OperandData data = new() { I = [Before, .. new int[Tasks]], N = default };
        int[] taken = Bodies.Simd(data, o => Parallel.For(0, Teams, team =>
        {
            int task = -1;
            while ((task = Team.Take(o.I, 0, Before, task, team, Teams)) < Tasks)
                Interlocked.Increment(ref o.I[1 + task]);
        })).I;
        Assert.Equal([Before + Tasks + Teams, .. Enumerable.Repeat(1, Tasks)], taken);
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Groups_are_dealt_every_task_once(DeviceKind group)
    {
        const int Teams = 3, Tasks = 10;
        var taken = new int[Tasks];
        for (int team = 0; team < Teams; team++)
        {
            var data = new OperandData { I = new int[Tasks], N = new(team, Teams, Terms: Tasks) };
            foreach ((int task, int count) in Bodies.OnGroup(group, data, TakeKernel).I.Index())
                taken[task] += count;
        }

        Assert.Equal(Enumerable.Repeat(1, Tasks), taken);
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Tokens_are_gathered_time_major_from_each_streams_window(DeviceKind group)
    {
        const int Streams = 5, WindowLength = 23, Position = 9, Rows = 8;
        int[] window = [.. Enumerable.Range(100, Streams * WindowLength)];
        for (int first = 0; first < Streams; first++)
            for (int count = 0; count <= Streams - first; count++)
            {
                // The gathered tokens lie behind the window in the one operand of integers that there is.
                OperandData data = new()
                {
                    I = [.. window, .. new int[Rows * Streams]],
                    N = new(Rows, count, Row: Streams, First: first, RowStride: WindowLength, StepStride: Position),
                };
                var expected = new int[Rows * Streams];
                for (int t = 0; t < Rows; t++)
                    for (int b = first; b < first + count; b++)
                        expected[(t * Streams) + b] = window[(b * WindowLength) + Position + t];
                OperandData gathered = Bodies.Simd(data, o => Tokens.Gather(
                    o.I.SubView(Streams * WindowLength, Rows * Streams),
                    o.N.Row, o.I, o.N.RowStride, o.N.StepStride, o.N.First, o.N.Columns, o.N.Rows));
                Assert.Equal(expected, gathered.I[window.Length..]);
                Assert.Equal(expected, Bodies.OnGroup(group, data, GatherKernel).I[window.Length..]);
            }
    }

    private static void SetKernel(Operands o)
    {
        Team.SetOnceOnGroup(o.I, 1, o.N.Flag);
        Team.SetOnceOnGroup(o.I, 2, o.N.Flag);
    }

    private static void TakeKernel(Operands o)
    {
        int task = Team.TakeOnGroup(o.I, 0, 0, -1, o.N.Rows, o.N.Columns);
        while (task < o.N.Terms)
        {
            if (Group.IdxX == 0)
                o.I[task]++;
            task = Team.TakeOnGroup(o.I, 0, 0, task, o.N.Rows, o.N.Columns);
        }
    }

    private static void GatherKernel(Operands o)
    {
        int windows = o.N.Row * o.N.RowStride;
        Tokens.GatherOnGroup(
            o.I.SubView(windows, o.N.Rows * o.N.Row), o.N.Row, o.I, o.N.RowStride, o.N.StepStride, o.N.First, o.N.Columns, o.N.Rows);
    }
}

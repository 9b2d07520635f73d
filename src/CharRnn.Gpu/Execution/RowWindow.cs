using System.Diagnostics;
using CharRnn.Networks;
using CharRnn.Randomness;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// The rows that a network in training has on its device, and the order in which steps take them. Where not all rows have room there, the
/// device has a window of them: a permutation of blocks of consecutive rows, one for each epoch, says which rows each window of the epoch
/// has, and another one orders the rows of the window. Both depend on the seed alone.
/// </summary>
internal sealed class RowWindow
{
    // The order of the next epochs is on the device: as many whole epochs as have together no more rows than this, and at least one.
    private const int MostOrdered = 1 << 20;

    // Rows of a file are read fast if many follow each other, but a window shall have rows of many places.
    private const int MostBlockRows = 1 << 12, LeastBlocks = 64;

    // What is read at once: a call that reads ends between such pieces.
    private const int RowsAtOnce = 1 << 12;

    // The streams of random numbers from here on order the rows of windows, and those below are the epochs'.
    private const ulong FirstStream = 1UL << 63;

    private readonly NetworkBuffers _buffers;
    private readonly LabelledData _data;
    private readonly ulong _seed;
    private readonly int _size, _batch, _stepsPerEpoch, _stepsPerWindow, _windows, _epochsOrdered;

    // The window whose rows are on the device, or are being read: their places in the data, and how many of them are there.
    private long _window = -1;
    private int[] _places = [];
    private int _read;

    private long _firstOrdered = -1;

    /// <param name="buffers">The memory of the device.</param>
    /// <param name="data">All rows.</param>
    /// <param name="size">The number of rows of a window: all, or a multiple of the batch.</param>
    /// <param name="batch">The number of rows of a step.</param>
    /// <param name="seed">The seed of the order.</param>
    public RowWindow(NetworkBuffers buffers, LabelledData data, int size, int batch, ulong seed)
    {
        (_buffers, _data, _size, _batch, _seed) = (buffers, data, size, batch, seed);
        (_stepsPerEpoch, _stepsPerWindow, _windows) = (Parts(data.Count, batch), Parts(size, batch), Parts(data.Count, size));
        _epochsOrdered = EpochsOrdered(data.Count, size);
        if (_windows > 1 || data.Rows is not InputRows)
            return;
        buffers.WriteData(data, 0, data.Count);
        _window = 0;
    }

    /// <summary>The number of rows that the order on the device lists.</summary>
    /// <param name="rows">The number of all rows.</param>
    /// <param name="size">The number of rows of a window.</param>
    /// <param name="batch">The number of rows of a step.</param>
    public static int OrderLength(int rows, int size, int batch) => size * (rows == batch ? 1 : EpochsOrdered(rows, size));

    /// <summary>Reads the rows of the next step's window, if they are not on the device: as many as a call has time for.</summary>
    /// <param name="iteration">The number of completed steps.</param>
    /// <returns>Whether all are there.</returns>
    /// <exception cref="CharRnnException">The rows cannot be read.</exception>
    public bool Read(long iteration)
    {
        (long epoch, long step) = Math.DivRem(iteration, _stepsPerEpoch);
        long window = _windows == 1 ? 0 : (epoch * _windows) + (step / _stepsPerWindow);
        if (window != _window)
            (_places, _window, _read) = (_windows == 1 ? [.. Enumerable.Range(0, _size)] : Places(window), window, 0);
        long started = Stopwatch.GetTimestamp();
        while (_read < _places.Length && Stopwatch.GetElapsedTime(started).TotalSeconds < StepRunner.SecondsPerCall)
        {
            int count = Math.Min(RowsAtOnce, _places.Length - _read);
            _buffers.WriteData(_data.Select(new ArraySegment<int>(_places, _read, count)), 0, count, _read);
            _read += count;
        }

        return _read == _places.Length;
    }

    /// <summary>Writes the order of the next steps to the device, if it is not there.</summary>
    /// <param name="iteration">The number of completed steps, whose next has all its rows on the device.</param>
    /// <param name="most">The number of steps to run; it is lowered to those whose order is on the device.</param>
    /// <returns>
    /// The number of rows after which steps begin anew, the number of steps that the order lists, and the place of the next step in it.
    /// </returns>
    public (int Rows, int Ordered, int First) Order(long iteration, ref int most)
    {
        if (_stepsPerEpoch == 1)
        {
            if (_firstOrdered < 0)
                _buffers.WriteOrder([.. Enumerable.Range(0, _size)]);
            _firstOrdered = 0;
            return (_size, 1, 0); // the one epoch, again and again
        }

        // What is ordered are epochs, or windows.
        (long epoch, long step) = Math.DivRem(iteration, _stepsPerEpoch);
        (long turn, int rows, ulong stream) = _windows == 1 ? (epoch, _size, 0UL) : (_window, _places.Length, FirstStream);
        if (_firstOrdered < 0 || turn < _firstOrdered || turn >= _firstOrdered + _epochsOrdered)
        {
            _firstOrdered = turn;
            var order = new int[rows * _epochsOrdered];
            for (int i = 0; i < _epochsOrdered; i++)
                Shuffle(order.AsSpan(i * rows, rows), stream + (ulong)(turn + i));
            _buffers.WriteOrder(order);
        }

        int steps = Parts(rows, _batch), first = (int)((step % _stepsPerWindow) + ((turn - _firstOrdered) * steps));
        most = Math.Min(most, (_epochsOrdered * steps) - first);
        return (rows, _epochsOrdered * steps, first);
    }

    private static int Parts(int rows, int size) => (int)(((long)rows + size - 1) / size);

    private static int EpochsOrdered(int rows, int size) => size < rows ? 1 : Math.Clamp(MostOrdered / rows, 1, StepRunner.MaxSteps);

    /// <summary>The places of the rows of a window in the data, in their order there.</summary>
    private int[] Places(long window)
    {
        (long epoch, long number) = Math.DivRem(window, _windows);
        int length = Math.Clamp(_size / LeastBlocks, 1, MostBlockRows);
        var blocks = new int[Parts(_data.Count, length)];
        Shuffle(blocks, (ulong)epoch);

        // The blocks one behind the other are cut into windows, wherever that is.
        long first = number * _size, last = Math.Min(first + _size, _data.Count), at = 0;
        var parts = new List<(int Begin, int Count)>();
        foreach (int block in blocks)
        {
            int begin = block * length, count = Math.Min(length, _data.Count - begin);
            int from = (int)Math.Clamp(first - at, 0, count), to = (int)Math.Clamp(last - at, 0, count);
            if (from < to)
                parts.Add((begin + from, to - from));
            at += count;
        }

        parts.Sort();
        var places = new int[last - first];
        int filled = 0;
        foreach ((int begin, int count) in parts)
            for (int i = 0; i < count; i++)
                places[filled++] = begin + i;
        return places;
    }

    /// <summary>Computes an order, which depends only on the seed and the stream (Fisher and Yates' shuffle).</summary>
    private void Shuffle(Span<int> rows, ulong stream)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            int j = (int)(Philox.Uniform(_seed, stream, (ulong)i) * (i + 1));
            rows[i] = rows[j];
            rows[j] = i;
        }
    }
}

namespace CharRnn.Reports;

/// <summary>Of a sequence of any length every n-th and the last, where n is the least power of two for which they are few.</summary>
/// <param name="most">Items to keep besides the last; an even number.</param>
internal sealed class Thinned<T>(int most)
{
    private readonly List<T> _kept = [];
    private long _count, _step = 1;
    private T[] _last = [];

    /// <summary>What is left of those that were added, in their order.</summary>
    public IEnumerable<T> Items => _kept.Concat(_last);

    /// <summary>Takes the next.</summary>
    public void Add(T item)
    {
        bool isKept = _count++ % _step == 0;
        _last = isKept ? [] : [item];
        if (!isKept)
            return;
        if (_kept.Count == most)
        {
            // This one's place, most steps from the beginning, is a multiple of twice the step, too.
            for (int i = 0; i < most / 2; i++)
                _kept[i] = _kept[2 * i];
            _kept.RemoveRange(most / 2, most / 2);
            _step *= 2;
        }

        _kept.Add(item);
    }
}

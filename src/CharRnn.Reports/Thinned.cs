namespace CharRnn.Reports;

/// <summary>
/// Keeps every n-th item of a sequence of any length, and the last one. n is the smallest power of two that keeps few enough.
/// </summary>
/// <param name="most">Items to keep besides the last; an even number.</param>
internal sealed class Thinned<T>(int most)
{
    private readonly List<T> _kept = [];
    private long _count, _step = 1;
    private T[] _last = [];

    /// <summary>The items that were kept, in their order.</summary>
    public IEnumerable<T> Items => _kept.Concat(_last);

    /// <summary>Adds the next item.</summary>
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

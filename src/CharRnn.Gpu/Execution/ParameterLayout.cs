using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// Where a model's tensors lie in the arenas that hold one value per parameter: weights first, then biases, each in the order of
/// the shape's list. The one place that knows it: buffers, kernels and the memory estimate follow.
/// </summary>
internal sealed class ParameterLayout
{
    // A segment of so many lines of 16 floats is worth a call.
    private const int LinesPerSegment = 64, MostSegments = 256;

    private readonly Place[] _places;

    public ParameterLayout(IModelShape shape)
    {
        Shape = shape;
        _places = new Place[shape.Tensors.Count];
        foreach (bool isBias in (bool[])[false, true])
        {
            foreach ((int i, TensorSpec spec) in shape.Tensors.Index())
            {
                if ((spec.Role == TensorRole.Bias) != isBias)
                    continue;
                bool inPanels = spec.Role is TensorRole.Matrix or TensorRole.InputMatrix;
                Layout layout = inPanels ? Layout.Panels(spec.Rows) : Layout.Rows((int)RnnDims.PaddedRow((long)spec.Columns));
                long length = inPanels ? PanelsLength(spec.Rows, spec.Columns) : spec.Rows * RnnDims.PaddedRow((long)spec.Columns);
                bool isTransposed = spec.Role == TensorRole.Matrix;
                _places[i] = new Place(spec, layout, Length, length, isTransposed ? TransposedLength : -1);
                Length += length;
                if (isTransposed)
                    TransposedLength += PanelsLength(spec.Columns, spec.Rows);
            }

            if (!isBias)
                WeightsLength = Length;
        }
    }

    /// <summary>The model.</summary>
    public IModelShape Shape { get; }

    /// <summary>The tensors, in the order of the shape's list.</summary>
    public IReadOnlyList<Place> Places => _places;

    /// <summary>Floats of an arena.</summary>
    public long Length { get; }

    /// <summary>Floats of its weights, which lie before its biases.</summary>
    public long WeightsLength { get; }

    /// <summary>Floats of the transposes that the way back reads.</summary>
    public long TransposedLength { get; }

    /// <summary>
    /// Segments of an arena, whose sums of squares make the gradient's norm. Their number depends on the length alone, so that no
    /// plan changes the norm.
    /// </summary>
    public int Segments => (int)Math.Clamp(Length / Layout.PanelWidth / LinesPerSegment, 1, MostSegments);

    /// <summary>The matrices whose transposes are kept.</summary>
    public TransposedMatrix[] Transposes =>
    [
        .. _places.Where(place => place.Transposed >= 0)
            .Select(place => new TransposedMatrix((int)place.Offset, place.Spec.Rows, place.Spec.Columns, (int)place.Transposed)),
    ];

    /// <summary>Floats that a matrix takes in panels.</summary>
    public static long PanelsLength(int rows, int columns) =>
        (columns + Layout.PanelWidth - 1L) / Layout.PanelWidth * rows * Layout.PanelWidth;

    /// <summary>A tensor's place.</summary>
    /// <param name="Spec">The tensor.</param>
    /// <param name="Layout">How it lies.</param>
    /// <param name="Offset">Where it begins in an arena.</param>
    /// <param name="Length">Floats that it takes there, the padding included.</param>
    /// <param name="Transposed">Where its transpose begins among the transposes; -1 if none is kept.</param>
    public readonly record struct Place(TensorSpec Spec, Layout Layout, long Offset, long Length, long Transposed);
}

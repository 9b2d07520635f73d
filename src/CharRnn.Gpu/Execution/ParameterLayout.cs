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
                int columns = (int)Math.Min(GateColumns.Count((long)spec.Columns / spec.Gates, spec.Gates), int.MaxValue);
                bool inPanels = spec.Role is TensorRole.Matrix or TensorRole.InputMatrix;
                Layout layout = inPanels ? Layout.Panels(spec.Rows) : Layout.Rows((int)RnnDims.PaddedRow((long)columns));
                long length = inPanels ? PanelsLength(spec.Rows, columns) : spec.Rows * RnnDims.PaddedRow((long)columns);
                bool isTransposed = spec.Role == TensorRole.Matrix;
                _places[i] = new Place(spec, columns, layout, Length, length, isTransposed ? TransposedLength : -1);
                Length += length;
                if (isTransposed)
                    TransposedLength += PanelsLength(columns, spec.Rows);
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
            .Select(place => new TransposedMatrix((int)place.Offset, place.Spec.Rows, place.Columns, (int)place.Transposed)),
    ];

    /// <summary>Floats that a matrix takes in panels.</summary>
    public static long PanelsLength(int rows, int columns) =>
        (columns + Layout.PanelWidth - 1L) / Layout.PanelWidth * rows * Layout.PanelWidth;

    /// <summary>A tensor's place.</summary>
    /// <param name="Spec">The tensor.</param>
    /// <param name="Columns">The number of its columns there, where gates are interleaved: see <see cref="GateColumns"/>.</param>
    /// <param name="Layout">How it lies.</param>
    /// <param name="Offset">Where it begins in an arena.</param>
    /// <param name="Length">Floats that it takes there, the padding included.</param>
    /// <param name="Transposed">Where its transpose begins among the transposes; -1 if none is kept.</param>
    public readonly record struct Place(TensorSpec Spec, int Columns, Layout Layout, long Offset, long Length, long Transposed)
    {
        /// <summary>The tensor's values as an arena holds them, padded with zeros.</summary>
        public float[] ToDevice(float[] values) => Padding.Add(Interleaved(values), Spec.Rows, Columns, Layout, Length);

        /// <summary>The values of the transpose as a device holds them.</summary>
        public float[] ToTransposed(float[] values) => Padding.Add(
            Padding.Transpose(Interleaved(values), Spec.Rows, Columns), Columns, Spec.Rows, Layout.Panels(Columns), TransposedLength);

        /// <summary>The tensor's values from what an arena holds.</summary>
        public float[] ToHost(float[] values) => Padding.Separate(
            Padding.Remove(values, Spec.Rows, Columns, Layout), Spec.Rows, Spec.Columns / Spec.Gates, Spec.Gates);

        /// <summary>Floats of its transpose.</summary>
        public long TransposedLength => PanelsLength(Columns, Spec.Rows);

        private float[] Interleaved(float[] values) => Padding.Interleave(values, Spec.Rows, Spec.Columns / Spec.Gates, Spec.Gates);
    }
}

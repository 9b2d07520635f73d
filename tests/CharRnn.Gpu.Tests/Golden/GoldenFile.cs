using System.Globalization;
using CharRnn.Files;
using CharRnn.Model;

namespace CharRnn.Gpu.Tests.Golden;

/// <summary>
/// A file of tests/golden: what a NumPy program that shares nothing with this one computes in float64. Its README names the tensors.
/// </summary>
internal sealed class GoldenFile(string name) : IDisposable
{
    private readonly SafetensorsFile _file = SafetensorsFile.Open(PathOf(name + ".safetensors"));

    public static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, "golden", name);

    public string Text(string key) => _file.Metadata[key];

    public double Number(string key) => double.Parse(Text(key), CultureInfo.InvariantCulture);

    public double[] Values(string tensor, params long[] dimensions) => _file.ReadDoubles(tensor, dimensions);

    /// <summary>The parameters of a model. The file's matrices are [outputs, inputs] and are turned over to [inputs, outputs].</summary>
    public ParameterSet<double> Parameters(ModelShape shape, string prefix)
    {
        var parameters = new ParameterSet<double>(shape);
        foreach ((TensorSpec spec, double[] to) in parameters.Tensors)
        {
            double[] values = Values(NameOf(spec, prefix), spec.Role == TensorRole.Bias ? [spec.Columns] : [spec.Columns, spec.Rows]);
            for (int i = 0; i < to.Length; i++)
                to[i] = values[(i % spec.Columns * spec.Rows) + (i / spec.Columns)];
        }

        return parameters;
    }

    /// <summary>Compares each tensor of a set with the file's.</summary>
    public void Compare(double tolerance, string prefix, ParameterSet<double> actual)
    {
        foreach (var (e, a) in Parameters((ModelShape)actual.Shape, prefix).Tensors.Zip(actual.Tensors))
            Agreement.Within(tolerance, e.Values, a.Values, NameOf(e.Spec, prefix));
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Files of nothing but one vanilla layer leave the layer's number out.</summary>
    private string NameOf(TensorSpec spec, string prefix)
    {
        string full = $"{prefix}.{spec.Name}";
        return _file.Tensors.Any(tensor => tensor.Name == full) ? full : $"{prefix}.{spec.Symbol}";
    }
}

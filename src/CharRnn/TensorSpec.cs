namespace CharRnn;

/// <summary>The role of a tensor in its model, which decides how a device lays it out and what is computed with it.</summary>
public enum TensorRole
{
    /// <summary>A matrix that rows of activations are multiplied by, forward and back.</summary>
    Matrix,

    /// <summary>A matrix that the model's inputs are multiplied by: nobody asks for their gradient.</summary>
    InputMatrix,

    /// <summary>A matrix whose rows are looked up, one for each character.</summary>
    Table,

    /// <summary>One row, added to others.</summary>
    Bias,
}

/// <summary>A named tensor of a model, as its shape lists it.</summary>
/// <param name="Name">The name of the tensor in files.</param>
/// <param name="Rows">The number of inputs: rows in the row-vector convention of E1 and E2; 1 for a bias.</param>
/// <param name="Columns">The number of outputs; those of a cell with several gates come gate after gate.</param>
/// <param name="Role">The role of the tensor in its model.</param>
/// <param name="Gates">The number of gates that share the columns.</param>
public readonly record struct TensorSpec(string Name, int Rows, int Columns, TensorRole Role, int Gates = 1)
{
    /// <summary>Values in it.</summary>
    public long Count => (long)Rows * Columns;

    /// <summary>Its symbol in the mathematics: the name without its layer.</summary>
    public string Symbol => Name[(Name.LastIndexOf('.') + 1)..];
}

/// <summary>The sizes of a model. Everything that holds, counts or moves parameters follows the list of tensors that they yield.</summary>
public interface IModelShape
{
    /// <summary>The tensors, in the order in which files hold them.</summary>
    IReadOnlyList<TensorSpec> Tensors { get; }
}

/// <summary>Properties that follow from a list of tensors.</summary>
public static class ModelShapes
{
    extension(IModelShape shape)
    {
        /// <summary>Number of parameters.</summary>
        public long ParameterCount => shape.Tensors.Sum(tensor => tensor.Count);

        /// <summary>
        /// Floating-point operations to train on one row of input, a multiply-add counted as two: forward, and twice that
        /// backward, less what nobody asks for; a look-up counts nothing.
        /// </summary>
        public double TrainingFlops => shape.Tensors.Sum(tensor => tensor.Role switch
        {
            TensorRole.Matrix => 6.0 * tensor.Count,
            TensorRole.InputMatrix => 4.0 * tensor.Count,
            _ => 0,
        });
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// What follows the products of a time step for a CPU worker: the cells' own arithmetic. Each cell is a file, in which a worker finds it
/// for a vector of units, and a thread of a group, which <see cref="GroupRecurrence"/> leads, for one unit.
/// </summary>
internal static unsafe class Cells
{
    /// <summary>A cell as a CPU worker computes it.</summary>
    public interface ICell
    {
        /// <summary>The number of gates.</summary>
        static abstract int Gates { get; }

        /// <summary>Computes the gates and the new state of a vector of units, whose gates are 16 floats apart.</summary>
        /// <param name="p">The values of the first stream.</param>
        /// <param name="at">The place of the units' values behind those.</param>
        /// <param name="gate">The place of their first gate behind that.</param>
        /// <param name="unit">The number of the first unit in the block.</param>
        static abstract void Forward(in CellPointers p, long at, long gate, int unit);

        /// <summary>Computes the gradients at the pre-activations, and the carry.</summary>
        /// <inheritdoc cref="Forward"/>
        static abstract void Backward(in CellPointers p, long at, long gate, int unit);
    }

    /// <summary>What is computed of a vector of units: a cell's forward or backward pass.</summary>
    private interface IPass
    {
        static abstract int Gates { get; }

        static abstract void Run(in CellPointers p, long at, long gate, int unit);
    }

    private readonly struct ForwardPass<T> : IPass
        where T : struct, ICell
    {
        public static int Gates => T.Gates;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Run(in CellPointers p, long at, long gate, int unit) => T.Forward(p, at, gate, unit);
    }

    private readonly struct BackwardPass<T> : IPass
        where T : struct, ICell
    {
        public static int Gates => T.Gates;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Run(in CellPointers p, long at, long gate, int unit) => T.Backward(p, at, gate, unit);
    }

    /// <summary>Where a time step of some streams lies in a worker's memory. What a cell has not is not read.</summary>
    public struct CellPointers
    {
        /// <summary>The gates, which on the way back their gradients replace; in a vanilla cell only the gradients are here then.</summary>
        public float* Gates;

        /// <summary>What belongs to them in <see cref="ForwardViews.Recurrent"/>.</summary>
        public float* Recurrent;

        /// <summary>h[t] and c[t], and those of the time step before.</summary>
        public float* H, C, PreviousH, PreviousC;

        /// <summary>bhn.</summary>
        public float* Bias;

        /// <summary>The gradient of h, and the carry.</summary>
        public float* Dh, Carry;
    }

    /// <summary>Computes the gates and the new states of a time step. Only CPU workers call it.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="p">The values of the first stream.</param>
    /// <param name="d">Sizes.</param>
    /// <param name="rows">Number of streams.</param>
    /// <param name="units">Number of units; whole vectors are computed.</param>
    public static void Forward(int cell, CellPointers p, RnnDims d, int rows, int units)
    {
        if (cell == CellKind.Lstm)
            Each<ForwardPass<LstmCell>>(p, d, rows, units);
        else if (cell == CellKind.Gru)
            Each<ForwardPass<GruCell>>(p, d, rows, units);
        else
            Each<ForwardPass<RnnCell>>(p, d, rows, units);
    }

    /// <summary>Computes the gradients at the pre-activations of a time step. Only CPU workers call it.</summary>
    /// <inheritdoc cref="Forward"/>
    public static void Backward(int cell, CellPointers p, RnnDims d, int rows, int units)
    {
        if (cell == CellKind.Lstm)
            Each<BackwardPass<LstmCell>>(p, d, rows, units);
        else if (cell == CellKind.Gru)
            Each<BackwardPass<GruCell>>(p, d, rows, units);
        else
            Each<BackwardPass<RnnCell>>(p, d, rows, units);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Each<T>(CellPointers p, RnnDims d, int rows, int units)
        where T : struct, IPass
    {
        for (int r = 0; r < rows; r++)
        {
            long at = (long)r * d.HRow, gate = (long)r * d.GateRow;
            for (int u = 0; u < units;)
            {
                T.Run(p, at, gate, u);
                u += Vector<float>.Count;
                at += Vector<float>.Count;
                gate += Vector<float>.Count;
                if (T.Gates > 1 && u % Layout.PanelWidth == 0)
                    gate += (T.Gates - 1) * Layout.PanelWidth; // the other gates of the panel
            }
        }
    }
}

using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Kernels.Primitives;

// Products of a single row, such as those of a time step of one stream.
public static unsafe partial class Product
{
    private readonly partial struct Section<TVector, TMath>
    {
        /// <summary>Computes one row of C, many vectors at a time: loading B limits the speed, and many sums hide the latency.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void SingleRow(float* a, int aStep, float* b, Layout bLayout, int width, int sweep)
        {
            // Each round has whole panels, spread evenly, and at most 14 vectors, which leave two of 16 registers to work with.
            int panels = Layout.PanelCount(width), most = 14 * Lanes<TVector>() / Layout.PanelWidth;
            int rounds = (panels + most - 1) / most;
            if (rounds == 1 && panels * k * CacheLine > FirstLevelBytes)
                rounds = 2; // two halves may fit in the cache where the whole does not
            for (int i = 0; i < rounds; i++)
            {
                int round = sweep % 2 == 0 ? i : rounds - 1 - i;
                int column = panels * round / rounds * Layout.PanelWidth;
                int end = Math.Min(width, panels * (round + 1) / rounds * Layout.PanelWidth);
                Row((end - column) / Lanes<TVector>(), a, aStep, b + Place(bLayout, column), bLayout, c + Place(cLayout, column));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Row(int vectors, float* a, int aStep, float* b, Layout bLayout, float* pc)
        {
            switch (vectors)
            {
                case 14: Row<Fourteen>(a, aStep, b, bLayout, pc); break;
                case 13: Row<Thirteen>(a, aStep, b, bLayout, pc); break;
                case 12: Row<Twelve>(a, aStep, b, bLayout, pc); break;
                case 11: Row<Eleven>(a, aStep, b, bLayout, pc); break;
                case 10: Row<Ten>(a, aStep, b, bLayout, pc); break;
                case 9: Row<Nine>(a, aStep, b, bLayout, pc); break;
                case 8: Row<Eight>(a, aStep, b, bLayout, pc); break;
                case 7: Row<Seven>(a, aStep, b, bLayout, pc); break;
                case 6: Row<Six>(a, aStep, b, bLayout, pc); break;
                case 5: Row<Five>(a, aStep, b, bLayout, pc); break;
                case 4: Row<Four>(a, aStep, b, bLayout, pc); break;
                case 3: Row<Three>(a, aStep, b, bLayout, pc); break;
                case 2: Row<Two>(a, aStep, b, bLayout, pc); break;
                default: Row<One>(a, aStep, b, bLayout, pc); break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void Row<TCount>(float* a, int aStep, float* b, Layout bLayout, float* pc)
            where TCount : struct, ICount
        {
            TVector c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default;
            TVector c7 = default, c8 = default, c9 = default, c10 = default, c11 = default, c12 = default, c13 = default;
            long panel = bLayout.Panel;
            for (int step = k; step > 0; step--)
            {
                var broadcast = TMath.Repeat(*a);
                MultiplyAdd<TCount>(0, broadcast, b, panel, ref c0);
                MultiplyAdd<TCount>(1, broadcast, b, panel, ref c1);
                MultiplyAdd<TCount>(2, broadcast, b, panel, ref c2);
                MultiplyAdd<TCount>(3, broadcast, b, panel, ref c3);
                MultiplyAdd<TCount>(4, broadcast, b, panel, ref c4);
                MultiplyAdd<TCount>(5, broadcast, b, panel, ref c5);
                MultiplyAdd<TCount>(6, broadcast, b, panel, ref c6);
                MultiplyAdd<TCount>(7, broadcast, b, panel, ref c7);
                MultiplyAdd<TCount>(8, broadcast, b, panel, ref c8);
                MultiplyAdd<TCount>(9, broadcast, b, panel, ref c9);
                MultiplyAdd<TCount>(10, broadcast, b, panel, ref c10);
                MultiplyAdd<TCount>(11, broadcast, b, panel, ref c11);
                MultiplyAdd<TCount>(12, broadcast, b, panel, ref c12);
                MultiplyAdd<TCount>(13, broadcast, b, panel, ref c13);
                a += aStep;
                b += bLayout.Row;
            }

            Put<TCount>(0, pc, c0);
            Put<TCount>(1, pc, c1);
            Put<TCount>(2, pc, c2);
            Put<TCount>(3, pc, c3);
            Put<TCount>(4, pc, c4);
            Put<TCount>(5, pc, c5);
            Put<TCount>(6, pc, c6);
            Put<TCount>(7, pc, c7);
            Put<TCount>(8, pc, c8);
            Put<TCount>(9, pc, c9);
            Put<TCount>(10, pc, c10);
            Put<TCount>(11, pc, c11);
            Put<TCount>(12, pc, c12);
            Put<TCount>(13, pc, c13);
        }

        /// <summary>
        /// The place of a row's i-th vector behind the begin of a panel. The compiler knows all of it but the distance between panels.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static long VectorPlace(int i, long panel) =>
            (i * Lanes<TVector>() / Layout.PanelWidth * panel) + (i * Lanes<TVector>() % Layout.PanelWidth);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void MultiplyAdd<TCount>(int i, TVector broadcast, float* b, long panel, ref TVector sum)
            where TCount : struct, ICount
        {
            if (i < TCount.Value)
                sum = TMath.FusedMultiplyAdd(broadcast, *(TVector*)(b + VectorPlace(i, panel)), sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Put<TCount>(int i, float* pc, TVector sum)
            where TCount : struct, ICount
        {
            if (i < TCount.Value)
                Put(pc + VectorPlace(i, cLayout.Panel), sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Put(float* to, TVector sum) => *(TVector*)to = accumulate ? TMath.Add(*(TVector*)to, sum) : sum;
    }
}

using CharRnn.Gpu.Tests.Storage;
using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Model;

public sealed class VocabularyTransferTests
{
    [Theory]
    [MemberData(nameof(Samples.CellsAndLayers), MemberType = typeof(Samples))]
    public void What_belongs_to_a_character_moves_with_it_and_all_else_stays(RecurrentCell cell, int layers)
    {
        const int H = 3;
        Vocabulary before = Samples.Vocabulary("abcde"), after = Samples.Vocabulary("!bdaz");
        var shape = new ModelShape(5, H, cell, layers);
        ParameterSet<float> old = Samples.Weights(shape);
        VocabularyTransfer transfer = VocabularyTransfer.Of(new CharacterModel(before, old), after, seed: 7);
        Assert.Equal("!z", new string([.. transfer.Added.Select(c => (char)c)]));
        Assert.Equal("ce", new string([.. transfer.Dropped.Select(c => (char)c)]));
        Assert.Equal(shape, transfer.Weights.Shape);

        // Row by row of the table, and column by column of Why and by.
        ParameterSet<float> fresh = InitialWeights.Create(shape, 7);
        int columns = shape.Gates * H;
        foreach ((int token, int c) in after.CodePoints.Index())
        {
            bool isOld = before.TryGetToken(c, out int was);
            (ParameterSet<float> from, int place) = isOld ? (old, was) : (fresh, token);
            Assert.Equal(
                from.Layer(0).Wxh[(place * columns)..((place + 1) * columns)],
                transfer.Weights.Layer(0).Wxh[(token * columns)..((token + 1) * columns)]);
            for (int unit = 0; unit < H; unit++)
                Assert.Equal(from.Why[(unit * 5) + place], transfer.Weights.Why[(unit * 5) + token]);
            Assert.Equal(isOld ? old.By[was] : old.By.Min(), transfer.Weights.By[token]);
        }

        for (int tensor = shape.WhhOf(0); tensor < shape.Why; tensor++)
            Assert.Equal(old[tensor], transfer.Weights[tensor]);
    }
}

using CharRnn.Files;
using CharRnn.Runs;

namespace CharRnn.Storage;

/// <summary>Finds the checkpoint that a run goes on from.</summary>
public static class CheckpointRecovery
{
    /// <summary>
    /// Loads the last checkpoint; if it is damaged, it is put aside under a new name, and the newest older one that is intact takes its
    /// place.
    /// </summary>
    /// <param name="run">The run's directory.</param>
    /// <param name="warn">Takes a line about a damaged checkpoint.</param>
    /// <exception cref="CharRnnException">
    /// The exception of <see cref="CheckpointFile.Load"/>: for the last checkpoint, if none is intact; or for any checkpoint that cannot
    /// be read, or is intact but of another kind or a newer version.
    /// </exception>
    public static Checkpoint LoadCheckpoint(this RunDirectory run, Action<string> warn)
    {
        try
        {
            return CheckpointFile.Load(run.CheckpointPath);
        }
        catch (CharRnnException e) when (IsDamage(e))
        {
            foreach (int age in run.OlderCheckpointAges)
            {
                Checkpoint older;
                try
                {
                    older = CheckpointFile.Load(run.OlderCheckpointPath(age));
                }
                catch (CharRnnException another) when (IsDamage(another))
                {
                    continue;
                }

                string aside = run.FallBack(age);
                warn(
                    $"{e.Message}; going on from the checkpoint of iteration {older.Snapshot.Iteration}, "
                        + $"and {aside} keeps the damaged one");
                return older;
            }

            throw;
        }
    }

    /// <summary>Whether a file is damaged, rather than of another kind or unreadable.</summary>
    internal static bool IsDamage(CharRnnException e) => e.InnerException is not { } cause || !FileErrors.IsFileFailure(cause);
}

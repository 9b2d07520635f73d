using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;
using CharRnn.Files;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Text;

/// <summary>
/// A directory that keeps the tokens of large texts, so that the next start reads a text only to see that it is the same.
/// A file in it is named by the text's length and hash and by the format's version, is in the safetensors format, and is
/// checked whole before it is used. It may be deleted at any time without loss.
/// </summary>
/// <param name="directory">The directory, which is created when it is first needed.</param>
public sealed partial class TokenCache(string directory)
{
    private const string Version = "1", Format = "charrnn-tokens";
    private const string Mark = "charrnn-", Extension = $".v{Version}.tokens", PartExtension = ".tokens-part";
    private const string Tokens = "tokens", Counts = "counts", Widths = "widths", Characters = "characters", TokenOfId = "token-of-id";
    private const int HeaderBytes = 4096;

    // No reading of a text takes a day.
    private static readonly TimeSpan UnusedFor = TimeSpan.FromDays(30), WrittenFor = TimeSpan.FromDays(1);

    /// <summary>This program's folder in the operating system's folder for a user's caches; null if there is none.</summary>
    public static string? DefaultDirectory
    {
        get
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            string? caches = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.IsPathRooted(Environment.GetEnvironmentVariable("XDG_CACHE_HOME"))
                    ? Environment.GetEnvironmentVariable("XDG_CACHE_HOME")
                : home.Length == 0 ? null
                : Path.Combine(home, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
            return string.IsNullOrEmpty(caches) ? null : Path.Combine(caches, "charrnn");
        }
    }

    /// <summary>Whether it may hold the tokens of a text of this many bytes, so that hashing the text is worth while.</summary>
    internal bool MayHold(long bytes)
    {
        try
        {
            return Directory.Exists(directory) && Directory.EnumerateFiles(directory, $"{Mark}{Number(bytes)}-*{Extension}").Any();
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            return false;
        }
    }

    /// <summary>The tokens of a text, if it has them and they are intact.</summary>
    /// <param name="bytes">The text's length, byte order marks included.</param>
    /// <param name="hash"><see cref="Corpus.Hash"/> of the text.</param>
    /// <param name="encoding">What a character is.</param>
    /// <param name="notes">Takes a line about what was found.</param>
    /// <param name="cancellation">Ends the checking.</param>
    internal CachedTokens? Find(long bytes, string hash, TextEncoding encoding, List<string> notes, CancellationToken cancellation)
    {
        string path = PathOf(bytes, hash);
        if (!File.Exists(path))
            return null;
        try
        {
            CachedTokens found = Read(path, hash, encoding, cancellation);
            Touch(path);
            notes.Add($"{path}: has the tokens of this text");
            return found;
        }
        catch (Exception e) when (e is CharRnnException || FileErrors.IsFileFailure(e))
        {
            notes.Add($"{path}: cannot be used and is made again");
            return null;
        }
    }

    /// <summary>Begins to keep the tokens of a text; tidies the directory.</summary>
    /// <param name="bytes">The text's length, byte order marks included.</param>
    /// <param name="notes">Takes a line about why they cannot be kept.</param>
    /// <returns>Null if they cannot be kept.</returns>
    internal Entry? Begin(long bytes, List<string> notes)
    {
        try
        {
            string full = Path.GetFullPath(directory);
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(full);
            else // a text may be private
                Directory.CreateDirectory(full, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            RemoveUnused(full);

            // A character of one byte takes two where its neighbours need two.
            long needed = 2 * bytes, free = FreeSpace(full);
            if (free < needed)
                throw new IOException($"needs up to {needed / 1e6:F1} MB, {free / 1e6:F1} MB are free");
            return new Entry(this, Path.Combine(full, $"{Mark}{Path.GetRandomFileName()}{PartExtension}"), bytes);
        }
        catch (Exception e) when (e is ArgumentException || FileErrors.IsFileFailure(e))
        {
            notes.Add(NotKept(e));
            return null;
        }
    }

    /// <summary>Why tokens are not kept.</summary>
    internal string NotKept(Exception e) =>
        $"{directory}: the tokens of this text are not kept for the next start ({e.Message.TrimEnd('.')})";

    private static CachedTokens Read(string path, string hash, TextEncoding encoding, CancellationToken cancellation)
    {
        using var file = SafetensorsFile.Open(path);
        string? Key(string key) => file.Metadata.GetValueOrDefault(key);
        if (Key("format") != Format || Key("version") != Version || Key("hash") != hash
            || Key("checksum") != file.ReadChecksum(cancellation))
            throw FileErrors.Damaged(path, "its metadata describe another text");

        long[] counts = file.ReadIntegers(Counts, 2);
        (long length, long chunkTokens) = (counts[0], counts[1]);
        long[] widths = file.ReadIntegers(Widths, file.Entry(Widths).Count);
        long[] characters = file.ReadIntegers(Characters, file.Entry(Characters).Count);
        long[] tokenOfId = file.ReadIntegers(TokenOfId, characters.Length);
        if (chunkTokens is < 1 or > int.MaxValue || length < 1 || length > file.Entry(Tokens).Count
            || widths.Length != (length + chunkTokens - 1) / chunkTokens
            || widths.Any(width => width is not (1 or 2 or 4))
            || !tokenOfId.Order().SequenceEqual(Enumerable.Range(0, characters.Length).Select(i => (long)i)))
            throw FileErrors.Damaged(path, "its tensors do not agree with each other");

        var chunks = new PackedChunk[widths.Length];
        long offset = 0, begin = file.PayloadOffset + file.Entry(Tokens).Begin;
        for (int i = 0; i < chunks.Length; i++)
        {
            chunks[i] = new PackedChunk(null, begin + offset, (int)widths[i]);
            offset += widths[i] * Math.Min(chunkTokens, length - (i * chunkTokens));
        }

        file.Require(Tokens, SafetensorsDtype.U8, offset);
        Vocabulary vocabulary;
        try
        {
            vocabulary = new Vocabulary(encoding, characters.Select(c => (int)c));
        }
        catch (ArgumentException e)
        {
            throw FileErrors.Damaged(path, "its characters are not valid", e);
        }

        SafeFileHandle handle = RegularFile.OpenHandle(path);
        var tokens = new PackedFile(handle, 0, e => Unreadable(path, e), e => Unreadable(path, e));
        return new CachedTokens(vocabulary, new TokenStore(chunks, (int)chunkTokens, length, [.. tokenOfId.Select(t => (int)t)], tokens));
    }

    private static CharRnnException Unreadable(string path, Exception e) =>
        new(
            path, $"the tokens that it keeps cannot be read ({e.Message.TrimEnd('.')})",
            "delete it and go on with --resume: it is made again", e);

    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            // Another's file, or a read-only one: it is only removed sooner.
        }
    }

    /// <summary>Deletes what was not used for a month, and what killed processes left.</summary>
    private static void RemoveUnused(string directory)
    {
        foreach (string path in Directory.EnumerateFiles(directory, $"{Mark}*"))
        {
            try
            {
                string name = Path.GetFileName(path);
                TimeSpan age = DateTime.UtcNow - File.GetLastWriteTimeUtc(path);
                if ((PartName().IsMatch(name) && age > WrittenFor) || (EntryName().IsMatch(name) && age > UnusedFor))
                    File.Delete(path);
            }
            catch (Exception e) when (FileErrors.IsFileFailure(e))
            {
                // In use.
            }
        }
    }

    private static long FreeSpace(string directory)
    {
        try
        {
            return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(directory)! : directory).AvailableFreeSpace;
        }
        catch (Exception e) when (e is ArgumentException || FileErrors.IsFileFailure(e))
        {
            return long.MaxValue; // a network share does not tell
        }
    }

    private string PathOf(long bytes, string hash) => Path.Combine(directory, $"{Mark}{Number(bytes)}-{hash}{Extension}");

    [GeneratedRegex(@"^charrnn-\d+-[0-9a-f]{32}\.v\d+\.tokens$")]
    private static partial Regex EntryName();

    [GeneratedRegex(@"^charrnn-\w{8}\.\w{3}\.tokens-part$")]
    private static partial Regex PartName();

    private static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    /// <summary>The tokens of a text while they are collected; disposed before they are kept, they are gone.</summary>
    internal sealed class Entry : IDisposable
    {
        private readonly TokenCache _cache;
        private readonly string _path;
        private readonly long _bytes;
        private bool _isKept;

        public Entry(TokenCache cache, string path, long bytes)
        {
            (_cache, _path, _bytes) = (cache, path, bytes);

            SafeFileHandle handle = PackedFile.Create(path, FileShare.Read | FileShare.Delete);
            Destination = new PackedFile(handle, HeaderBytes, e => new TokenCacheException(e), e => Unreadable(path, e));
        }

        /// <summary>The file for the tokens.</summary>
        public PackedFile Destination { get; }

        /// <summary>Keeps what was collected, and goes on reading from it.</summary>
        /// <param name="hash"><see cref="Corpus.Hash"/> of the text.</param>
        /// <param name="vocabulary">The text's characters.</param>
        /// <param name="tokenOfId">The token of every id.</param>
        /// <param name="tokens">The store built over <see cref="Destination"/>.</param>
        /// <param name="notes">Takes a line about where they are kept, or why not.</param>
        public void Keep(string hash, Vocabulary vocabulary, int[] tokenOfId, TokenStore tokens, List<string> notes)
        {
            SafetensorsTensor[] tensors =
            [
                Integers(Counts, [tokens.Length, tokens.ChunkTokens]), Integers(Widths, [.. tokens.ChunkWidths.Select(w => (long)w)]),
                Integers(Characters, [.. vocabulary.CodePoints.Select(c => (long)c)]),
                Integers(TokenOfId, [.. tokenOfId.Select(t => (long)t)]),
            ];
            try
            {
                long packed = Destination.Length - HeaderBytes;
                foreach (SafetensorsTensor tensor in tensors)
                    tensor.CopyTo(piece => Destination.Append(piece));
                var metadata = new Dictionary<string, string>
                {
                    ["format"] = Format,
                    ["version"] = Version,
                    ["hash"] = hash,
                    ["checksum"] = SafetensorsTensor.ChecksumText(Destination.Checksum),
                };
                var header = new SafetensorsHeader(
                    metadata, [new(Tokens, SafetensorsDtype.U8, [packed], 0, packed), .. SafetensorsHeader.Lay(tensors, packed)]);
                byte[] head = new byte[HeaderBytes];
                head.AsSpan().Fill((byte)' ');
                BinaryPrimitives.WriteInt64LittleEndian(head, HeaderBytes - sizeof(long));
                header.Build().CopyTo(head, sizeof(long));
                Destination.Write(head, 0);

                string path = _cache.PathOf(_bytes, hash);
                File.Move(_path, path, overwrite: true);
                _isKept = true;
                notes.Add($"{path}: keeps the tokens of this text for the next start");
            }
            catch (Exception e) when (e is TokenCacheException || FileErrors.IsFileFailure(e))
            {
                notes.Add(_cache.NotKept(e));
            }
        }

        /// <summary>Deletes the name of a file that is not kept: the file itself is gone as soon as nobody reads it.</summary>
        public void Dispose()
        {
            if (_isKept)
                return;
            try
            {
                File.Delete(_path);
            }
            catch (Exception e) when (FileErrors.IsFileFailure(e))
            {
                // The next text to be kept tidies up.
            }
        }

        private static SafetensorsTensor Integers(string name, long[] values) => new(name, [values.Length], values);
    }
}

/// <summary>The tokens of a text in a cache.</summary>
internal sealed record CachedTokens(Vocabulary Vocabulary, TokenStore Tokens);

/// <summary>A cache refuses what it is given: the text is to be read again without it.</summary>
internal sealed class TokenCacheException(Exception cause) : Exception(cause.Message, cause);

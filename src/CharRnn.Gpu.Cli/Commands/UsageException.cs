namespace CharRnn.Gpu.Cli.Commands;

/// <summary>An error that the command line, with the configuration it names, shows by itself.</summary>
internal sealed class UsageException(string message) : Exception(message);

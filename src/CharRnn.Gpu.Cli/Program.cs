using System.Runtime.CompilerServices;
using CharRnn.Gpu.Cli;

return OpenFileLimit.Suffices() ? Run(args) : 1;

// Apart, so that nothing that it needs is loaded before.
[MethodImpl(MethodImplOptions.NoInlining)]
static int Run(string[] args) => CommandLine.Run(args);

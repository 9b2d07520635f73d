using System.Runtime.CompilerServices;
using CharRnn.Gpu.Cli;

return OpenFileLimit.Suffices() ? Run(args) : 1;

// A method of its own, so that nothing that it needs is loaded earlier.
[MethodImpl(MethodImplOptions.NoInlining)]
static int Run(string[] args) => CommandLine.Run(args);

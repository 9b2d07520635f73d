return CharRnn.Gpu.Cli.CommandLine.Run(args);

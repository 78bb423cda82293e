using ThpCheck.Checker.CommandLine;

using var interrupt = new Interrupt();
return App.Run(args, Streams.OfConsole(), interrupt.Stop, interrupt.Hurry);

import Commands
import Glibc

exit(CommandLineProgram.run(arguments: Array(CommandLine.arguments.dropFirst())))

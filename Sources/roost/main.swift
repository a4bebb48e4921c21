import Commands
import Glibc

exit(CommandLineProgram.run())

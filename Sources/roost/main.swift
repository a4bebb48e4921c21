import Commands
import Glibc
import Sessions

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.first == "keeper" { exit(runKeeper(arguments: Array(arguments.dropFirst()))) }

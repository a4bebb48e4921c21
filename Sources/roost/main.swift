import Commands
import Glibc

var environment: [String: String] = [:]
var entry = environ
while let variable = entry.pointee {
  let text = String(cString: variable)
  if let equals = text.firstIndex(of: "="), environment[String(text[..<equals])] == nil {
    environment[String(text[..<equals])] = String(text[text.index(after: equals)...])
  }
  entry += 1
}
exit(CommandLineProgram.run(arguments: Array(CommandLine.arguments.dropFirst()), environment: environment))

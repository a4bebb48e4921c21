import Causality
import Keeper
import Net
import Sessions
import Store
import Sys

/// `roost serve`: runs a server until it is told to stop.
func serve(_ groundwork: ServerGroundwork) async -> ExitCode {
  do {
    let server = try await Server.start(groundwork)
    await server.runUntilStopped()
    return .ok
  } catch {
    complain(error.message)
    // Whoever launched us reads this line instead of "ready".
    if let descriptor = groundwork.options.readinessDescriptor { Launch.announce(error.message, on: descriptor) }
    return error.exitCode
  }
}

/// `roost keeper`: holds the sessions' terminals while servers come and go. Started by a server, never by hand.
func keeper(_ arguments: [String]) -> ExitCode {
  ExitCode(rawValue: runKeeper(arguments: arguments))
}

/// A line for whoever looks at the server's terminal or its log. What a call caused names the call.
func complain(_ message: String) {
  let call = Cause.current.map { " [correlation id \($0.correlationID)]" } ?? ""
  try? writeAll(2, Array("roost: \(message)\(call)\n".utf8))
}

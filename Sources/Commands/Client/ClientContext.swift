import Formats
import Glibc
import Net

/// What a command that talks to a server works with.
struct ClientContext: Sendable {
  let invocation: Invocation
  let client: ServerClient
  let output: Output

  var usesJSON: Bool { invocation.has(Options.json) }

  /// Prints the answer as it came with `--json`, otherwise as `text` has it.
  func show(_ answer: JSON, _ text: () -> String) {
    if usesJSON {
      output.json(answer)
    } else {
      output.write(text())
    }
  }

  /// The same for sessions of any server, each with the client for its own.
  func forEachSession(
    _ body: (ServerClient, String) async throws(CommandFailure) -> JSON
  ) async throws(CommandFailure) -> ExitCode {
    var references: [String: SessionReference] = [:]
    let words = invocation.arguments(Arguments.sessions)
    for word in words { references[word] = try SessionReference(word, on: client.server) }
    return await forEach(words) { word async throws(CommandFailure) in
      let reference = references[word] ?? SessionReference(server: client.server, session: word)
      return try await body(client.on(reference.server), reference.session)
    }
  }

  /// Does the same for each of several sessions. A failure stops none of the others; the first one decides the code.
  func forEach(
    _ sessions: [String], _ body: (String) async throws(CommandFailure) -> JSON
  ) async -> ExitCode {
    var code = ExitCode.ok
    var answers: [JSON] = []
    for session in sessions {
      do {
        answers.append(try await body(session))
      } catch {
        output.fail(error, commandLine: "roost \(invocation.commandName)")
        if code == .ok { code = error.exitCode }
      }
    }
    if usesJSON { output.json(.array(answers)) }
    return code
  }

  /// The folder the command was started in.
  static var currentDirectory: String? {
    guard let path = getcwd(nil, 0) else { return nil }
    defer { free(path) }
    return String(cString: path)
  }
}

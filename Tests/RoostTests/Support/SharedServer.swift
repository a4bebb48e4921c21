import Formats
import TestKit
import Testing

/// One server for all tests that ask nothing special of theirs: sessions know nothing of each other, so the tests need no more
/// distance than that. It ends with the test process.
enum SharedServer {
  private static let starting = Task {
    let roost = try Roost()
    try await roost.start(["--max-sessions", "1000"])
    return roost
  }

  static var roost: Roost {
    get async throws { try await starting.value }
  }
}

/// Runs the body with a session of its own on the shared server, and removes it afterwards.
/// - Parameter fields: of `POST /sessions`; without a program it runs `/bin/sh`'s `cat`.
func withSession<Result>(_ fields: JSON = [:], _ body: (TestSession) async throws -> Result) async throws -> Result {
  try await withSession(on: try await SharedServer.roost, fields, body)
}

func withSession<Result>(
  on roost: Roost, _ fields: JSON = [:], _ body: (TestSession) async throws -> Result
) async throws -> Result {
  let session = try await TestSession(on: roost, fields)
  do {
    let result = try await body(session)
    await session.remove()
    return result
  } catch {
    // What it showed last is what a person would look at first.
    let screen = (try? await session.text()) ?? "(no screen)"
    await session.remove()
    throw TestFailure("\(error)\n--- the screen of \(session.name)\n\(screen)")
  }
}

/// A session that runs a line of `/bin/sh` on its terminal.
func withScript<Result>(
  _ script: String, _ fields: JSON = [:], _ body: (TestSession) async throws -> Result
) async throws -> Result {
  try await withSession(fields.adding(["argv": ["/bin/sh", "-c", .string(script)]]), body)
}

/// A session with an interactive shell that has reached its prompt.
func withShell<Result>(
  _ shell: Shell = .bash, _ fields: JSON = [:], _ body: (TestSession) async throws -> Result
) async throws -> Result {
  try await withSession(fields.adding(["shell": .string(shell.path)])) { session in
    try await session.wait(shell.readiness)
    return try await body(session)
  }
}

/// The shells that people use.
enum Shell: String, CaseIterable, CustomTestStringConvertible {
  case bash, zsh, fish, dash

  var path: String {
    switch self {
    case .dash: "/bin/dash"
    default: Shell.found[self] ?? "/usr/bin/\(rawValue)"
    }
  }

  /// Whether the shell reports its commands by itself, with our integration.
  var isIntegrated: Bool { self != .dash }

  var readiness: JSON { isIntegrated ? ["for": "prompt"] : ["for": "input"] }

  var testDescription: String { rawValue }

  private static let found: [Shell: String] = Dictionary(
    uniqueKeysWithValues: allCases.compactMap { shell in
      ["/bin", "/usr/bin", "/usr/local/bin"].map { "\($0)/\(shell.rawValue)" }.first { isExecutable($0) }
        .map { (shell, $0) }
    })
}

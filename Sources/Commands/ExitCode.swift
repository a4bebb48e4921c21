import Formats

/// What a `roost` process says with its exit status. `roost run` is the exception: it exits with the status of the
/// command it ran, and uses these only for its own failures.
package struct ExitCode: RawRepresentable, Sendable, Equatable {
  package let rawValue: Int32

  package init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  package static let ok = ExitCode(rawValue: 0)
  package static let failed = ExitCode(rawValue: 1)
  package static let usage = ExitCode(rawValue: 2)
  package static let notFound = ExitCode(rawValue: 3)
  package static let conflict = ExitCode(rawValue: 4)
  package static let refused = ExitCode(rawValue: 5)
  package static let timedOut = ExitCode(rawValue: 6)
  package static let noServer = ExitCode(rawValue: 7)

  /// The codes with their meaning, as help and the man page print them.
  package static let meanings: [(code: ExitCode, meaning: String)] = [
    (.ok, "done"),
    (.failed, "failed for a reason not listed below"),
    (.usage, "the command line or a value in it is wrong"),
    (.notFound, "no such session, token or operation"),
    (.conflict, "conflict: the name is taken, sessions still run, or something of them cannot be ended"),
    (.refused, "refused: not authorised, or not allowed"),
    (.timedOut, "what was waited for did not happen in time"),
    (.noServer, "no server is running, or it cannot be reached"),
  ]

  /// The code for an HTTP answer that is not a success.
  package init(httpStatus: Int) {
    switch httpStatus {
    case 400, 413, 414, 422: self = .usage
    case 401, 403: self = .refused
    case 404: self = .notFound
    case 408, 504: self = .timedOut
    case 409: self = .conflict
    default: self = .failed
    }
  }
}

/// Why a command did not do what it was asked: one sentence for people, an optional one that says what to do, and the
/// exit code. `serverCode` is the stable code of the server's error when there is one.
package struct CommandFailure: Error, Sendable, Equatable {
  package var exitCode: ExitCode
  package var message: String
  package var hint: String?
  package var serverCode: String?
  /// Names of the servers that the call took, when it went past the one that was asked.
  package var serverPath: [String] = []
  /// The server that could not be reached.
  package var failedHop: String?

  package init(_ exitCode: ExitCode, _ message: String, hint: String? = nil, serverCode: String? = nil) {
    self.exitCode = exitCode
    self.message = message
    self.hint = hint
    self.serverCode = serverCode
  }

  /// Says by which way the call went: the sentence begins with the servers behind the one that was asked.
  mutating func take(path: JSON, failedHop: JSON) {
    serverPath = path.strings
    self.failedHop = failedHop.string
    if self.failedHop != nil, serverCode == "server_unavailable" { exitCode = .noServer }
    let way = serverPath.dropFirst().joined(separator: "/")
    if !way.isEmpty, !message.hasPrefix(serverPath.last ?? way) { message = "\(way): \(message)" }
  }
}

import Glibc
import Net
import Store
import Sys

/// Starting a server in the background when a command needs one and none runs.
enum ServerLaunch {
  /// Variables of a session that mean nothing, or the wrong thing, to a server started from inside it.
  private static let sessionVariables = [
    "ROOST_SESSION", "ROOST_SESSION_ID", "ROOST_SOCKET", "ROOST_CONNECT", "ROOST_TLS_CA", "ROOST_TLS_FINGERPRINT",
    "ROOST_CORRELATION_ID",
  ]

  /// Makes sure that a server listens at the address. Does nothing when one does, or when it is not ours to start.
  static func ensureRunning(_ address: ServerAddress) throws(CommandFailure) {
    guard case .unix(let path) = address.endpoint, !isListening(path), let paths = address.paths else { return }
    do {
      try paths.prepareRuntime()
      try paths.prepareState()
    } catch {
      throw CommandFailure(.failed, error.message)
    }
    // Of several commands that find no server at the same moment one starts it; the others wait here for that one.
    let lock = open("\(paths.runtime)/\(paths.serverName).spawn.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    defer { if lock >= 0 { close(lock) } }
    if lock >= 0 {
      while flock(lock, LOCK_EX) != 0, errno == EINTR {}
    }
    guard !isListening(path) else { return }
    try launch(paths)
  }

  private static func isListening(_ path: String) -> Bool {
    (try? UnixSocket.connect(path, .stream)) != nil
  }

  private static func launch(_ paths: Paths) throws(CommandFailure) {
    let arguments = [
      "roost", "serve", "--server-name", paths.serverName, "--ephemeral", "--ready-fd", "\(Launch.readinessDescriptor)",
    ]
    let environment = Host.environment.filter { entry in
      !sessionVariables.contains { entry.hasPrefix($0 + "=") }
    }
    let launched: Launch.Launched
    do {
      launched = try Launch.ourselves(arguments: arguments, environment: environment, log: paths.log) {
        CommandLineProgram.run(arguments: $0)
      }
    } catch {
      throw CommandFailure(
        .noServer, "the server did not start: \(error.message)", hint: "It may say why in \(paths.log).")
    }
    // A server that cannot start says why instead.
    guard launched.line == "ready" else {
      throw CommandFailure(.noServer, "the server did not start: \(launched.line)")
    }
  }
}

import Glibc
import Keeper
import Net
import Sessions
import Store
import Sys

/// Finding the user's own server before a command talks to it, and starting one in the background when it needs one and none runs.
enum ServerLaunch {
  /// Variables of a session that mean nothing, or the wrong thing, to a server started from inside it.
  private static let sessionVariables = [
    "ROOST_SESSION", "ROOST_SESSION_ID", "ROOST_SOCKET", "ROOST_CONNECT", "ROOST_TLS_CA", "ROOST_TLS_FINGERPRINT",
    "ROOST_CORRELATION_ID",
  ]
  /// How long a server that runs is waited for while nothing answers at its socket: it may be starting, stopping, or making that anew.
  private static let patience: UInt64 = 10_000_000_000
  /// Between looks.
  private static let pause: CInt = 20

  /// Makes sure that a server answers at the address, if one is to: the one that runs, wherever it is, or a new one when `starts` says so
  /// or sessions of an earlier one wait for it. Does nothing when the server is not ours to look for.
  /// - Parameter adopts: Whether sessions that wait are a reason to start one.
  static func find(
    _ address: ServerAddress, starts: Bool, adopts: Bool = true, note: (String) -> Void
  ) throws(CommandFailure) -> ServerAddress {
    guard case .unix(let path) = address.endpoint, let paths = address.paths ?? owner(of: path, address) else {
      return address
    }
    if isListening(path) { return address }
    if let found = try awaitRunning(paths, at: path) {
      var address = address
      address.endpoint = .unix(path: found)
      return address
    }
    guard address.paths != nil || isRecorded(path, paths) else { return address }
    guard starts || adopts && sessionsWait(paths) else { return address }
    do {
      try paths.prepareRuntime()
      try paths.prepareState()
    } catch {
      throw CommandFailure(.failed, error.message)
    }
    // Of several commands that find no server at the same moment one starts it; the others wait here for that one.
    let lock =
      (try? openRegularFile("\(paths.runtime)/\(paths.serverName).spawn.lock", O_RDWR | O_CREAT | O_NOFOLLOW)) ?? -1
    defer { if lock >= 0 { close(lock) } }
    if lock >= 0 { try take(lock, note: note) }
    var found = address
    found.endpoint = .unix(path: paths.socket)
    if isListening(paths.socket) { return found }
    for replacement in UserSurroundings().replacements { note(replacement) }
    do {
      try launch(paths)
    } catch {
      // The lock beside the sockets may have gone with them, and another command been quicker.
      guard let running = try awaitRunning(paths, at: paths.socket) else { throw error }
      found.endpoint = .unix(path: running)
    }
    return found
  }

  /// Waits for another command that starts the server, but not for one that is stopped in the middle of it.
  private static func take(_ lock: CInt, note: (String) -> Void) throws(CommandFailure) {
    let start = Clock.monotonic
    var hasTold = false
    while flock(lock, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else { return }
      let waited = Clock.monotonic &- start
      if !hasTold, waited >= ServerPatience.tellsAfter {
        hasTold = true
        note("waiting for another command that starts the server")
      }
      guard waited < ServerPatience.givesUpAfter else {
        throw CommandFailure(
          .noServer, "another command has been starting the server for too long; it may be stopped",
          hint: "'ps' shows it: end it, or let it go on with 'kill -CONT'.", serverCode: "no_server")
      }
      poll(nil, 0, pause)
    }
  }

  /// The server of a session names its socket to the programs in it; it is ours if it has written the same down.
  private static func owner(of path: String, _ address: ServerAddress) -> Paths? {
    guard address.isFromSession, let paths = try? Paths(serverName: address.serverName), isRecorded(path, paths) else {
      return nil
    }
    return paths
  }

  private static func isRecorded(_ path: String, _ paths: Paths) -> Bool { ServerLock.read(paths)?.socket == path }

  /// Whether a keeper has sessions for a server to take over.
  private static func sessionsWait(_ paths: Paths) -> Bool {
    let places = [paths.keeperSocket] + (ServerLock.read(paths).map { [$0.keeperSocket] } ?? [])
    return places.contains { (KeeperProbe.sessionsWaiting(at: $0) ?? 0) > 0 }
  }

  /// Waits for the server that holds the lock until it answers.
  /// - Returns: Its socket; nil when none runs (any more).
  private static func awaitRunning(_ paths: Paths, at path: String) throws(CommandFailure) -> String? {
    let deadline = Clock.monotonic &+ patience
    var isAsked = false
    while ServerLock.isHeld(paths) {
      let holder = ServerLock.read(paths)
      for place in [path, holder?.socket].compactMap({ $0 }) where isListening(place) { return place }
      guard Clock.monotonic < deadline else { throw outOfReach(paths, holder) }
      if let holder, holder.hostname != Host.hostname { throw outOfReach(paths, holder) }
      if !isAsked, let holder, ServerLock.isHolder(holder.pid, paths) {
        // It looks after its socket by itself; where a file system was mounted over the folder nothing has told it to. One that is
        // still starting would be ended by the signal.
        isAsked = true
        if ProcessStatus.catches(SIGUSR1, holder.pid) { kill(holder.pid, SIGUSR1) }
      }
      poll(nil, 0, pause)
    }
    return nil
  }

  private static func outOfReach(_ paths: Paths, _ holder: ServerLock.Holder?) -> CommandFailure {
    let who = holder.map { " (pid \($0.pid) on \(printable($0.hostname)), at \(printable($0.socket)))" } ?? ""
    return CommandFailure(
      .noServer, "a server named '\(paths.serverName)' runs\(who), but cannot be reached from here",
      hint: "It keeps its things in \(paths.state). With -L NAME you get a server that has its own.",
      serverCode: "no_server")
  }

  /// Whether somebody listens there who will answer: the socket of a server that was killed takes connections until the kernel has closed it.
  private static func isListening(_ path: String) -> Bool {
    do throws(SystemError) {
      let connection = try UnixSocket.connect(path, .stream)
      guard let listener = UnixSocket.peerCredentials(connection.raw)?.pid, listener > 0 else { return true }
      return !ProcessStatus.isEnding(listener)
    } catch {
      // So many wait that none is let in: somebody listens.
      return error.code == EAGAIN
    }
  }

  private static func launch(_ paths: Paths) throws(CommandFailure) {
    let arguments = [
      "roost", "serve", "--server-name", paths.serverName, "--ephemeral", "--ready-fd", "\(Launch.readinessDescriptor)",
    ]
    let environment = Host.environment.filter { entry in
      !SecretVariables.isSecret(entry) && !sessionVariables.contains { entry.hasPrefix($0 + "=") }
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

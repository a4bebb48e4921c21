import Glibc
import Sys

/// How long the keeper waits for what; the defaults are the product's, tests shorten them.
package struct KeeperOptions: Sendable, Equatable {
  /// The socket it listens on, in a folder that only its user can enter.
  package var socketPath: String
  /// Ends by itself this long after its server has gone when no program lives.
  package var endAfter: Duration = .seconds(15)
  /// But keeps the statuses of programs that ended unseen for this long: a server may yet come back for them.
  package var keepEndedFor: Duration = .seconds(600)
  /// The soft limit of open files for the programs; nil: that of the keeper itself, before it raises its own.
  package var openFileLimit: UInt64?
  /// The descriptor to announce readiness on, for `Launch.detached`.
  package var readinessDescriptor: CInt?

  package init(socketPath: String) { self.socketPath = socketPath }

  /// `--socket PATH [--ready-fd N] [--end-after-ms N] [--keep-ended-ms N] [--open-files N]`, as `arguments` writes
  /// them; nil for anything else.
  package init?(arguments: [String]) {
    var rest = arguments[...]
    var path: String?
    var options = KeeperOptions(socketPath: "")
    while let option = rest.popFirst() {
      guard let value = rest.popFirst() else { return nil }
      switch option {
      case "--socket": path = value
      case "--ready-fd":
        guard let number = CInt(value), number > 2 else { return nil }
        options.readinessDescriptor = number
      case "--end-after-ms":
        guard let number = UInt32(value) else { return nil }
        options.endAfter = .milliseconds(number)
      case "--keep-ended-ms":
        guard let number = UInt32(value) else { return nil }
        options.keepEndedFor = .milliseconds(number)
      case "--open-files":
        guard let number = UInt64(value) else { return nil }
        options.openFileLimit = number
      default: return nil
      }
    }
    guard let path else { return nil }
    options.socketPath = path
    self = options
  }

  package var arguments: [String] {
    var arguments = [
      "--socket", socketPath, "--end-after-ms", String(endAfter.wholeMilliseconds), "--keep-ended-ms",
      String(keepEndedFor.wholeMilliseconds),
    ]
    if let openFileLimit { arguments += ["--open-files", String(openFileLimit)] }
    if let readinessDescriptor { arguments += ["--ready-fd", String(readinessDescriptor)] }
    return arguments
  }
}

extension Duration {
  /// Whole milliseconds, within what a UInt32 holds (49 days); negative durations are 0.
  var wholeMilliseconds: UInt32 {
    let (seconds, attoseconds) = components
    guard seconds < Int64(UInt32.max) / 1000 else { return .max }
    return UInt32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
  }
}

/// Runs the keeper until it has nothing left to hold; the result is the process's exit status. The process is its own:
/// this ignores signals and changes its limits.
package func runKeeper(_ options: KeeperOptions) -> CInt {
  do {
    return runKeeper(options, listener: try UnixSocket.listen(options.socketPath, .packets))
  } catch {
    if let descriptor = options.readinessDescriptor { Launch.announce("failed \(error)", on: descriptor) }
    return 1
  }
}

/// The same with a socket that listens already.
func runKeeper(_ options: KeeperOptions, listener: consuming Descriptor) -> CInt {
  // It must outlive the terminal and the server that it was started from. SIGTERM ends it, and with it the sessions.
  // The others that are sent by hand mean the server: SIGUSR1 has it look after its socket, as this looks after its own.
  for number in [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP, SIGUSR1, SIGUSR2] { signal(number, SIG_IGN) }
  Host.raiseOpenFileLimit()
  let keeper = KeeperProcess(
    listener: listener, options: options, openFileLimit: options.openFileLimit ?? Host.inheritedOpenFileLimit)
  if let descriptor = options.readinessDescriptor { Launch.announce("ready", on: descriptor) }
  keeper.run()
  return 0
}

/// The same with the command line's arguments after `roost keeper`; 2 when they make no sense.
package func runKeeper(arguments: [String]) -> CInt {
  guard let options = KeeperOptions(arguments: arguments) else { return 2 }
  return runKeeper(options)
}

/// Holds the terminals and processes of all sessions so that they outlive the server: one thread, one poll, little
/// memory. It starts programs, reaps them, and hands their descriptors to whichever server is connected; the server
/// reads and writes the terminals itself, so no output ever passes through here.
final class KeeperProcess {
  private var listener: CInt
  private let options: KeeperOptions
  /// The soft limit as our children are to have it; ours is raised.
  private let openFileLimit: UInt64
  private var groups = KeeperGroups()
  private var sessions: [String: KeeperSession] = [:]
  private var peers: [KeeperPeer] = []
  private var endings: [KeeperEnding] = []
  /// Forgotten while their program lived: held until it can be reaped.
  private var orphans: [KeeperSession] = []
  /// Accepting failed (no descriptors left); until then the listener is not looked at, or poll would spin.
  private var acceptAgainAt: UInt64 = 0
  /// Since when there has been no server (monotonic nanoseconds); nil while there is one. Whoever started it gets a
  /// while to come.
  private var aloneSince: UInt64? = Clock.monotonic &+ helloWithin
  private var lastEnd: UInt64 = 0
  /// Set by `quit`: the moment at which it ends even if something would not die.
  private var quitBy: UInt64?
  private var latestSurvey: ProcessSurvey?
  private let buffer = PacketBuffer()
  private var name: KeeperSocketName
  /// Tells that a child has ended: programs of sessions that have lost their parents are this process's to reap.
  private let childWatch: CInt

  /// Connections that have not said hello yet: enough for a few that probe, few enough to hold no resources.
  private static let mostPeers = 8
  private static let helloWithin: UInt64 = 5_000_000_000
  /// How many packets of one peer are handled before the others have their turn.
  private static let packetsPerTurn = 16
  private static let acceptPause: UInt64 = 200_000_000
  private static let forgetGrace: UInt64 = 5_000_000_000
  private static let quitSlack: UInt64 = 2_000_000_000

  init(listener: consuming Descriptor, options: KeeperOptions, openFileLimit: UInt64) {
    self.listener = listener.release()
    name = KeeperSocketName(options.socketPath)
    Orphans.adopt()
    childWatch = (try? Orphans.watch().release()) ?? -1
    self.options = options
    self.openFileLimit = openFileLimit
  }

  func run() {
    while true {
      let now = Clock.monotonic
      advance(now: now)
      if shouldEnd(now: now) { break }
      turn(timeout: timeout(now: now))
    }
    // Those that still hold programs (nohup) stay, for a later keeper to remove when they are empty.
    for session in sessions.values { session.group?.remove() }
    stopListening()
  }

  private func stopListening() {
    guard listener >= 0 else { return }
    // The name first: once nobody answers, a new keeper may take it, and that one's must not be removed.
    if name.isOurs { unlink(options.socketPath) }
    close(listener)
    listener = -1
  }

  /// Whoever has reached the old socket is served still; it has no name that others could find.
  private func listenAgain() {
    guard let again = name.makeAgain() else { return }
    acceptPeers()
    close(listener)
    listener = again
  }

  // MARK: one turn of the loop

  private enum Source { case listener, name, children, peer(KeeperPeer), session(KeeperSession), ending }

  private func turn(timeout: CInt) {
    let accepting = Clock.monotonic >= acceptAgainAt
    var entries = [pollfd(fd: accepting ? listener : -1, events: Int16(POLLIN), revents: 0)]
    entries.append(pollfd(fd: name.watch, events: Int16(POLLIN), revents: 0))
    entries.append(pollfd(fd: childWatch, events: Int16(POLLIN), revents: 0))
    var sources: [Source] = [.listener, .name, .children]
    for peer in peers {
      entries.append(pollfd(fd: peer.socket, events: Int16(peer.hasOutput ? POLLOUT : POLLIN), revents: 0))
      sources.append(.peer(peer))
    }
    for session in Array(sessions.values) + orphans where session.ended == nil {
      entries.append(pollfd(fd: session.pidfd, events: Int16(POLLIN), revents: 0))
      sources.append(.session(session))
    }
    for ending in endings where ending.events >= 0 {
      entries.append(pollfd(fd: ending.events, events: Int16(POLLPRI), revents: 0))
      sources.append(.ending)
    }
    guard poll(&entries, nfds_t(entries.count), timeout) > 0 else { return }

    // Peers before the listener: a server that has died must be gone before its successor says hello.
    for (entry, source) in zip(entries, sources) where entry.revents != 0 {
      switch source {
      case .peer(let peer): serve(peer, readable: Int32(entry.revents) & ~POLLOUT != 0)
      case .session(let session):
        if session.reapIfEnded() { lastEnd = Clock.monotonic }
      case .name: name.changed()
      case .listener, .children, .ending: continue
      }
    }
    if entries[2].revents != 0 { reapOrphans() }
    if entries[0].revents != 0 { acceptPeers() }
    orphans.removeAll { $0.ended != nil }
    for peer in peers where !peer.isGone { peer.flush { sessions[$0] } }
    // After what waited has left: with nothing waiting and something untold, nobody would wake us.
    announceEnds()
    removeGonePeers()
  }

  /// After the sessions' programs have been reaped: their statuses are not to be lost.
  private func reapOrphans() {
    Orphans.drain(childWatch)
    Orphans.reap(sparing: (Array(sessions.values) + orphans).filter { $0.ended == nil }.map(\.pid))
  }

  private func serve(_ peer: KeeperPeer, readable: Bool) {
    if peer.hasOutput {
      peer.flush { sessions[$0] }
      if peer.hasOutput, readable, peer.isClosedByPeer { peer.drop() }
      return
    }
    for _ in 0..<Self.packetsPerTurn where !peer.isGone && !peer.hasOutput {
      switch UnixSocket.receive(peer.socket, buffer: buffer.bytes) {
      case .wouldBlock: return
      case .endOfFile, .failed: peer.drop()
      case .message(let message): handle(message, from: peer)
      }
    }
  }

  private func acceptPeers() {
    while true {
      let accepted: CInt?
      do {
        accepted = try UnixSocket.accept(listener)
      } catch {
        acceptAgainAt = Clock.monotonic &+ Self.acceptPause
        return
      }
      guard let socket = accepted else { return }
      let peer = KeeperPeer(socket: socket, helloDeadline: Clock.monotonic &+ Self.helloWithin)
      guard let credentials = UnixSocket.peerCredentials(socket), credentials.uid == Host.userID,
        peers.count < Self.mostPeers
      else { continue }
      peers.append(peer)
    }
  }

  private func removeGonePeers() {
    guard peers.contains(where: \.isGone) else { return }
    peers.removeAll(where: \.isGone)
    if aloneSince == nil, server == nil { aloneSince = Clock.monotonic }
  }

  private var server: KeeperPeer? { peers.first { $0.isServer && !$0.isGone } }

  /// Tells the server of ends it does not know of, while its socket has room; the rest follow when it has.
  private func announceEnds() {
    guard let server else { return }
    for session in sessions.values {
      guard let status = session.ended, !session.announced else { continue }
      guard !server.hasOutput else { return }
      session.announced = true
      server.send(.exited(id: session.id, status: status), number: 0)
    }
  }

  /// The machine's processes, read at most once a turn however many sessions are being ended.
  private var survey: ProcessSurvey {
    if let latestSurvey { return latestSurvey }
    let taken = SessionMark.survey()
    latestSurvey = taken
    return taken
  }

  // MARK: time

  private func advance(now: UInt64) {
    if quitBy == nil, name.isDue(now) { listenAgain() }
    latestSurvey = nil
    endings.removeAll { $0.advance(now: now) { survey } }
    for peer in peers where !peer.isServer && now >= peer.helloDeadline { peer.drop() }
    removeGonePeers()
  }

  /// When it would end by itself as things are; nil while something holds it.
  private var endsAt: UInt64? {
    guard let aloneSince, peers.isEmpty, endings.allSatisfy({ $0.deadline == nil }) else { return nil }
    guard sessions.values.allSatisfy({ $0.ended != nil }) else { return nil }
    let alone = aloneSince &+ UInt64(options.endAfter.wholeMilliseconds) * 1_000_000
    return sessions.isEmpty
      ? alone : max(alone, lastEnd &+ UInt64(options.keepEndedFor.wholeMilliseconds) * 1_000_000)
  }

  private func shouldEnd(now: UInt64) -> Bool {
    if let quitBy {
      if now >= quitBy { return true }
      return endings.isEmpty && sessions.values.allSatisfy { $0.ended != nil }
    }
    return endsAt.map { now >= $0 } ?? false
  }

  private func timeout(now: UInt64) -> CInt {
    var due = [endsAt, quitBy, quitBy == nil ? name.dueAt : nil].compactMap { $0 }
    due += endings.compactMap(\.deadline)
    if acceptAgainAt > now { due.append(acceptAgainAt) }
    due += peers.lazy.filter { !$0.isServer }.map(\.helloDeadline)
    guard let next = due.min() else { return -1 }
    // Rounded up: waking a moment too early would only turn round once more.
    return next <= now ? 0 : CInt(clamping: (next - now + 999_999) / 1_000_000)
  }

  // MARK: requests

  private func handle(_ message: UnixSocket.Message, from peer: KeeperPeer) {
    var message = message
    defer { message.closeDescriptors() }
    guard !message.truncated, let (number, request) = try? KeeperRequest.decode(message.bytes) else {
      peer.send(
        .failed(KeeperError(code: .malformed, message: "the keeper does not understand this packet")), number: 0)
      peer.drop()
      return
    }
    if case .hello(let version) = request { return welcome(peer, version: version, number: number) }
    guard peer.isServer else {
      peer.send(.failed(KeeperError(code: .malformed, message: "say hello first")), number: number)
      peer.drop()
      return
    }
    do {
      try perform(request, number: number, message: &message, for: peer)
    } catch {
      peer.send(.failed(error), number: number)
    }
  }

  private func welcome(_ peer: KeeperPeer, version: UInt16, number: UInt32) {
    // Whoever has come too late finds another, or starts one.
    if quitBy != nil { return peer.drop() }
    var refusal: KeeperError?
    if version != KeeperLimits.version {
      refusal = KeeperError(
        code: .wrongVersion,
        message: "the keeper speaks version \(KeeperLimits.version), the server version \(version): "
          + "end the sessions with the server that started them")
    } else if let server, server !== peer {
      // Its socket may have closed without poll having told us yet.
      if server.isClosedByPeer {
        server.drop()
      } else {
        refusal = KeeperError(code: .busy, message: "another server is connected to this keeper")
      }
    }
    if let refusal {
      peer.send(.failed(refusal), number: number)
      peer.drop()
      return
    }
    peer.isServer = true
    aloneSince = nil
    // What has ended so far comes with the list.
    for session in sessions.values where session.ended != nil { session.announced = true }
    peer.send(
      .welcome(version: KeeperLimits.version, pid: getpid(), sessions: UInt32(clamping: sessions.count)),
      number: number)
  }

  private func perform(
    _ request: KeeperRequest, number: UInt32, message: inout UnixSocket.Message, for peer: KeeperPeer
  ) throws(KeeperError) {
    switch request {
    case .hello:
      return
    case .spawn(let id, let spec, let label):
      let session = try start(id, spec, label)
      return peer.send(.spawned(pid: session.pid), number: number, descriptors: [session.master, session.pidfd])
    case .list:
      return peer.list(sessions.keys.sorted(), number: number)
    case .update(let id, let label):
      try find(id).label = label
    case .store(let id, let slot):
      let session = try find(id)
      session.store(message.descriptors.isEmpty ? nil : message.descriptors.removeFirst(), in: slot)
    case .forget(let id):
      forget(try find(id))
    case .kill(let id, let number, let everything, let grace):
      guard let signal = Signal(number: number) else {
        throw KeeperError(code: .invalidArgument, message: "there is no signal \(number)")
      }
      try kill(try find(id), signal, everything: everything, grace: UInt64(grace) * 1_000_000)
    case .adopt(let id, let pid, let label):
      try adopt(id, pid, label, &message)
    case .ended(let id, let status):
      let session = try find(id)
      // The server's to tell only where this keeper could not learn it.
      if session.isAdopted, session.ended == nil || session.ended == .unknown {
        session.ended = status
        session.announced = true
        lastEnd = Clock.monotonic
      }
    case .quit(let grace):
      let now = Clock.monotonic
      // A server that comes now is to have a keeper that takes sessions, not this one while it is ending.
      stopListening()
      quitBy = now &+ UInt64(grace) * 1_000_000 &+ Self.quitSlack
      for session in sessions.values where session.ended == nil {
        end(session, .hangUp, grace: UInt64(grace) * 1_000_000)
      }
    }
    peer.send(.done, number: number)
  }

  private func find(_ id: String) throws(KeeperError) -> KeeperSession {
    guard let session = sessions[id] else {
      throw KeeperError(code: .noSuchSession, message: "the keeper holds no session \(id)")
    }
    return session
  }

  private func checkRoom(for id: String) throws(KeeperError) {
    guard sessions[id] == nil else {
      throw KeeperError(code: .sessionExists, message: "the keeper already holds a session \(id)")
    }
    guard sessions.count < KeeperLimits.mostSessions, quitBy == nil else {
      throw KeeperError(code: .limitReached, message: "the keeper holds \(sessions.count) sessions and takes no more")
    }
    // Of those that it has some are spared: to end sessions, and to let in the next server.
    let held = (sessions.count + orphans.count + 1) * KeeperLimits.descriptorsPerSession
    guard UInt64(held + KeeperLimits.ownDescriptors + storedFiles) <= Host.openFileLimit else {
      throw KeeperError(
        code: .limitReached,
        message: "the keeper holds \(sessions.count) sessions, which is as many as its limit of open files allows")
    }
  }

  private var storedFiles: Int { sessions.values.reduce(0) { $0 + $1.slots.count } }

  private func start(_ id: String, _ spec: ChildSpec, _ label: [UInt8]) throws(KeeperError) -> KeeperSession {
    try checkRoom(for: id)
    var spec = spec
    spec.openFileLimit = openFileLimit
    let session: KeeperSession
    do throws(SpawnError) {
      session = try startInGroup(id, spec, label)
    } catch {
      throw KeeperError(error)
    }
    sessions[id] = session
    return session
  }

  /// Takes over what a keeper held that is gone. Its program is somebody else's child, whose end a pidfd tells all the same.
  private func adopt(
    _ id: String, _ pid: ProcessID, _ label: [UInt8], _ message: inout UnixSocket.Message
  ) throws(KeeperError) {
    try checkRoom(for: id)
    guard message.descriptors.count == 2, pid > 1 else {
      throw KeeperError(code: .malformed, message: "a session to take over comes with its terminal and its process")
    }
    let descriptors = message.descriptors
    message.descriptors = []
    sessions[id] = KeeperSession(
      id: id, pid: pid, master: descriptors[0], pidfd: descriptors[1], group: KeeperGroups.folder(of: pid), label: label
    )
  }

  private func startInGroup(_ id: String, _ spec: ChildSpec, _ label: [UInt8]) throws(SpawnError) -> KeeperSession {
    if let group = groups.make() {
      do throws(SpawnError) {
        if let folder = try? group.openFolder().release() {
          defer { close(folder) }
          return KeeperSession(id: id, child: try spawn(spec, cgroup: folder), group: group, label: label)
        }
        group.remove()
      } catch {
        group.remove()
        guard error.code == .controlGroupRefused else { throw error }
        groups.giveUp()
      }
    }
    return KeeperSession(id: id, child: try spawn(spec), group: nil, label: label)
  }

  private func kill(
    _ session: KeeperSession, _ signal: Signal, everything: Bool, grace: UInt64
  ) throws(KeeperError) {
    if everything { return end(session, signal, grace: grace) }
    guard session.ended == nil else {
      throw KeeperError(code: .ended, message: "the program has ended already")
    }
    do throws(SystemError) {
      // The program leads the group of its own number for as long as it lives.
      try sendSignal(signal, to: .group(session.pid))
    } catch {
      throw KeeperError(code: .systemFailure, message: "the signal was refused: \(error)")
    }
  }

  private func end(_ session: KeeperSession, _ signal: Signal, grace: UInt64) {
    let ending = KeeperEnding(
      id: session.id, leader: session.pid, leaderStart: session.startTicks, group: session.group)
    let now = Clock.monotonic
    ending.begin(signal, grace: grace, now: now) { survey }
    // Several for one session do no harm: each ends when nobody is left.
    if !ending.advance(now: now, among: { survey }) { endings.append(ending) }
  }

  /// Lets go of a session. Its program, if it lives, loses its terminal, which is what a hang-up is; what it started
  /// and has detached itself (nohup) lives on when the program had ended by itself.
  private func forget(_ session: KeeperSession) {
    sessions.removeValue(forKey: session.id)
    if session.ended == nil {
      end(session, .hangUp, grace: Self.forgetGrace)
      orphans.append(session)
    } else if let group = session.group, !group.remove() {
      endings.append(KeeperEnding(id: session.id, leader: session.pid, leaderStart: nil, group: group))
    }
  }
}

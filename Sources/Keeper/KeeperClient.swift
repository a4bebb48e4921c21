import Glibc
package import Net
package import Sys

/// A program that the keeper has started for us. Both descriptors are the caller's to close.
package struct KeptChild: Sendable, Equatable {
  package var id: String
  /// Also the id of its session and of its first process group.
  package var pid: ProcessID
  package var master: CInt
  /// For signals and for waiting; it is the keeper that reaps.
  package var pidfd: CInt
}

/// A session as the keeper holds it for a server that comes new. All descriptors are the caller's to close.
package struct KeptSession: Sendable, Equatable {
  package var id: String
  package var pid: ProcessID
  /// What the last server attached.
  package var label: [UInt8]
  /// Set when the program has ended; what it wrote last can still be read from the master.
  package var ended: ExitStatus?
  package var master: CInt
  package var pidfd: CInt
  /// The stored memory files by slot.
  package var slots: [UInt8: CInt]

  package func closeDescriptors() {
    for descriptor in [master, pidfd] + slots.values { close(descriptor) }
  }
}

/// How to start a keeper when none answers.
package struct KeeperLaunch: Sendable, Equatable {
  package var executable: String
  /// Before the keeper's own arguments: argv[0] and the command.
  package var command: [String]
  package var environment: [String]
  package var options: KeeperOptions

  /// Our own program as keeper at `socketPath`. The keeper gets an empty environment: sessions bring theirs, and
  /// secrets in ours are not to live on in it.
  package init(socketPath: String, executable: String = Host.executablePath, environment: [String] = []) {
    self.executable = executable
    command = ["roost", "keeper"]
    self.environment = environment
    options = KeeperOptions(socketPath: socketPath)
    options.readinessDescriptor = Launch.readinessDescriptor
    // Ours may be raised by now.
    options.openFileLimit = Host.inheritedOpenFileLimit
  }
}

extension KeeperLaunch {
  /// Makes a copy of this process the keeper at `socketPath` when none answers there. Only for a process that has one
  /// thread yet; one that has more leaves it to `KeeperClient.connect`. It listens already when this returns.
  /// - Returns: The keeper's pidfd, for `KeeperClient.connect`; nil when one answers, or no copy could be made.
  package static func copyIfMissing(at socketPath: String) throws(KeeperError) -> CInt? {
    guard Launch.canCopy, (try? UnixSocket.connect(socketPath, .packets)) == nil else { return nil }
    do throws(SystemError) {
      let launch = KeeperLaunch(socketPath: socketPath)
      var options = launch.options
      options.readinessDescriptor = nil
      let listener = try UnixSocket.listen(socketPath, .packets)
      return try Launch.copy(
        arguments: launch.command + options.arguments, environment: launch.environment, handing: listener.raw
      ) {
        runKeeper(options, listener: Descriptor(owning: Launch.handedDescriptor))
      }
    } catch {
      throw KeeperError(code: .unavailable, message: "the keeper did not start: \(error)")
    }
  }
}

/// The server's side of the keeper, bound to an event loop. One request is one packet and has one answer; several may
/// be under way.
package actor KeeperClient {
  package nonisolated let loop: EventLoop
  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  /// The keeper's own process.
  package private(set) var keeperPid: ProcessID = 0

  /// False once the keeper is gone.
  package var isConnected: Bool { !isLost }

  private let socket: CInt
  private var watch: DescriptorWatch?
  /// The pidfd of a keeper that we started: it is our child, so we reap it.
  private var ownChild: CInt?
  private let onExit: @Sendable (String, ExitStatus) -> Void
  private let onLost: @Sendable (KeeperError) -> Void
  private var isLost = false
  /// A request was not answered in time, and nothing has been since.
  private var isStuck = false
  private var lastNumber: UInt32 = 0
  private var pending: [UInt32: Pending] = [:]
  private var outbox: [Outgoing] = []
  private var statuses: [String: ExitStatus] = [:]
  private let buffer = PacketBuffer()

  private struct Answer: Sendable {
    var reply: KeeperReply
    var descriptors: [CInt]
  }

  private struct Pending {
    /// Nil once its time is over: nobody waits for the answer any more.
    var continuation: CheckedContinuation<Result<[Answer], KeeperError>, Never>?
    /// Of a request to start a program: what is to be undone when it is answered too late.
    var started: String?
    /// A list's answers so far.
    var answers: [Answer] = []
    /// Sessions of a list whose descriptors are still to be taken.
    var room = Int.max
  }

  private struct Outgoing {
    var number: UInt32
    var bytes: [UInt8]
    /// Ours until they are sent.
    var descriptors: [CInt]
  }

  /// Requests under way at most: each waits for a keeper that answers in well under a millisecond.
  private static let mostPending = 8192
  /// A keeper answers at once; one that has not by then is stopped or stuck.
  package static let answersWithin: Duration = .seconds(6)
  private static let helloWithin: Duration = .seconds(10)
  /// A keeper can end in the moment in which we reach it; the next attempt starts a new one.
  private static let attempts = 3
  private static let packetsPerTurn = 64
  /// A keeper that has hung up is about to end: longer than that takes, short enough to wait for on the loop.
  private static let reapWithin: CInt = 100

  private init(
    socket: CInt, ownChild: CInt?, loop: EventLoop, onExit: @escaping @Sendable (String, ExitStatus) -> Void,
    onLost: @escaping @Sendable (KeeperError) -> Void
  ) {
    self.socket = socket
    self.ownChild = ownChild
    self.loop = loop
    self.onExit = onExit
    self.onLost = onLost
  }

  /// Connects to the keeper at `socketPath`, starting one when none answers and `launch` says how. Starting takes a few
  /// milliseconds, until the keeper listens.
  ///
  /// - Parameters:
  ///   - started: The pidfd of a keeper of ours that listens there, from `KeeperLaunch.copyIfMissing`; closed here.
  ///   - onExit: A program has ended; called on the loop, once for each. It can come before the `spawn` that started
  ///     the program has returned to its caller: look at `status(of:)` then.
  ///   - onLost: The keeper is gone; called on the loop, once, unless `close` came first. Masters that we hold go on
  ///     working, exit statuses are lost.
  package static func connect(
    socketPath: String, launch: KeeperLaunch?, started: CInt? = nil, loop: EventLoop,
    onExit: @escaping @Sendable (String, ExitStatus) -> Void = { _, _ in },
    onLost: @escaping @Sendable (KeeperError) -> Void = { _ in }
  ) async throws(KeeperError) -> KeeperClient {
    var failure = KeeperError(code: .unavailable, message: "no keeper answers at \(socketPath)")
    var launched = started
    for _ in 0..<attempts {
      let socket: CInt
      do throws(SystemError) {
        socket = try UnixSocket.connect(socketPath, .packets).release()
      } catch {
        guard error.code == ENOENT || error.code == ECONNREFUSED, let launch else {
          throw KeeperError(code: .unavailable, message: "the keeper cannot be reached: \(error)")
        }
        if let launched { reapWhenEnded(launched) }
        launched = try await start(launch)
        continue
      }
      UnixSocket.setSendBuffer(socket, bytes: KeeperLimits.longestPacket * 2)
      let client = KeeperClient(socket: socket, ownChild: launched, loop: loop, onExit: onExit, onLost: onLost)
      launched = nil
      do throws(KeeperError) {
        try await client.begin()
        return client
      } catch {
        guard error.code == .lost else { throw error }
        failure = error
      }
    }
    if let launched { reapWhenEnded(launched) }
    throw failure
  }

  /// Away from the loop: others are not to wait until it has come up.
  @concurrent
  private static func start(_ launch: KeeperLaunch) async throws(KeeperError) -> CInt {
    let launched: Launch.Launched
    do throws(Launch.Failure) {
      launched = try Launch.detached(
        executable: launch.executable, arguments: launch.command + launch.options.arguments,
        environment: launch.environment)
    } catch {
      throw KeeperError(code: .unavailable, message: error.message)
    }
    let line = launched.line
    let pidfd = launched.releasePidfd()
    guard line == "ready" else {
      // It has said why and is about to end.
      var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
      poll(&entry, 1, 1000)
      _ = try? reap(pidfd: pidfd)
      Glibc.close(pidfd)
      throw KeeperError(code: .unavailable, message: "the keeper did not start: \(line)")
    }
    return pidfd
  }

  private func begin() async throws(KeeperError) {
    do throws(NetError) {
      watch = try loop.watch(socket, .readable) { [weak self] readiness in
        self?.assumeIsolated { $0.turn(readiness) }
      }
    } catch {
      shutDown()
      throw KeeperError(code: .resourceExhausted, message: "the keeper's socket cannot be watched: \(error.message)")
    }
    do throws(KeeperError) {
      let answers = try await ask(.hello(version: KeeperLimits.version), within: Self.helloWithin)
      Self.discard(answers)
      guard case .welcome(_, let pid, _)? = answers.first?.reply else { throw Self.unexpected }
      // It can have gone between its answer and our being called back; nobody would be told of that later.
      guard !isLost else { throw KeeperError(code: .lost, message: "the keeper has ended") }
      keeperPid = pid
    } catch {
      // Not told through `onLost`: nobody has this client yet.
      shutDown()
      throw error
    }
  }

  // MARK: requests

  /// Starts a program and keeps it under `id` (1...64 bytes, the caller's choice). `label` (at most 64 KiB) comes back
  /// to whichever server lists the sessions next. Without `directory` the program starts in "/".
  ///
  /// Errors: those of starting a program, `sessionExists`, `limitReached`, `lost`.
  package func spawn(id: String, _ spec: ChildSpec, label: [UInt8] = []) async throws(KeeperError) -> KeptChild {
    statuses[id] = nil
    let answers = try await ask(.spawn(id: id, spec: spec, label: try checked(label)), id: id)
    guard let answer = answers.first, case .spawned(let pid) = answer.reply else {
      Self.discard(answers)
      throw Self.unexpected
    }
    guard answer.descriptors.count == 2 else {
      Self.discard(answers)
      try? await forget(id: id)
      throw KeeperError(code: .resourceExhausted, message: "too many open files to take over the session")
    }
    return KeptChild(id: id, pid: pid, master: answer.descriptors[0], pidfd: answer.descriptors[1])
  }

  /// Gives a session of a keeper that is gone to this one: it will hold the terminal, and know that the program has ended. The descriptors stay
  /// the caller's.
  package func adopt(id: String, pid: ProcessID, label: [UInt8], master: CInt, pidfd: CInt) async throws(KeeperError) {
    try await perform(.adopt(id: id, pid: pid, label: try checked(label)), id: id, descriptors: [master, pidfd])
  }

  /// Tells how the program of an adopted session ended, for servers to come.
  package func tell(id: String, ended status: ExitStatus) async throws(KeeperError) {
    try await perform(.ended(id: id, status: status), id: id)
  }

  /// Replaces the label.
  package func update(id: String, label: [UInt8]) async throws(KeeperError) {
    try await perform(.update(id: id, label: try checked(label)), id: id)
  }

  /// What a keeper holds, for a server that takes it over.
  package struct Holdings: Sendable {
    package var sessions: [KeptSession] = []
    /// The labels of those that there are no descriptors for, by id: they stay with the keeper alone.
    package var left: [String: [UInt8]] = [:]
  }

  /// Everything the keeper holds.
  package func list() async throws(KeeperError) -> [KeptSession] {
    let held = try await holdings()
    guard held.left.isEmpty else {
      for session in held.sessions { session.closeDescriptors() }
      throw KeeperError(code: .resourceExhausted, message: "too many open files to take over the sessions")
    }
    return held.sessions
  }

  /// The same, of at most so many sessions; the others stay where they are.
  package func holdings(atMost room: Int = .max) async throws(KeeperError) -> Holdings {
    var held = Holdings()
    let answers = try await ask(.list, room: room)
    for answer in answers {
      guard case .session(let id, let pid, let label, let ended, let slots) = answer.reply else {
        Self.discard([answer])
        continue
      }
      guard answer.descriptors.count == 2 + slots.count else {
        // There was no room, or the kernel could not give us all of them: our limit of open files is reached.
        Self.discard([answer])
        held.left[id] = label
        continue
      }
      // An end that was told right behind the list is known here already, and is not to be forgotten.
      if let ended { statuses[id] = ended }
      let files = Dictionary(zip(slots, answer.descriptors.dropFirst(2)), uniquingKeysWith: { first, _ in first })
      held.sessions.append(
        KeptSession(
          id: id, pid: pid, label: label, ended: ended, master: answer.descriptors[0], pidfd: answer.descriptors[1],
          slots: files))
    }
    return held
  }

  /// Keeps a duplicate of the file (as a rule a memory file) beside the session; nil empties the slot. Slots are
  /// 0..<8. The descriptor stays the caller's.
  package func store(id: String, slot: UInt8, _ file: CInt?) async throws(KeeperError) {
    guard slot < KeeperLimits.slots else {
      throw KeeperError(code: .invalidArgument, message: "a session has slots 0 to \(KeeperLimits.slots - 1)")
    }
    try await perform(.store(id: id, slot: slot), id: id, descriptors: file.map { [$0] } ?? [])
  }

  /// Lets go of a session and everything kept with it; its id is free again. A program that still lives is hung up and
  /// killed 5 s later.
  package func forget(id: String) async throws(KeeperError) {
    try await perform(.forget(id: id), id: id)
    statuses[id] = nil
  }

  /// Sends a signal to the program's process group, or to everything that the session ever started; what of that is
  /// still there after `grace` is killed. Returns when the signal is sent; `onExit` tells the program's end.
  package func kill(
    id: String, signal: Signal = .hangUp, everything: Bool, grace: Duration = .seconds(5)
  ) async throws(KeeperError) {
    try await perform(
      .kill(id: id, signal: signal.number, everything: everything, graceMilliseconds: grace.wholeMilliseconds), id: id)
  }

  /// Ends all sessions (hang-up, then SIGKILL after the grace) and the keeper itself; `onLost` tells when it is done.
  package func quit(grace: Duration = .seconds(5)) async throws(KeeperError) {
    try await perform(.quit(graceMilliseconds: grace.wholeMilliseconds))
  }

  /// How a program ended, once that is known and until it is forgotten.
  package func status(of id: String) -> ExitStatus? { statuses[id] }

  /// Disconnects; the keeper and its sessions stay. Requests under way end with `lost`.
  package func close() { shutDown() }

  private static let unexpected = KeeperError(code: .malformed, message: "the keeper's answer makes no sense")

  private func checked(_ label: [UInt8]) throws(KeeperError) -> [UInt8] {
    guard label.count <= KeeperLimits.longestLabel else {
      throw KeeperError(code: .invalidArgument, message: "a session's label has at most 64 KiB")
    }
    return label
  }

  private func perform(_ request: KeeperRequest, id: String? = nil, descriptors: [CInt] = []) async throws(KeeperError)
  {
    let answers = try await ask(request, id: id, descriptors: descriptors)
    Self.discard(answers)
    guard case .done? = answers.last?.reply else { throw Self.unexpected }
  }

  private func ask(
    _ request: KeeperRequest, id: String? = nil, descriptors: [CInt] = [], room: Int = .max,
    within patience: Duration = answersWithin
  ) async throws(KeeperError) -> [Answer] {
    if let id, id.isEmpty || id.utf8.count > KeeperLimits.longestID {
      throw KeeperError(code: .invalidArgument, message: "a session's id has 1 to \(KeeperLimits.longestID) bytes")
    }
    guard !isLost else { throw KeeperError(code: .lost, message: "the keeper is gone") }
    guard pending.count < Self.mostPending else {
      throw KeeperError(code: .limitReached, message: "the keeper does not answer \(pending.count) requests")
    }
    repeat { lastNumber &+= 1 } while lastNumber == 0 || pending[lastNumber] != nil
    let number = lastNumber
    let bytes = request.encoded(number: number)
    guard bytes.count <= KeeperLimits.longestPacket else {
      throw KeeperError(
        code: .argumentListTooLong,
        message: "arguments, environment and label have \(bytes.count) bytes; at most \(KeeperLimits.longestPacket) fit"
      )
    }
    var duplicates: [CInt] = []
    do throws(SystemError) {
      for descriptor in descriptors { duplicates.append(try duplicateDescriptor(descriptor)) }
    } catch {
      for descriptor in duplicates { Glibc.close(descriptor) }
      throw KeeperError(code: .resourceExhausted, message: "\(error)")
    }
    if isStuck {
      // What is to be undone or noted down is done when it goes on; nobody waits for that, nor has anything begun then.
      defer { for descriptor in duplicates { Glibc.close(descriptor) } }
      if case .spawn = request { throw unanswered }
      guard duplicates.isEmpty else { throw unanswered }
      pending[number] = Pending(continuation: nil)
      outbox.append(Outgoing(number: number, bytes: bytes, descriptors: []))
      flush()
      throw unanswered
    }
    let timer = loop.schedule(after: patience) { [weak self] in self?.assumeIsolated { $0.giveUp(number) } }
    defer { timer.cancel() }
    let result: Result<[Answer], KeeperError> = await withCheckedContinuation { continuation in
      // Looked at here again: others may have had their turn before the continuation was made.
      guard !isLost else {
        for descriptor in duplicates { Glibc.close(descriptor) }
        return continuation.resume(
          returning: .failure(KeeperError(code: .lost, message: "the keeper is gone")))
      }
      var waiting = Pending(continuation: continuation, room: room)
      if case .spawn(let id, _, _) = request { waiting.started = id }
      pending[number] = waiting
      outbox.append(Outgoing(number: number, bytes: bytes, descriptors: duplicates))
      flush()
    }
    let answers = try result.get()
    if case .failed(let error)? = answers.last?.reply {
      Self.discard(answers)
      throw error
    }
    return answers
  }

  private var unanswered: KeeperError {
    let who = keeperPid > 0 ? " (pid \(keeperPid))" : ""
    return KeeperError(code: .unavailable, message: "the keeper\(who) does not answer: it may be stopped")
  }

  /// Nobody waits for that answer any longer.
  private func giveUp(_ number: UInt32) {
    guard var waiting = pending[number], let continuation = waiting.continuation else { return }
    isStuck = true
    waiting.continuation = nil
    Self.discard(waiting.answers)
    waiting.answers = []
    waiting.room = 0
    if let place = outbox.firstIndex(where: { $0.number == number }) {
      // It has never left.
      for descriptor in outbox[place].descriptors { Glibc.close(descriptor) }
      outbox.remove(at: place)
      pending[number] = nil
    } else {
      pending[number] = waiting
    }
    continuation.resume(returning: .failure(unanswered))
  }

  /// The answer to a request that was given up: whoever made it was told that it was not done.
  private func takeLate(_ answer: Answer, _ waiting: Pending) {
    Self.discard([answer])
    guard case .spawned = answer.reply, let id = waiting.started else { return }
    Task {
      try? await kill(id: id, signal: .kill, everything: true, grace: .zero)
      try? await forget(id: id)
    }
  }

  // MARK: the socket

  private func turn(_ readiness: Readiness) {
    for _ in 0..<Self.packetsPerTurn where !isLost {
      switch UnixSocket.receive(socket, buffer: buffer.bytes) {
      case .wouldBlock:
        flush()
        return
      case .endOfFile:
        lose("the keeper has ended")
      case .failed(let error):
        lose("the keeper's socket failed: \(error)")
      case .message(let message):
        guard let (number, reply) = try? KeeperReply.decode(message.bytes) else {
          message.closeDescriptors()
          lose("the keeper's answer makes no sense")
          return
        }
        take(Answer(reply: reply, descriptors: message.descriptors), number: number)
      }
    }
  }

  private func take(_ answer: Answer, number: UInt32) {
    isStuck = false
    if case .exited(let id, let status) = answer.reply {
      Self.discard([answer])
      statuses[id] = status
      onExit(id, status)
      return
    }
    guard var waiting = pending[number] else {
      // Number 0 carries the reason why the keeper is about to hang up; the rest nobody asked for.
      Self.discard([answer])
      return
    }
    guard let continuation = waiting.continuation else {
      if case .session = answer.reply { return Self.discard([answer]) }
      pending[number] = nil
      return takeLate(answer, waiting)
    }
    var answer = answer
    if case .session = answer.reply {
      // Closed as they come: they are many, and those who ask us are to be let in.
      if waiting.room <= 0 {
        Self.discard([answer])
        answer.descriptors = []
      }
      waiting.room -= 1
    }
    waiting.answers.append(answer)
    if case .session = answer.reply {
      pending[number] = waiting
      return
    }
    pending[number] = nil
    continuation.resume(returning: .success(waiting.answers))
  }

  private func flush() {
    var sent = 0
    loop: for outgoing in outbox {
      switch UnixSocket.send(socket, outgoing.bytes, descriptors: outgoing.descriptors) {
      case .bytes:
        for descriptor in outgoing.descriptors { Glibc.close(descriptor) }
        sent += 1
      case .wouldBlock:
        break loop
      case .endOfFile:
        // Reading tells the same, after what the keeper said last.
        break loop
      case .failed(let error):
        for descriptor in outgoing.descriptors { Glibc.close(descriptor) }
        sent += 1
        let refusal = KeeperError(code: .systemFailure, message: "the keeper cannot be asked: \(error)")
        pending.removeValue(forKey: outgoing.number)?.continuation?.resume(returning: .failure(refusal))
      }
    }
    outbox.removeFirst(sent)
    let interest: Readiness = outbox.isEmpty ? .readable : [.readable, .writable]
    if watch?.interest != interest { watch?.interest = interest }
  }

  private func lose(_ reason: String) {
    guard !isLost else { return }
    let error = KeeperError(code: .lost, message: reason)
    let known = keeperPid != 0
    shutDown(error, hasEnded: true)
    if known { onLost(error) }
  }

  private func shutDown(
    _ error: KeeperError = KeeperError(code: .lost, message: "disconnected from the keeper"), hasEnded: Bool = false
  ) {
    guard !isLost else { return }
    isLost = true
    watch?.cancel()
    watch = nil
    Glibc.close(socket)
    reapKeeper(hasEnded: hasEnded)
    for outgoing in outbox { for descriptor in outgoing.descriptors { Glibc.close(descriptor) } }
    outbox = []
    let unanswered = pending
    pending = [:]
    for waiting in unanswered.values {
      Self.discard(waiting.answers)
      waiting.continuation?.resume(returning: .failure(error))
    }
  }

  private func reapKeeper(hasEnded: Bool) {
    guard let pidfd = ownChild else { return }
    ownChild = nil
    // It goes on, for the next server.
    guard hasEnded else { return Self.reapWhenEnded(pidfd) }
    var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    poll(&entry, 1, Self.reapWithin)
    _ = try? reap(pidfd: pidfd)
    Glibc.close(pidfd)
  }

  /// A keeper that ends after its client has gone is a child of this process still, and would stay listed as one.
  private static func reapWhenEnded(_ pidfd: CInt) {
    WorkerThread(name: "keeper-reap").submit {
      var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
      while poll(&entry, 1, -1) < 0, errno == EINTR {}
      _ = try? reap(pidfd: pidfd)
      Glibc.close(pidfd)
    }
  }

  private static func discard(_ answers: [Answer]) {
    for answer in answers { for descriptor in answer.descriptors { Glibc.close(descriptor) } }
  }
}

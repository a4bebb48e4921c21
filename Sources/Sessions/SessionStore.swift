import Causality
import Formats
import Glibc
package import Keeper
package import Net
import Store
import Synchronization
package import Sys
import TerminalEngine

/// What a server lets its sessions be.
package struct SessionStoreOptions: Sendable {
  /// Sessions that may run at once.
  package var maximumSessions = 256
  /// How long an ended session stays listed.
  package var keepEnded = Duration.seconds(3600)
  /// How many ended sessions stay listed; the oldest go first.
  package var maximumEnded = 100
  /// The shell of sessions that name none.
  package var shell: String
  /// Where the integration scripts are kept.
  package var integrationFolder: String
  /// The environment that children start from.
  package var environment: [String: String]
  /// Working directory of sessions that name none.
  package var home: String
  /// The socket of this server, told to children as `ROOST_SOCKET`.
  package var socketPath: String
  /// The server's name, told to children as `ROOST_SERVER_NAME`.
  package var serverName: String
  /// A folder for the outputs of commands that are too long for memory, which are put into unnamed files.
  package var outputFolder: String?
  /// Counts what goes through the sessions.
  package var traffic = SessionTraffic()
  /// Told of what happens to the sessions.
  package var announcer: SessionAnnouncer?
  /// Whether announcements tell what programs give to the clipboard, and not only how much.
  package var tellsClipboard = false

  package init(
    shell: String, integrationFolder: String, environment: [String: String], home: String, socketPath: String,
    serverName: String
  ) {
    self.shell = shell
    self.integrationFolder = integrationFolder
    self.environment = environment
    self.home = home
    self.socketPath = socketPath
    self.serverName = serverName
  }
}

/// What happened to the set of sessions.
package enum StoreEvent: Sendable, Equatable {
  case created(String)
  case renamed(old: String, new: String)
  case tagsChanged(String, added: [String], removed: [String])
  /// The program ended; the session stays listed.
  case ended(String)
  /// The session is gone from the list.
  case destroyed(String)
}

/// Told of every ``StoreEvent``, on the store's loop, in order.
package protocol StoreObserver: AnyObject, Sendable {
  func storeChanged(_ event: StoreEvent)
}

/// The sessions of a server, by name. Bound to one loop; the sessions are spread over all.
package actor SessionStore {
  package nonisolated let loop: EventLoop
  package nonisolated let options: SessionStoreOptions
  /// What is known of every session, for those who follow all of them.
  package nonisolated let board: SessionBoard
  private let loops: LoopGroup
  var keeper: KeeperClient
  var makeKeeper: KeeperMaker?
  var reportKeeper: Report?
  /// The attempt at another keeper that is under way.
  var replacing: Task<Void, Never>?
  var keeperTimer: LoopTimer?
  var keeperPause = Duration.milliseconds(500)
  var keeperSince = ContinuousClock.now
  var hasReplacedKeeper = false
  private var room = SessionRoom.unbounded
  /// Names of sessions that stay with the keeper, since this server has no descriptors for them.
  package private(set) var left: [String] = []
  var entries: [String: Entry] = [:]
  /// What ``find(_:)`` answers from: the sessions of `entries` by name and by id, for every thread. No name has the form of an id.
  private nonisolated let directory = Mutex<[String: Listing]>([:])
  /// By their ids, the makers of sessions that were made for somebody else than the local user: known before their programs run.
  nonisolated let makers = Mutex<[String: String]>([:])
  /// All sessions, in no order.
  nonisolated var sessions: [Session] {
    directory.withLock { directory in directory.compactMap { $0.key == $0.value.session.id ? $0.value.session : nil } }
  }
  /// What whoever attached last said of the surroundings of his terminal; `nil` for a variable that is not set there.
  private nonisolated let surroundings = Mutex<[String: String?]>([:])
  /// Names by the sessions' ids, which the keeper knows them by.
  var names: [String: String] = [:]
  /// Names of sessions that are being created.
  /// With the holders of each (``SessionSpec/holders``).
  private var reserved: [String: [String]] = [:]
  private var nextAutomaticName = 0
  private var nextOrder = 1
  private var observers: [any StoreObserver] = []
  /// The board's first look at every session, while it is followed.
  var boardFilling: Task<Void, Never>?
  var isStopping = false
  /// Called when the last session has left the list.
  private var onceEmpty: (@Sendable () -> Void)?
  /// Those who wait for a session to end, by its id.
  private var endings: [String: [(CheckedContinuation<Void, Never>, LoopTimer)]] = [:]
  /// What is left to SIGKILL and its effect after the grace. Longer than a busy machine needs to let a killed process go.
  private static let killingTakes = Duration.milliseconds(1500)
  /// Between looks at those that have not ended.
  private static let lookAgain = Duration.milliseconds(50)
  private var endedCount = 0

  private struct Listing: Sendable {
    let session: Session
    let name: SessionName
    let tags: Set<Tag>
  }

  struct Entry {
    let session: Session
    let order: Int
    var name: SessionName
    var tags: Set<Tag>
    var label: SessionLabel
    /// Its first process; nil once that has ended.
    var program: WatchedProgram?
    /// The session reads its PTY: only then can it be told that its program has ended.
    var isStarted = false
    /// Set when the program has ended, in the order of the endings.
    var ended: Int?
    /// Set when something that the session started could not be ended.
    var remains: SessionRemains?
    var removal: LoopTimer?
  }

  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  package init(loops: LoopGroup, keeper: KeeperClient, options: SessionStoreOptions) {
    self.loops = loops
    loop = loops.loops[0]
    board = SessionBoard(loops)
    self.keeper = keeper
    self.options = options
  }

  /// Calls `body` whenever the last session has left the list.
  package func onEmpty(_ body: @escaping @Sendable () -> Void) { onceEmpty = body }

  package var runningCount: Int { entries.values.count { $0.ended == nil } }
  package var count: Int { entries.count }

  // MARK: finding

  /// The session of that name or id, with its name and tags. From anywhere: a request for a session need not wait for the store's loop.
  package nonisolated func find(
    _ reference: SessionName
  ) throws(SessionError) -> (session: Session, name: SessionName, tags: Set<Tag>) {
    guard let listing = directory.withLock({ $0[reference.text] }) else { throw .notFound(reference.text) }
    return (listing.session, listing.name, listing.tags)
  }

  private func entry(of reference: SessionName) throws(SessionError) -> Entry {
    guard let entry = entries[names[reference.text] ?? reference.text] else { throw .notFound(reference.text) }
    return entry
  }

  /// Where the session of that name lives; `nil` for a name that is nobody's. From anywhere.
  package nonisolated func loop(ofSession name: String) -> EventLoop? { directory.withLock { $0[name]?.session.loop } }

  package nonisolated func tags(of name: SessionName) -> Set<Tag> { directory.withLock { $0[name.text]?.tags } ?? [] }

  /// All sessions in the order of their beginning; with `tags`, those that have at least one of them.
  package func list(tags: Set<Tag> = []) -> [(name: SessionName, tags: Set<Tag>, session: Session)] {
    entries.values
      .filter { tags.isEmpty || !$0.tags.isDisjoint(with: tags) }
      .sorted { $0.order < $1.order }
      .map { ($0.name, $0.tags, $0.session) }
  }

  // MARK: creating

  /// Variables that one client may bring, and the bytes of each with its name: a path or an address, not a text.
  private static let mostSurroundings = 64
  private static let longestSurrounding = 4096

  /// Sessions that are made from now on without an environment of their caller's have these variables: sockets and displays of the
  /// terminal at which somebody sits now, in place of those that were there when the server began.
  package nonisolated func take(surroundings values: [String: String?]) {
    guard values.count <= SessionStore.mostSurroundings else { return }
    surroundings.withLock { known in
      for (name, value) in values where !name.isEmpty && !name.utf8.contains(0x3D) && !name.utf8.contains(0) {
        let bytes = name.utf8.count + (value?.utf8.count ?? 0)
        guard bytes <= SessionStore.longestSurrounding, value?.utf8.contains(0) != true,
          known.keys.contains(name) || known.count < SessionStore.mostSurroundings
        else { continue }
        known[name] = .some(value)
      }
    }
  }

  /// What the caller asked for may be what cannot be started; what he left to the server may not be held against him.
  private static func refusal(of spec: SessionSpec, _ error: KeeperError) -> SessionError {
    let isCallersProgram =
      switch spec.program {
      case .argv, .shell(_?): true
      case .command, .shell(nil): false
      }
    let isCallers =
      switch error.code {
      case .noSuchDirectory: spec.directory != nil
      case .noSuchProgram, .notExecutable: isCallersProgram
      case .argumentListTooLong, .invalidArgument: true
      default: false
      }
    if isCallers { return SessionError(.invalidRequest, "Invalid request: \(error.message).") }
    return SessionError(.sessionCreateFailed, "The session could not be started: \(error.message)")
  }

  package func create(_ spec: SessionSpec) async throws(SessionError) -> Session {
    try spec.check()
    guard !isStopping else { throw SessionError(.serverStopping, "The server is stopping; start it again and retry.") }
    try requireShare(for: spec.holders)
    try await makeRoom()
    // Others may have made theirs meanwhile.
    try requireShare(for: spec.holders)
    let name = try reserve(spec.name, for: spec.holders)
    defer { reserved[name.text] = nil }
    let id = makeUUID()
    var present = options
    for (variable, value) in surroundings.withLock({ $0 }) { present.environment[variable] = value }
    let launch = SessionLaunch(spec: spec, name: name, id: id, options: present)
    var label = SessionLabel(
      name: name, tags: spec.tags, command: launch.title, startedAt: .now(), nonce: launch.nonce,
      sizePolicy: spec.sizePolicy, history: spec.history)
    label.allowsTitleReports = spec.allowsTitleReports
    label.maker = spec.maker
    label.holders = spec.holders
    let numbers = SessionNumbers()
    label.numbers = numbers.end
    makers.withLock { $0[id] = spec.maker }
    let child: KeptChild
    do throws(SessionError) {
      child = try await spawn(id, launch, label, for: spec)
    } catch {
      makers.withLock { $0[id] = nil }
      throw error
    }
    let keeper = keeper
    let loop = loops.next()
    let session = Session(
      id: id, label: label, size: spec.size, pid: child.pid, master: child.master, loop: loop,
      traffic: options.traffic, announcer: options.announcer,
      tellsClipboard: options.tellsClipboard, shelf: board.shelf(of: loop),
      runFile: RunFile.path(in: options.integrationFolder, session: id), numbers: numbers,
      setNumbersAside: numbersKeeper(for: id))
    enter(session, label, WatchedProgram(pid: child.pid, pidfd: child.pidfd))
    do {
      await session.keepOutputs(in: options.outputFolder)
      try await session.start()
    } catch {
      if let name = names[id] { await drop(name) }
      throw error
    }
    if await started(session) { await keep(id, heldBy: keeper) }
    return session
  }

  /// Sees to it that whoever has so many sessions that run may have one more. Those that have ended count for nobody: they make room.
  private func requireShare(for holders: [String]) throws(SessionError) {
    // Where open files allow less than the option does, that is what is shared.
    let quota = SessionQuota(of: min(options.maximumSessions, room.most))
    var running = entries.values.filter { $0.ended == nil }.map(\.label.holders)
    for (name, holders) in reserved where entries[name] == nil { running.append(holders) }
    guard running.count < options.maximumSessions else {
      throw SessionError(
        .maxSessionsReached,
        "The limit of \(options.maximumSessions) sessions is reached; end one, or start the server with a greater --max-sessions."
      )
    }
    guard quota.refusal(for: holders, among: running) == .isShare else { return }
    throw SessionError(
      .resourceLimitReached,
      "Resource limit reached: one token may have \(quota.each) sessions that run, and all together \(quota.others) of \(quota.total). "
        + "End some, or start the server with a greater --max-sessions.")
  }

  /// Sees to it that there are descriptors for one session more, here and in the server that comes after this one.
  private func makeRoom() async throws(SessionError) {
    while entries.count + reserved.keys.count(where: { entries[$0] == nil }) >= room.most {
      let oldest = entries.values.filter { $0.ended != nil }.min { ($0.ended ?? 0) < ($1.ended ?? 0) }
      guard let oldest else {
        throw SessionError(
          .resourceLimitReached,
          "Resource limit reached: \(entries.count) sessions are as many as this server's limit of open files allows. "
            + "End one, or start the server with a greater limit ('ulimit -n').")
      }
      await age(oldest.session.id)
    }
  }

  private func spawn(
    _ id: String, _ launch: SessionLaunch, _ label: SessionLabel, for spec: SessionSpec
  ) async throws(SessionError) -> KeptChild {
    await awaitKeeper()
    do {
      return try await keeper.spawn(id: id, launch.child, label: label.encoded)
    } catch {
      switch error.code {
      case .unavailable, .busy, .lost:
        throw SessionError(
          .keeperUnavailable,
          "The session could not be started: \(error.message). A keeper that has ended is replaced: try again in a moment."
        )
      case .limitReached, .resourceExhausted:
        throw SessionError(
          .resourceLimitReached,
          "Resource limit reached: the session could not be started: \(error.message). End one, or raise the limit.")
      default: throw SessionStore.refusal(of: spec, error)
      }
    }
  }

  /// The session reads its PTY from now on. Its program may have ended before that: the keeper's client remembers how.
  /// - Returns: Whether the program still runs.
  @discardableResult
  private func started(_ session: Session) async -> Bool {
    guard let name = names[session.id] else { return false }
    entries[name]?.isStarted = true
    tell(.created(name))
    guard let status = await keeper.status(of: session.id) else { return true }
    // What it printed last may take a while to show, and nobody who has asked for the session is to wait for that.
    Task { await programEnded(id: session.id, status: status) }
    return false
  }

  private func enter(_ session: Session, _ label: SessionLabel, _ program: WatchedProgram) {
    entries[label.name.text] = Entry(
      session: session, order: nextOrder, name: label.name, tags: label.tags, label: label, program: program)
    list(session, label.name, label.tags)
    nextOrder += 1
    makers.withLock { $0[session.id] = label.maker }
    names[session.id] = label.name.text
  }

  private nonisolated func list(_ session: Session, _ name: SessionName, _ tags: Set<Tag>, insteadOf old: String? = nil)
  {
    let listing = Listing(session: session, name: name, tags: tags)
    directory.withLock {
      if let old { $0[old] = nil }
      $0[name.text] = listing
      $0[session.id] = listing
    }
  }

  /// Takes over the sessions that the keeper still holds from an earlier server of this name. Their programs have gone on; what was on
  /// their screens before is not known, so each is told of its size again, which makes most programs paint anew.
  package func adopt() async throws(SessionError) {
    let held: KeeperClient.Holdings
    do {
      held = try await keeper.holdings(atMost: SessionRoom.forTakeover)
    } catch {
      throw SessionError(
        .keeperUnavailable, "The sessions of the earlier server could not be taken over: \(error.message)")
    }
    for session in held.sessions { await adopt(session) }
    left = held.left.map { id, label in SessionLabel(label)?.name.text ?? id }.sorted()
  }

  /// The server has opened what it needs: sessions get what is left of its limit of open files.
  package func bound(by room: SessionRoom) { self.room = room }

  /// How many descriptors the sessions have open.
  package var openDescriptors: Int { runningCount * SessionRoom.descriptorsPerSession }

  private func adopt(_ kept: KeptSession) async {
    guard names[kept.id] == nil, var label = SessionLabel(kept.label) else {
      kept.closeDescriptors()
      return
    }
    // Two servers' sessions cannot share a name here; the id tells them apart.
    if entries[label.name.text] != nil || label.name.isIDLike,
      let other = try? SessionName("\(label.name.text.prefix(50))-\(kept.id.prefix(8))")
    {
      label.name = other
    }
    for file in kept.slots.values { Glibc.close(file) }
    let window = PseudoTerminal.size(of: kept.master)
    let size =
      window.map { TerminalEngine.TerminalSize(rows: Int($0.rows), columns: Int($0.columns)) }
      ?? SessionSpec.defaultSize
    let numbers = SessionNumbers(after: label.numbers ?? SessionNumbers.ofOldLabel)
    label.numbers = numbers.end
    let loop = loops.next()
    let session = Session(
      id: kept.id, label: label, size: size, pid: kept.pid, master: kept.master, loop: loop,
      traffic: options.traffic, announcer: options.announcer,
      tellsClipboard: options.tellsClipboard, shelf: board.shelf(of: loop),
      runFile: RunFile.path(in: options.integrationFolder, session: kept.id), numbers: numbers,
      generation: SessionNumbers.generation(since: label.startedAt), setNumbersAside: numbersKeeper(for: kept.id))
    enter(session, label, WatchedProgram(pid: kept.pid, pidfd: kept.pidfd))
    // Before one of its numbers is given: this server may be killed, too.
    try? await keeper.update(id: kept.id, label: label.encoded)
    await session.keepOutputs(in: options.outputFolder)
    guard (try? await session.start(isAdopted: true)) != nil else {
      if let name = names[kept.id] { await drop(name) }
      return
    }
    if await started(session) { await session.adopted() }
  }

  /// What a session calls when it is to be known that numbers below another may have been given.
  private func numbersKeeper(for id: String) -> @Sendable (Int) -> Void {
    { [weak self] end in Task { await self?.keepNumbers(below: end, of: id) } }
  }

  private func keepNumbers(below end: Int, of id: String) async {
    guard let name = names[id], var entry = entries[name], end > entry.label.numbers ?? 0 else { return }
    entry.label.numbers = end
    entries[name] = entry
    try? await keeper.update(id: id, label: entry.label.encoded)
  }

  private func reserve(_ wanted: SessionName?, for holders: [String]) throws(SessionError) -> SessionName {
    if let wanted {
      try requireNoID(wanted)
      guard entries[wanted.text] == nil, reserved[wanted.text] == nil else { throw conflict(wanted) }
      reserved[wanted.text] = holders
      return wanted
    }
    while true {
      let name = try SessionName(String(nextAutomaticName))
      nextAutomaticName += 1
      guard entries[name.text] == nil, reserved[name.text] == nil else { continue }
      reserved[name.text] = holders
      return name
    }
  }

  /// Who calls a session by its id is never to reach another one that bears it as a name.
  private func requireNoID(_ name: SessionName) throws(SessionError) {
    guard name.isIDLike else { return }
    throw SessionError(
      .invalidSessionName,
      "Invalid session name: it has the form of an id, by which sessions are called too; choose another."
    )
  }

  private func conflict(_ name: SessionName) -> SessionError {
    SessionError(
      .sessionNameConflict, "A session named \(name) exists already; choose another name, or remove that one.")
  }

  // MARK: changing

  /// Renames and tags a session, and says who decides how large it is: all of it, or nothing.
  package func update(
    _ name: SessionName, newName: SessionName?, add: [Tag], remove: [Tag], sizePolicy: SizePolicy? = nil
  ) async throws(SessionError) -> Session {
    var entry = try entry(of: name)
    let name = entry.name
    if let newName, newName != name { try requireNoID(newName) }
    if let newName, newName != name, entries[newName.text] != nil || reserved[newName.text] != nil {
      throw conflict(newName)
    }
    let tags = entry.tags.subtracting(remove).union(add)
    guard tags.count <= SessionSpec.maximumTags else {
      throw SessionError(
        .resourceLimitReached, "Resource limit reached: a session has at most \(SessionSpec.maximumTags) tags.")
    }
    let added = tags.subtracting(entry.tags).map(\.text).sorted()
    let removed = entry.tags.subtracting(tags).map(\.text).sorted()
    entry.tags = tags
    if let newName { entry.name = newName }
    entry.label.name = entry.name
    entry.label.tags = tags
    if let sizePolicy { entry.label.sizePolicy = sizePolicy }
    entries[name.text] = nil
    entries[entry.name.text] = entry
    list(entry.session, entry.name, tags, insteadOf: name.text)
    names[entry.session.id] = entry.name.text
    if entry.name != name { tell(.renamed(old: name.text, new: entry.name.text)) }
    if !added.isEmpty || !removed.isEmpty { tell(.tagsChanged(entry.name.text, added: added, removed: removed)) }
    await entry.session.identify(name: entry.name, tags: tags)
    if let sizePolicy { await entry.session.setSizePolicy(sizePolicy) }
    // A later server is to know it by the new name; when the keeper is out of reach there will be none.
    try? await keeper.update(id: entry.session.id, label: entry.label.encoded)
    return entry.session
  }

  /// Ends a session's program and everything it started: `signal` first, and SIGKILL to what is left after `grace`. Returns when that is
  /// done; the session stays listed. Throws ``SessionError/Code/programsRemain`` when something is there still a moment after the grace.
  package func kill(_ name: SessionName, signal: Signal, grace: Duration) async throws(SessionError) -> Session {
    let entry = try entry(of: name)
    if let remains = try await end(entry, signal, grace: grace) {
      throw .remaining("The session \(name) has not ended", remains)
    }
    return entry.session
  }

  /// - Returns: What could not be ended; nil when nothing is left.
  /// - Parameter found: What the session has started, where it has been looked for already.
  private func end(
    _ entry: Entry, _ signal: Signal, grace: Duration, found: SessionRemains? = nil
  ) async throws(SessionError) -> SessionRemains? {
    let id = entry.session.id
    if entry.ended != nil { return leftOver(of: id) }
    let remains: SessionRemains
    if let found { remains = found } else { remains = await SessionRemains.find(id: id, leader: entry.session.pid) }
    await entry.session.willEnd(because: Cause.current)
    do throws(KeeperError) {
      try await keeper.kill(id: id, signal: signal, everything: true, grace: grace)
    } catch {
      endWithoutKeeper(entry, remains, signal, grace: grace)
    }
    let left = await ending(of: id, remains, within: signal == .kill ? .zero : grace)
    if left != nil { await entry.session.willNotEnd() }
    return left
  }

  /// The same where the keeper is out of reach: this server's own signals.
  private func endWithoutKeeper(_ entry: Entry, _ remains: SessionRemains, _ signal: Signal, grace: Duration) {
    watchProgram(of: entry)
    remains.send(signal)
    guard signal != .kill else { return }
    remains.send(.continue)
    Task {
      await change(of: "", within: grace)
      var later = await remains.lookedAgain()
      if !later.areGone() { later.send(.kill) }
    }
  }

  /// What an earlier attempt could not end and is still there.
  private func leftOver(of id: String) -> SessionRemains? {
    guard let name = names[id], var remains = entries[name]?.remains else { return nil }
    let areGone = remains.areGone()
    entries[name]?.remains = areGone ? nil : remains
    return areGone ? nil : remains
  }

  /// Waits until a session's program has ended and nobody is left of what it started, but no longer than the grace and the time that killing
  /// takes.
  /// - Returns: Who is left then.
  private func ending(of id: String, _ found: SessionRemains, within grace: Duration) async -> SessionRemains? {
    var remains = found
    let deadline = ContinuousClock.now + grace + Self.killingTakes
    while true {
      let isEnded = names[id].map { entries[$0]?.ended != nil } ?? true
      if remains.areGone(), isEnded {
        // What was started in the meantime counts too.
        guard remains.mayHaveGrown else { break }
        remains = await remains.lookedAgain()
        if remains.areGone() { break }
      }
      if ContinuousClock.now >= deadline {
        remains = await remains.lookedAgain()
        if remains.areGone() { break }
        if let name = names[id] { entries[name]?.remains = remains }
        return remains
      }
      await change(of: id, within: Self.lookAgain)
    }
    if let name = names[id] { entries[name]?.remains = nil }
    return nil
  }

  /// Waits until the session's program ends, or so long.
  private func change(of id: String, within pause: Duration) async {
    await withCheckedContinuation { continuation in
      // The timer begins here: one that fired before the continuation was made would wake nobody.
      let timer = loop.schedule(after: pause) { [weak self] in self?.assumeIsolated { $0.wakeThoseWhoAwait(id) } }
      endings[id, default: []].append((continuation, timer))
    }
  }

  private func wakeThoseWhoAwait(_ id: String) {
    for (continuation, timer) in endings.removeValue(forKey: id) ?? [] {
      timer.cancel()
      continuation.resume()
    }
  }

  /// Ends a session at once and takes it off the list. Throws ``SessionError/Code/programsRemain``, and leaves it listed, when something that
  /// it started cannot be ended.
  package func remove(_ name: SessionName) async throws(SessionError) {
    let entry = try entry(of: name)
    let id = entry.session.id
    var left = leftOver(of: id)
    if entry.ended == nil {
      let remains = await SessionRemains.find(id: id, leader: entry.session.pid)
      await entry.session.willEnd(because: Cause.current)
      if (try? await keeper.kill(id: id, signal: .kill, everything: true, grace: .zero)) == nil {
        endWithoutKeeper(entry, remains, .kill, grace: .zero)
      }
      left = await ending(of: id, remains, within: .zero)
    }
    if let left {
      await entry.session.willNotEnd()
      throw .remaining("The session \(name) cannot be removed", left)
    }
    guard let name = names[id] else { return }
    await drop(name, because: Cause.current)
    tell(.destroyed(name))
  }

  private func drop(_ name: String, because cause: Cause? = nil) async {
    guard let entry = entries.removeValue(forKey: name) else { return }
    let id = entry.session.id
    directory.withLock {
      $0[name] = nil
      $0[id] = nil
    }
    makers.withLock { $0[id] = nil }
    names[id] = nil
    entry.removal?.cancel()
    wakeThoseWhoAwait(id)
    await entry.session.removed(because: cause)
    try? await keeper.forget(id: id)
    if entries.isEmpty { onceEmpty?() }
  }

  // MARK: endings

  /// The keeper has reaped a session's program. A session that is not started yet asks for that itself once it is: what its program
  /// printed is to be read first.
  /// - Parameter isSeen: The server has seen it itself.
  package func programEnded(id: String, status: ExitStatus, isSeen: Bool = false) async {
    guard let name = names[id], let entry = entries[name], entry.isStarted, entry.ended == nil else { return }
    // A keeper that is not the parent may know less than is about to be seen here.
    if status == .unknown, !isSeen, entry.program != nil { return watchProgram(of: entry) }
    await entry.session.ended(status)
    // The session may have been renamed or removed while its last output was read.
    guard let name = names[id], entries[name]?.ended == nil else { return }
    endedCount += 1
    entries[name]?.ended = endedCount
    entries[name]?.program = nil
    wakeThoseWhoAwait(id)
    tell(.ended(name))
    entries[name]?.removal = loop.schedule(after: options.keepEnded) { [weak self] in
      self?.assumeIsolated { store in _ = Task { await store.age(id) } }
    }
    let ended = entries.values.filter { $0.ended != nil }.sorted { ($0.ended ?? 0) < ($1.ended ?? 0) }
    for old in ended.dropLast(options.maximumEnded) { await age(old.session.id) }
  }

  private func age(_ id: String) async {
    guard let name = names[id], entries[name]?.ended != nil else { return }
    await drop(name)
    tell(.destroyed(name))
  }

  // MARK: stopping

  /// Refuses new sessions from now on.
  package func stopCreating() { isStopping = true }

  /// Refuses new sessions and ends those that run: SIGHUP, then SIGKILL after the grace. They stay listed.
  /// - Returns: A sentence for each of which something could not be ended.
  package func endAll(grace: Duration) async -> [String] {
    isStopping = true
    let running = entries.values.filter { $0.ended == nil }
    let found = await SessionRemains.find(all: running.map { ($0.session.id, $0.session.pid) })
    let endings = zip(running, found).map { entry, found in
      Task { () -> String? in
        guard let remains = try? await self.end(entry, .hangUp, grace: grace, found: found) else { return nil }
        return SessionError.remaining("The session \(entry.name) has not ended", remains).message
      }
    }
    // Of sessions whose program has ended something may be left that an earlier attempt could not end.
    var failures = entries.values.filter { $0.remains != nil }.compactMap { entry in
      leftOver(of: entry.session.id).map {
        SessionError.remaining("The session \(entry.name) has not ended", $0).message
      }
    }
    for ending in endings { if let failure = await ending.value { failures.append(failure) } }
    return failures
  }

  /// Takes every session off the list.
  package func removeAll() async {
    for name in Array(entries.keys) { await drop(name, because: Cause.current) }
  }

  // MARK: observers

  package func observe(_ observer: any StoreObserver) { observers.append(observer) }
  package func removeObserver(_ observer: any StoreObserver) { observers.removeAll { $0 === observer } }
  private func tell(_ event: StoreEvent) { for observer in observers { observer.storeChanged(event) } }
}

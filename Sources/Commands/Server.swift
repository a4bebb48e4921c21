import Causality
import Cluster
import Domains
import Events
import Formats
import Glibc
import Keeper
import Net
import Operations
import Sessions
import Store
import Surfaces
import Synchronization
import Sys

/// A running server: builds the parts, hands them to each other, and takes them down in order.
actor Server {
  /// An ephemeral server that nobody has given a session ends after this long (wsh's figure).
  private static let ephemeralPatience = Duration.seconds(30)
  /// Sessions told to end may take this long before they are killed.
  private static let killGrace = Duration.seconds(3)
  /// Requests under way at the end may take this long.
  private static let closeGrace = Duration.seconds(2)

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let accounts = Accounts()
  /// Holds the server's lock.
  private let groundwork: ServerGroundwork
  private let options: ServeOptions
  private let paths: Paths
  private let socketPath: String
  private let identity: ServerIdentity
  private let hostname: String
  private let startedAt = Timestamp.now()
  private let loops: LoopGroup
  private let exits: ExitRelay
  private let store: SessionStore
  private let log: EventLog
  private let tokens: Tokens
  private let cursors: CursorStore
  private let events: OwnEvents
  private let audit: AuditTrail
  private let news: NewsAllowance
  private let cluster: ServerCluster
  private let quarantine = Quarantine { complain($0) }
  /// Why the server is there: it points at the event of its start.
  private let beginning: Cause
  private var http: HTTPServer?
  private var tcpAddresses: [String] = []
  private var tls: TLSServerContext?
  private var isPersistent: Bool
  private var isStopping = false
  private var signals: [SignalWatch] = []
  private var patience: LoopTimer?
  private var socketGuard: SocketGuard?
  private var hasToldOfSocket = false
  private var stateGuard: SocketGuard?
  private var hasToldOfState = false
  private var stopped: CheckedContinuation<Void, Never>?
  private var hasStopped = false

  /// Brings a server up: when it returns, the sockets answer.
  static func start(_ groundwork: ServerGroundwork) async throws(CommandFailure) -> Server {
    Host.raiseOpenFileLimit()
    do {
      async let stored: Void = groundwork.storeIdentity()
      let socketPath = groundwork.keeperSocket
      let loops = try LoopGroup(count: groundwork.options.loops ?? defaultLoops)
      let exits = ExitRelay()
      let reach: @Sendable (CInt?) async throws(KeeperError) -> KeeperClient = {
        (started) async throws(KeeperError) -> KeeperClient in
        try await KeeperClient.connect(
          socketPath: socketPath, launch: KeeperLaunch(socketPath: socketPath), started: started, loop: loops.loops[0],
          onExit: { id, status in exits.programEnded(id, status) }, onLost: { exits.keeperLost($0) })
      }
      // What a keeper leaves that is killed comes to the server that has started it, which can tell how it ends.
      Orphans.adopt()
      let server = Server(groundwork, loops, try await reach(groundwork.keeper), exits)
      await server.store.replaceKeeper(by: { () async throws(KeeperError) in try await reach(nil) }, report: complain)
      exits.attach(server.store)
      try await Cause.$current.withValue(server.beginning) { try await server.store.adopt() }
      try await server.open()
      try await stored
      await server.announce()
      return server
    } catch {
      throw ServerGroundwork.failure(error)
    }
  }

  static var defaultLoops: Int { max(1, min(8, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  private init(
    _ groundwork: ServerGroundwork, _ loops: LoopGroup, _ keeper: KeeperClient, _ exits: ExitRelay
  ) {
    let options = groundwork.options
    let paths = groundwork.paths
    let identity = groundwork.identity
    self.groundwork = groundwork
    self.options = options
    self.paths = paths
    self.identity = identity
    self.loops = loops
    self.exits = exits
    loop = loops.loops[0]
    hostname = options.hostname ?? groundwork.configuration.hostname ?? identity.hostname
    socketPath = options.socketPath ?? paths.socket
    isPersistent = !options.isEphemeral
    let user = UserSurroundings(shell: options.shell)
    for replacement in user.replacements { complain(replacement) }
    var store = SessionStoreOptions(
      shell: user.shell, integrationFolder: paths.shellIntegration, environment: user.environment, home: user.home,
      socketPath: socketPath, serverName: paths.serverName)
    store.maximumSessions = options.maxSessions
    store.keepEnded = options.keepEnded
    store.outputFolder = paths.state
    var logging = EventLog.Configuration(folder: paths.events, serverID: identity.id)
    logging.auditFolder = paths.audit
    logging.report = { complain($0) }
    logging.retention.age = options.eventsMaxAge
    logging.retention.bytes = options.eventsMaxBytes
    // The log's thread makes the folders of the days; the state folder is ours to make, and to keep private.
    do throws(StoreError) { try paths.prepareState() } catch { complain("events: \(error.message)") }
    log = EventLog(logging)
    let tokens = Tokens(fixed: options.token, paths: paths, quarantine: quarantine)
    self.tokens = tokens
    cursors = CursorStore(paths: paths, quarantine: quarantine) { tokens.isGood(id: $0) }
    let events = OwnEvents(sink: log, serverID: identity.id, types: EventTypes.all)
    let audit = AuditTrail(events, loop: loops.loops[0])
    let news = NewsAllowance(events, audit.allowance, loop: loops.loops[0])
    store.announcer = { news.emit($0) }
    store.tellsClipboard = options.tellsClipboard
    self.events = events
    self.audit = audit
    self.news = news
    beginning = Cause(correlationID: makeUUID(), causationID: makeUUID())
    self.store = SessionStore(loops: loops, keeper: keeper, options: store)
    cluster = ServerCluster(
      LinkHost.Identity(serverID: identity.id, hostname: hostname, version: roostVersion), loops: loops, paths: paths,
      configurationFile: groundwork.configurationFile, configuration: groundwork.configuration, store: self.store,
      events: events, quarantine: quarantine)
  }

  /// Says in which session a process is, while there is one that was made for somebody else than the local user.
  private var origins: @Sendable (Int32) async -> ProcessOrigin {
    let store = store
    return { pid in
      if !store.hasMakers { return .outside }
      return store.origin(of: pid, keeper: await store.keeperPid)
    }
  }

  /// Opens the sockets.
  private func open() async throws {
    let tickets = Tickets(accounts: accounts)
    let tokens = tokens
    let authenticator = Authenticator(
      ownUID: Host.userID, tokens: tokens, noAuth: !options.requiresAuthentication, tickets: tickets,
      accounts: accounts, origin: options.sessionsActAsOwner ? nil : origins)
    let limitedLabels: @Sendable () throws -> LimitedLabels = {
      let limits = try tokens.store.limits()
      return LimitedLabels(names: limits.sessions, tags: limits.tags)
    }
    let sessions = SessionOperations(
      store: store, server: hostname, serverID: identity.id, cluster: cluster.map, limitedLabels: limitedLabels)
    let cluster = cluster
    let (tenures, cursors) = (TokenTenures(loop: loop), cursors)
    // One line for each of `Contracts.all`, and what the surfaces state themselves.
    let domains = [
      Domain(SessionContract.self, sessions.all, streams: SessionStreams(store: store).all),
      Domain(ServerContract.self, serverOperations(self)),
      Domain(ServersContract.self, ServersOperations(registry: cluster.registry, control: self).all),
      Domain(
        EventContract.self, EventOperations(log: log, cursors: cursors, control: self).all,
        streams: EventStreams(log: log, cursors: cursors).all),
      Domain(
        TokenContract.self,
        tokenOperations(tokens.store, events: events) {
          tokens.forget(id: $0)
          authenticator.forget(token: $0)
          tenures.end(token: $0)
          try? cursors.removeAll(ofToken: $0)
          cluster.forget(token: $0)
        }),
      Domain(AuthContract.self, [tickets.binding]),
    ]
    let catalogue = Catalogue(
      domains.flatMap(\.operations), streams: domains.flatMap(\.streams), ownNames: [hostname, identity.id],
      cluster: cluster.map, audit: audit, accounts: accounts,
      tenures: tenures, limitedLabels: limitedLabels, complain: complain)
    var configuration = HTTPSurface.Configuration(version: roostVersion)
    configuration.hostNames = [hostname, identity.hostname]
    configuration.allowedOrigins = Set(options.corsOrigins)
    if let prefix = options.basePrefix.flatMap(BasePrefix.init) { configuration.basePrefix = prefix }
    let store = store
    configuration.metrics = [
      ServerMetrics(self, loops: loops) { await store.hasKeeper }, SessionCensus(store), EventMetrics(log),
      cluster.metrics,
    ]
    configuration.home = { store.loop(ofPath: $0) }
    configuration.links = cluster.entrance
    let surface = HTTPSurface(
      catalogue: catalogue, authenticator: authenticator, configuration: configuration)
    let http = HTTPServer(loops: loops, handler: surface, errorBody: { surface.response(to: $0, $1) })
    self.http = http
    for number in [SIGTERM, SIGINT] {
      signals.append(
        try loop.onSignal(number) { [weak self] in
          self?.assumeIsolated { server in _ = Task { await server.stop(.signal, endingSessions: false) } }
        })
    }
    // Until there is something to read again.
    signal(SIGHUP, SIG_IGN)
    await store.onEmpty { [weak self] in self?.assumeIsolated { server in _ = Task { await server.sessionsAreGone() } }
    }
    tls = try ServerCertificate.load(options, paths, hostname: hostname)
    try await http.listen(unix: socketPath)
    keepSocket()
    keepState()
    signals.append(
      try loop.onSignal(SIGUSR1) { [weak self] in self?.assumeIsolated { $0.socketGuard?.look() } })
    // The keeper's end is told by its socket; nobody needs its status.
    signals.append(try loop.onSignal(SIGCHLD) { store.assumeIsolated { $0.reapOrphans() } })
    await store.reapOrphans()
    for bind in options.binds {
      let port = try await http.listen(host: bind.host, port: bind.port, tls: tls)
      tcpAddresses.append(bind.host.contains(":") ? "[\(bind.host)]:\(port)" : "\(bind.host):\(port)")
    }
    try await cluster.registry.start()
    // A terminal that goes away takes a server in its foreground along no more than tmux's.
    signals.append(
      try loop.onSignal(SIGHUP) { [weak self] in
        self?.assumeIsolated { server in _ = Task { await server.hungUp() } }
      })
    awaitSessions()
    let open = Host.openDescriptors - (await store.openDescriptors)
    await store.bound(by: SessionRoom(limit: Host.openFileLimit, own: open))
    let left = await store.left
    if !left.isEmpty {
      complain(
        "sessions that stay with the keeper, since this server's limit of open files (\(Host.openFileLimit)) leaves no room for them: "
          + "\(left.joined(separator: ", ")); a server with a greater limit takes them over, 'roost stop --kill-sessions' ends them too"
      )
    }
    events.serverStarted(
      id: beginning.causationID ?? makeUUID(), because: Cause(correlationID: beginning.correlationID),
      version: roostVersion, pid: Int(getpid()), hostname: hostname, takesOver: await store.count > 0)
  }

  private func announce() {
    if let tls {
      if let warning = tls.warning { complain(warning) }
      complain("certificate: fingerprint \(tls.fingerprint)")
    }
    if let descriptor = options.readinessDescriptor {
      Launch.announce("ready", on: descriptor)
      return
    }
    complain("listening at \(socketPath)")
    for address in tcpAddresses {
      complain("listening at \(tls == nil ? "http" : "https")://\(address)\(options.basePrefix ?? "")")
    }
    if !tcpAddresses.isEmpty, options.requiresAuthentication, options.token == nil {
      complain("clients over TCP need a token: 'roost token create' makes one")
    }
  }

  // MARK: stopping

  /// Returns once the server has been stopped.
  func runUntilStopped() async {
    await withCheckedContinuation { continuation in
      if hasStopped { continuation.resume() } else { stopped = continuation }
    }
  }

  /// An ephemeral server that has no session waits a while for one, and then ends.
  private func awaitSessions() {
    patience?.cancel()
    patience = nil
    guard !isPersistent, !isStopping else { return }
    patience = loop.schedule(after: Server.ephemeralPatience) { [weak self] in
      self?.assumeIsolated { server in _ = Task { if await server.store.count == 0 { await server.sessionsAreGone() } }
      }
    }
  }

  private func sessionsAreGone() async {
    if !isPersistent { await stop(.noSessions, endingSessions: false) }
  }

  /// Stops: refuses new sessions, ends the old ones when told to (else the keeper holds them for the next server), closes the sockets.
  private func stop(_ reason: OwnEvents.StopReason, endingSessions: Bool) async {
    guard !isStopping else { return }
    isStopping = true
    patience?.cancel()
    socketGuard?.stop()
    stateGuard?.stop()
    events.serverStopping(
      because: Cause.current ?? beginning, version: roostVersion, pid: Int(getpid()), reason: reason)
    if endingSessions {
      // Those that run have been ended by whoever asked for it.
      await store.removeAll()
      exits.expectEnd()
      await store.quitKeeper(grace: Server.killGrace)
    } else {
      await store.stopCreating()
    }
    await cluster.stop()
    await http?.close(graceful: Server.closeGrace)
    await store.closeKeeper()
    audit.flush()
    news.flush()
    log.close()
    if options.socketPath == nil { unlink(paths.socket) }
    hasStopped = true
    stopped?.resume()
    stopped = nil
  }
}

// MARK: The socket's name

extension Server {
  private func keepSocket() {
    let socketGuard = SocketGuard(loop: loop, path: socketPath) { [weak self] in
      self?.assumeIsolated { server in _ = Task { await server.makeSocketAgain() } }
    }
    self.socketGuard = socketGuard
    socketGuard.madeAgain()
  }

  /// The state folder can be taken away as that of the sockets can.
  private func keepState() {
    let stateGuard = SocketGuard(loop: loop, path: paths.stateLock) { [weak self] in
      self?.assumeIsolated { server in _ = Task { await server.makeStateAgain() } }
    }
    self.stateGuard = stateGuard
    stateGuard.madeAgain()
  }

  private func makeStateAgain() async {
    guard !isStopping, let stateGuard else { return }
    do {
      try paths.prepareState()
      try groundwork.lock.renewState()
      try await storeIdentityAgain()
      stateGuard.madeAgain()
      hasToldOfState = false
      complain("the state folder \(paths.state) had gone, and is there again with the same identity")
    } catch {
      if !hasToldOfState {
        complain(
          "the state folder \(paths.state) has gone and cannot be made yet: \(ServerGroundwork.failure(error).message)")
      }
      hasToldOfState = true
      stateGuard.failed()
    }
  }

  @concurrent
  private nonisolated func storeIdentityAgain() async throws(StoreError) {
    if try ServerIdentity.read(paths) == nil { try identity.store(paths) }
  }

  private func makeSocketAgain() async {
    guard !isStopping, let http, let socketGuard else { return }
    do {
      if options.socketPath == nil {
        try paths.prepareRuntime()
        try groundwork.lock.renew()
      }
      try await http.listenAgain(unix: socketPath)
      socketGuard.madeAgain()
      hasToldOfSocket = false
      complain("the socket \(socketPath) had gone, and is there again")
    } catch {
      if !hasToldOfSocket {
        complain(
          "the socket \(socketPath) has gone and cannot be made yet: \(ServerGroundwork.failure(error).message)")
      }
      hasToldOfSocket = true
      socketGuard.failed()
    }
  }
}

extension Server: ServerControl {
  func info() async -> ServerInfo {
    ServerInfo(
      hostname: hostname, version: roostVersion, serverID: identity.id, instanceName: paths.serverName,
      socketPath: socketPath,
      tcpAddr: tcpAddresses.first, tlsFingerprint: tls?.fingerprint.description, sessionCount: await store.runningCount,
      startedAt: startedAt, pid: Int(getpid()),
      keeperPid: Int(await store.keeperPid), persistent: isPersistent,
      damagedFiles: quarantine.paths.isEmpty ? nil : quarantine.paths, shares: accounts.shareInfos)
  }

  func countSessions(reachableBy access: Access) async -> Int {
    var count = 0
    for (name, tags, session) in await store.list(tags: []) where access.covers(name: name.text, tags: tags) {
      if await session.exit == nil { count += 1 }
    }
    return count
  }

  func setPersistent(_ persistent: Bool) {
    isPersistent = persistent
    awaitSessions()
  }

  func shutDown(endingSessions: Bool) async throws(OperationError) {
    let running = await store.runningCount + store.left.count
    guard endingSessions || running == 0 else {
      throw OperationError(
        .sessionsRunning,
        "\(running) \(running == 1 ? "session runs" : "sessions run") on this server; end them, or say that they are to be ended too."
      )
    }
    // What could not be ended does not hold the server, and does not go unsaid.
    let failures = endingSessions ? await store.endAll(grace: Server.killGrace) : []
    // Answered first: the caller hears that it begins before the sockets close.
    Task { await stop(.operation, endingSessions: endingSessions) }
    guard failures.isEmpty else {
      throw OperationError(.programsRemain, "The server stops. " + failures.joined(separator: " "))
    }
  }
}

// MARK: Reading the settings again

extension Server {
  /// The pair is read before anything is changed, so that a broken one changes nothing.
  func reload() async throws(OperationError) -> ServerReload {
    let renewed: TLSServerContext?
    do {
      renewed = try await readCertificate()
    } catch {
      let message = (error as? NetError)?.message ?? (error as? CommandFailure)?.message ?? "\(error)"
      complain("the certificate stays the one that it was: \(message)")
      throw OperationError(
        .configInvalid, "The certificate cannot be used: \(message). Nothing is changed; the one that it was goes on.")
    }
    let report: ReloadReport
    do throws(RegistryError) {
      report = try await cluster.registry.reload()
    } catch {
      throw OperationError(error)
    }
    guard let tls, let renewed else { return ServerReload(report: report, certificate: nil) }
    let isNew = tls.fingerprint != renewed.fingerprint
    // Those that lead to the authority may have changed where the certificate has not.
    tls.adopt(renewed)
    guard isNew else { return ServerReload(report: report, certificate: nil) }
    if let warning = tls.warning { complain(warning) }
    complain("certificate: fingerprint \(tls.fingerprint)")
    return ServerReload(
      report: report, certificate: .init(fingerprint: tls.fingerprint.description, warning: tls.warning))
  }

  @concurrent
  private nonisolated func readCertificate() async throws -> TLSServerContext? {
    try ServerCertificate.load(options, paths, hostname: hostname)
  }

  /// SIGHUP: nobody is there to be answered, so it is written down.
  private func hungUp() async {
    guard !isStopping else { return }
    do {
      let report = try await Cause.$current.withValue(beginning) { try await reload() }.report
      complain(
        "SIGHUP: read again; servers added: \(report.added.count), removed: \(report.removed.count), changed: \(report.changed.count)"
      )
    } catch {
      complain("SIGHUP: \((error as? OperationError)?.message ?? "\(error)")")
    }
  }
}

/// Carries the keeper's news to the store, which is made after the keeper's client.
private final class ExitRelay: Sendable {
  private let store = Mutex<SessionStore?>(nil)
  private let isEnding = Mutex(false)

  /// Whether the keeper has been told to end, so that its end is no news.
  var expectsEnd: Bool { isEnding.withLock { $0 } }
  func expectEnd() { isEnding.withLock { $0 = true } }

  func attach(_ store: SessionStore) { self.store.withLock { $0 = store } }

  func keeperLost(_ error: KeeperError) {
    // It was told to end.
    if expectsEnd { return }
    complain("the keeper is gone: \(error.message). The sessions go on, and another keeper is started for them.")
    guard let store = store.withLock({ $0 }) else { return }
    Task { await store.keeperLost() }
  }

  func programEnded(_ id: String, _ status: ExitStatus) {
    guard let store = store.withLock({ $0 }) else { return }
    Task { await store.programEnded(id: id, status: status) }
  }
}

import Formats
package import Net
import Store
import Synchronization

/// The connection to one backend: dials, greets, watches, and dials again. While there is a link, ``remote`` is the way over it.
package actor Backend: BackendControl {
  /// Who dials.
  package struct Hub: Sendable {
    package var identity: LinkHost.Identity
    package var chain: HubChain

    package init(identity: LinkHost.Identity, chain: HubChain) {
      self.identity = identity
      self.chain = chain
    }
  }

  /// A backend that somebody has to do something about is tried again so often.
  private static let refusedPause = Duration.seconds(60)
  /// A round trip that takes longer makes a backend degraded.
  private static let slow = Duration.seconds(1)
  /// Longest message of the transport: a batch.
  private static let longestBatch = 256 << 10

  private struct Shown {
    var report = HealthReport(.connecting)
    var identity: BackendIdentity?
    var peer: String?
    var remote: (any RemoteServer)?
    var behind: [ServerBehind]?
  }

  package nonisolated let loop: EventLoop
  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  /// What is known of its sessions.
  package nonisolated let directory = DirectoryCopy()

  private nonisolated let settings: BackendSettings
  private nonisolated let observer: BackendObserver
  private nonisolated let hub: Hub
  private nonisolated let shown = Mutex(Shown())

  private var role: Role
  private var link: Link?
  /// Names the link when it is to go on.
  private var session: String?
  /// The hubs before this one, as the latest greeting told them.
  private var toldChain: [String] = []
  private var directoryStream: LinkStream?
  private var registryStream: LinkStream?
  /// Why there is no directory, if the backend does not want to give it.
  private var directoryRefusal: String?
  private var backoff = Backoff(longest: .seconds(15))
  /// When a link ended for good that was not to end: it broke the rules, or told nonsense.
  private var offended: ContinuousClock.Instant?
  /// How long that is held against it: a few of the longest pauses.
  private static let grudge = Duration.seconds(60)
  private var isStopped = false
  private var running: Task<Void, Never>?
  /// What ``run()`` waits for: the loss of the link, or the end of a pause.
  private var waiting: CheckedContinuation<Void, Never>?
  private var pauseTimer: LoopTimer?
  private var isWoken = false
  private var chainObserver: Int?

  package init(_ settings: BackendSettings, _ observer: BackendObserver, hub: Hub, loop: EventLoop) {
    self.settings = settings
    self.observer = observer
    self.hub = hub
    self.loop = loop
    role = settings.role
  }

  /// Begins to dial. Called once.
  package nonisolated func start() { Task { await self.begin() } }

  private func begin() {
    chainObserver = hub.chain.observe { [weak self] in
      guard let self else { return }
      Task { await self.chainChanged() }
    }
    running = Task { await run() }
  }

  // MARK: What the registry sees

  package nonisolated var report: HealthReport { shown.withLock { $0.report } }
  package nonisolated var identity: BackendIdentity? { shown.withLock { $0.identity } }
  package nonisolated var peer: String? { shown.withLock { $0.peer } }
  package nonisolated var remote: (any RemoteServer)? { shown.withLock { $0.remote } }
  package nonisolated var behind: [ServerBehind]? { shown.withLock { $0.behind } }

  package func stop() async {
    isStopped = true
    if let chainObserver { hub.chain.forget(chainObserver) }
    await link?.end("the backend was taken off the list")
    directory.clear()
    wake()
    await running?.value
  }

  package nonisolated func update(role: Role) { Task { await self.set(role) } }

  package nonisolated func reconnect() { Task { await self.dialNow() } }

  private func dialNow() {
    backoff.reset()
    link?.assumeIsolated { $0.disconnect("it is dialled anew") }
    wake()
  }

  private func set(_ role: Role) {
    guard role != self.role else { return }
    let lost = Work.allCases.contains { self.role.permits($0) && !role.permits($0) }
    self.role = role
    // What was opened under the old role may do more than the new one permits.
    if lost, let link {
      let followed = [directoryStream?.id, registryStream?.id]
      link.assumeIsolated {
        $0.closeStreams(WebSocketCloseCode.policyViolation, "the role of this server is '\(role.rawValue)' now") {
          !followed.contains($0)
        }
      }
    }
    followDirectory()
  }

  private func publish(_ health: Health, _ reason: String? = nil, latency: Duration? = nil) {
    let isNew = shown.withLock { shown in
      var report = shown.report
      let isNew = report.health != health || report.reason != reason
      if isNew { report = HealthReport(health, reason: reason, since: report.health == health ? report.since : .now()) }
      report.latency = latency ?? (health.isUsable ? shown.report.latency : nil)
      shown.report = report
      return isNew
    }
    if isNew { observer.changed() }
  }

  private func publish(_ remote: (any RemoteServer)?) { shown.withLock { $0.remote = remote } }

  // MARK: Dialling

  private func run() async {
    while !isStopped {
      isWoken = false
      let pause: Duration
      do throws(AttemptFailure) {
        try await connect()
        // Connected: until the link is lost.
        await untilWoken()
        pause = isStopped ? .zero : backoff.next()
      } catch {
        pause = failed(error)
      }
      if isStopped { break }
      isWoken = false
      await self.pause(pause)
    }
    publish(nil as (any RemoteServer)?)
  }

  private func failed(_ failure: AttemptFailure) -> Duration {
    switch failure {
    case .unavailable(let reason):
      publish(nil as (any RemoteServer)?)
      publish(.unavailable, reason)
      return backoff.next()
    case .refused(let health, let reason):
      publish(nil as (any RemoteServer)?)
      // Nobody may go on with what was opened before.
      take(&link)?.assumeIsolated { $0.end(reason) }
      session = nil
      directory.clear()
      publish(health, reason)
      // The circle may have gone while the greeting was under way.
      if health == .rejected, toldChain != hub.chain.ids { return backoff.next() }
      return Backend.refusedPause * Double.random(in: 0.9...1.1)
    }
  }

  private func untilWoken() async {
    await withCheckedContinuation { continuation in
      // Looked at here: the wake-up may have come before the continuation was made.
      if isWoken || isStopped { continuation.resume() } else { waiting = continuation }
    }
  }

  private func wake() {
    isWoken = true
    take(&waiting)?.resume()
  }

  private func connect() async throws(AttemptFailure) {
    let token = settings.token()
    let greeting = LinkGreeting(loop: loop)
    let socket: WebSocket
    do throws(NetError) {
      socket = try await dial(token, greeting)
    } catch {
      if case .upgradeRefused(status: 404, _) = error.code { return try await watchWithoutLink(token) }
      throw AttemptFailure(error, at: settings.address)
    }
    if case .ip(let address, _) = socket.peer { shown.withLock { $0.peer = address } }
    let resume = session.flatMap { name in
      link.map { link in LinkHello.Resume(session: name, received: link.assumeIsolated { $0.receivedBatches }) }
    }
    toldChain = hub.chain.ids
    let hello = LinkHello(
      hubID: hub.identity.serverID, hostname: hub.identity.hostname, version: hub.identity.version, via: toldChain,
      pingInterval: settings.timings.ping, deadline: settings.timings.deadline, resume: resume)
    socket.send(text: hello.encoded())
    do throws(AttemptFailure) {
      try await greeted(by: await greeting.first(within: settings.timings.deadline), socket)
    } catch {
      socket.handler = nil
      socket.close(code: WebSocketCloseCode.goingAway, reason: "")
      throw error
    }
  }

  /// A client for the address, which connects only where `ip_access` lets it, and trusts whom the entry says.
  private nonisolated func client(maxResponseBytes: Int = HTTPClient.defaultMaxResponseBytes) -> HTTPClient {
    let address = settings.address
    let access = settings.access
    var tls: TLSClientSettings?
    if address.isSecure {
      tls = TLSClientSettings(
        verification: settings.fingerprint.flatMap(CertificateFingerprint.init).map { .pinned($0) } ?? .system)
    }
    return HTTPClient(
      endpoint: .tcp(host: address.host, port: address.port), loop: loop, maxResponseBytes: maxResponseBytes, tls: tls,
      allows: { peer in
        guard case .ip(let number, _) = peer else { return false }
        return access().allows(number)
      })
  }

  private func dial(_ token: String?, _ greeting: LinkGreeting) async throws(NetError) -> WebSocket {
    var headers: HTTPHeaders = ["Host": settings.address.authority]
    if let token { headers.set("Authorization", "Bearer \(token)") }
    let query = session.map { "?session=\($0)" } ?? ""
    let socket = try await client().webSocket(
      target: settings.address.prefix + "/link" + query, headers: headers, subprotocols: [LinkHello.subprotocol],
      maxMessageBytes: Backend.longestBatch, timeout: settings.timings.deadline, handler: greeting)
    return socket
  }

  // MARK: Without a link

  /// Uses a plain wsh server as long as it answers.
  private func watchWithoutLink(_ token: String?) async throws(AttemptFailure) {
    let server = WshServer(
      address: settings.address.text, base: settings.address.prefix, token: token, loop: loop,
      client: { [self] in client(maxResponseBytes: WshServer.maximumResponseBytes) })
    let watch = WshWatch(server: server, directory: directory)
    var isFirst = true
    while !isStopped, !isWoken || isFirst {
      do throws(RemoteFailure) {
        let info = try await server.probe()
        guard
          let identity = BackendIdentity(
            serverID: info.serverID, hostname: info.hostname, version: info.version, hasLink: false)
        else {
          throw RemoteFailure(
            code: "", message: "it says of itself what cannot be: its id or its name is malformed", status: 0, path: [])
        }
        try await admit(identity)
        if role.permits(.reads) { try await watch.look(identity) } else { directory.clear() }
      } catch {
        await server.close()
        directory.linkIsDown()
        if let refusal = refusal { throw refusal }
        if error.status == 401 || error.status == 403 {
          throw .refused(.authFailed, "it does not accept the token; give it another one")
        }
        throw .unavailable(shownText(error.message))
      }
      if isFirst {
        isFirst = false
        isWoken = false
        backoff.reset()
        publish(server)
        publish(.degraded, "it is a wsh server: what only Roost has is not there")
      }
      await pause(settings.timings.ping)
    }
    await server.close()
  }

  /// Why the registry does not want the server that answered.
  private var refusal: AttemptFailure?

  private func admit(_ identity: BackendIdentity) async throws(RemoteFailure) {
    refusal = nil
    if identity != self.identity || shown.withLock({ $0.remote == nil }) {
      if identity.serverID == hub.identity.serverID {
        refusal = .refused(.rejected, "it is this server itself")
      } else if case .rejected(let reason) = await observer.identified(identity) {
        refusal = .refused(.rejected, reason)
      }
      if refusal != nil { throw RemoteFailure(code: "", message: "", status: 0, path: []) }
      shown.withLock { $0.identity = identity }
      directory.linkIsUp(serverID: identity.serverID)
    }
  }

  private func pause(_ time: Duration) async {
    await withCheckedContinuation { continuation in
      if isWoken || isStopped { return continuation.resume() }
      waiting = continuation
      // Begun here: one that fired before the continuation was made would wake nobody.
      pauseTimer = loop.schedule(after: time) { [weak self] in self?.assumeIsolated { $0.tick() } }
    }
    pauseTimer?.cancel()
    pauseTimer = nil
  }

  private func tick() { take(&waiting)?.resume() }

  // MARK: The greeting

  private func greeted(by outcome: LinkGreeting.Outcome, _ socket: WebSocket) async throws(AttemptFailure) {
    let text: [UInt8]
    switch outcome {
    case .failed(let reason): throw .unavailable(reason)
    case .text(let received): text = received
    }
    let welcome: LinkReply.Welcome
    switch LinkReply(parsing: text) {
    case nil: throw .unavailable("it answers something else than a link does")
    case .refused(let refusal):
      switch refusal.code {
      case .versionMismatch: throw .refused(.versionMismatch, refusal.message)
      case .circle: throw .refused(.rejected, refusal.message)
      case .refused: throw .unavailable(refusal.message)
      }
    case .welcome(let sent): welcome = sent
    }
    guard
      let identity = BackendIdentity(
        serverID: welcome.serverID, hostname: welcome.hostname, version: welcome.serverVersion)
    else { throw .unavailable("it says of itself what cannot be: its id or its name is malformed") }
    guard identity.serverID != hub.identity.serverID else { throw .refused(.rejected, "it is this server itself") }
    if case .rejected(let reason) = await observer.identified(identity) { throw .refused(.rejected, reason) }
    if isStopped { throw .unavailable("the backend was taken off the list") }
    shown.withLock { $0.identity = identity }
    try begin(socket, welcome)
  }

  private func begin(_ socket: WebSocket, _ welcome: LinkReply.Welcome) throws(AttemptFailure) {
    var link = self.link
    if !welcome.isResumed || welcome.session != session {
      take(&self.link)?.assumeIsolated { $0.end("the server began anew") }
      link = nil
    }
    let current = link ?? newLink(peer: socket.peer)
    let fits = current.assumeIsolated { link in
      guard link.attach(socket, received: welcome.received) else { return false }
      link.keepAlive(every: settings.timings.ping, deadline: settings.timings.deadline)
      return true
    }
    guard fits else {
      current.assumeIsolated { $0.end("what it has received and what was sent do not fit together") }
      session = nil
      throw .unavailable("what it has received and what was sent do not fit together")
    }
    socket.resumeReading()
    self.link = current
    session = welcome.session
    // The chain may have grown while the greeting was under way, and there was no link yet to tell it by.
    if toldChain != hub.chain.ids { chainChanged() }
    // Told anew: what is known counts as old from the moment that the connection was lost.
    take(&directoryStream)?.close(code: WebSocketCloseCode.normal, reason: "")
    take(&registryStream)?.close(code: WebSocketCloseCode.normal, reason: "")
    followDirectory()
    publish(LinkServer(link: current, name: welcome.hostname, patience: settings.timings.answer))
    publish(.healthy)
  }

  private func newLink(peer: PeerAddress) -> Link {
    Link(
      loop: loop, side: .dialler, peer: peer,
      events: Link.Events(
        accepted: { stream, _ in
          stream.close(code: WebSocketCloseCode.policyViolation, reason: "a hub serves nothing to its backends")
        },
        lost: { [weak self] reason in self?.assumeIsolated { $0.lost(reason) } },
        pong: { [weak self] time in self?.assumeIsolated { $0.answered(in: time) } },
        late: { [weak self] time in self?.assumeIsolated { $0.isLate(time) } },
        noticed: { [weak self] _, text in self?.assumeIsolated { $0.noticed(text) } }))
  }

  // MARK: The link

  private func lost(_ reason: String) {
    publish(nil as (any RemoteServer)?)
    directory.linkIsDown()
    if link?.assumeIsolated({ $0.isDead }) == true {
      offended = .now
      link = nil
      session = nil
    }
    publish(.unavailable, reason)
    wake()
  }

  /// It has shown that it is what it says, by more than a greeting: when the link is lost it is dialled again soon. One that breaks links
  /// again and again would be dialled as often as it likes.
  private func proved() {
    if let offended, offended.duration(to: .now) < Backend.grudge { return }
    backoff.reset()
  }

  private func answered(in time: Duration) {
    // Whoever tells of its sessions has to have told of them all first.
    if directoryStream == nil { proved() }
    directory.touch()
    if time > Backend.slow {
      publish(.degraded, "its answers take more than a second", latency: time)
    } else if let directoryRefusal {
      publish(.degraded, directoryRefusal, latency: time)
    } else {
      publish(.healthy, latency: time)
    }
  }

  private func isLate(_ time: Duration) {
    publish(.degraded, "it has not answered for \(time.components.seconds) s")
  }

  private func noticed(_ text: [UInt8]) {
    guard case .refused(let refusal) = LinkReply(parsing: text) else { return }
    // The connection ends right after this; the next attempt is refused for the same reason at once.
    publish(.rejected, refusal.message)
  }

  private func chainChanged() {
    let notice = LinkNotice(via: hub.chain.ids).encoded
    link?.assumeIsolated { $0.notify(notice) }
    // A circle may have gone.
    if report.health == .rejected { wake() }
  }

  /// Follows the backend's sessions as long as the role permits to look at them.
  private func followDirectory() {
    guard role.permits(.reads) else {
      take(&directoryStream)?.close(code: WebSocketCloseCode.normal, reason: "")
      take(&registryStream)?.close(code: WebSocketCloseCode.normal, reason: "")
      shown.withLock { $0.behind = nil }
      return directory.clear()
    }
    guard let link, directoryStream?.isOpen != true || directoryStream?.link !== link else { return }
    directoryRefusal = nil
    directory.linkIsUp(serverID: identity?.serverID ?? "")
    let stream = link.assumeIsolated { $0.open(LinkHead.directory.encoded(), isCall: false) }
    stream.handler = self
    directoryStream = stream
    guard settings.transitive else { return }
    let registry = link.assumeIsolated { $0.open(LinkHead.registry.encoded(), isCall: false) }
    registry.handler = self
    registryStream = registry
  }

  private func received(_ text: [UInt8], from stream: any MessageSocket) {
    if stream === registryStream {
      let behind = ServersBehind.parse(text)
      shown.withLock { $0.behind = behind }
      return
    }
    guard stream === directoryStream else { return }
    do throws(DirectoryFault) {
      if try directory.receive(text) { proved() }
      tellWhatIsLeftOut()
    } catch {
      let reason = "its directory is malformed: \(error.reason)"
      link?.assumeIsolated { $0.end(reason) }
      lost(reason)
    }
  }
}

extension Backend {
  /// Sessions that it tells of in no form that a list can show are missed by people, so they hear of it.
  private func tellWhatIsLeftOut() {
    let reason = directory.leftOut
    guard reason != directoryRefusal else { return }
    directoryRefusal = reason
    publish(reason == nil ? .healthy : .degraded, reason)
  }

  /// The backend does not want to tell of its sessions. Everything else goes on, so people must hear why they are not listed.
  private func refused(_ failure: [UInt8], from stream: any MessageSocket) {
    guard stream === directoryStream, let failure = RemoteFailure(parsing: failure) else { return }
    directoryRefusal = "it does not tell of its sessions: \(shownText(failure.message))"
    publish(.degraded, directoryRefusal)
  }

  private func ended(_ stream: any MessageSocket) {
    if stream === registryStream { registryStream = nil }
    guard stream === directoryStream else { return }
    directoryStream = nil
    directory.streamIsDown()
  }
}

/// What the backend tells by itself: its sessions and the servers behind it.
extension Backend: WebSocketHandler {
  package nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.received(text, from: ws) }
  }

  package nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.refused(binary, from: ws) }
  }

  package nonisolated func webSocketDrained(_ ws: any MessageSocket) {}

  package nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.ended(ws) }
  }
}

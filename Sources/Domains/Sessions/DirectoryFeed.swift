import Cluster
import Formats
package import Net
package import Operations
package import Sessions
import Store

/// Tells a hub of all sessions of this server that it may see, and then of every change: the stream of a link with the head
/// `{"kind":"directory"}`.
///
/// First `{"reset":{"server_id","hostname","count"}}`, then all records in messages `{"sessions":[…]}`, then `{"ready":true}`; from then on
/// `{"changed":[…],"removed":[…]}`, with whole records and the ids of sessions that are gone or out of reach. While nothing happens nothing is sent.
/// Records are those of `session.list` without `server`, with long texts cut.
///
/// A hub that does not read costs the ids of the sessions that have changed: it gets their newest records when it reads again.
package actor DirectoryFeed {
  /// Records that go into one message, in bytes.
  static let messageBytes = 64 << 10
  /// Sessions that one message tells of.
  static let messageSessions = 256
  /// Bytes that may wait for the hub before it gets no more.
  static let maximumQueued = 256 << 10
  /// Least time between two tellings of changes.
  static let interval = Duration.milliseconds(250)

  package nonisolated let loop: EventLoop
  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let socket: any MessageSocket
  private let store: SessionStore
  private let access: Access
  private let serverID: String
  private let hostname: String
  private let onClosed: @Sendable () -> Void

  private var phase = Phase.following
  /// Sessions that have changed since they were told of.
  private var dirty: Set<String> = []
  /// Sessions that the hub knows.
  private var told: Set<String> = []
  private var lastTold: ContinuousClock.Instant?
  private var timer: LoopTimer?

  private enum Phase {
    /// The sessions are being looked at for the first time.
    case following
    /// These are still to be told, for the first time.
    case telling(ArraySlice<String>)
    case ready
    case closed
  }

  /// - Parameter access: What the hub may see, by its token.
  /// - Parameter onClosed: Called once on the loop, when the stream has ended.
  package init(
    _ socket: any MessageSocket, store: SessionStore, access: Access, serverID: String, hostname: String,
    onClosed: @escaping @Sendable () -> Void = {}
  ) {
    loop = socket.loop
    self.socket = socket
    self.store = store
    self.access = access
    self.serverID = serverID
    self.hostname = hostname
    self.onClosed = onClosed
  }

  /// What a link serves the streams of the directory with.
  package static func serving(_ store: SessionStore, serverID: String, hostname: String) -> LinkPeer.Directory {
    { stream, peer in
      let feed = DirectoryFeed(stream, store: store, access: peer.access, serverID: serverID, hostname: hostname)
      feed.assumeIsolated { $0.open() }
    }
  }

  /// Begins. Once, on the loop. Refuses a hub whose token may not read sessions.
  package func open() {
    socket.handler = self
    guard access.allows(.sessionsRead) else { return refuse() }
    Task { await follow() }
  }

  private func refuse() {
    let error = OperationError(
      .insufficientScope,
      "The hub's token may not list the sessions: it needs the scope '\(Scope.sessionsRead.rawValue)'.")
    let failure = RemoteFailure(
      code: error.code.rawValue, message: error.message, status: error.code.httpStatus, path: [hostname])
    socket.send(binary: failure.encoded())
    socket.close(code: WebSocketCloseCode.normal, reason: "")
  }

  private func follow() async {
    await store.follow(self)
    guard case .following = phase else { return await store.unfollow(self) }
    let sessions = store.board.sessions
    let visible = store.board.entries(of: sessions).filter { isVisible($0.value) }
    var json = JSONWriter()
    json.beginObject()
    json.key("reset")
    json.beginObject()
    json.key("server_id")
    json.string(serverID)
    json.key("hostname")
    json.string(hostname)
    json.key("count")
    json.integer(visible.count)
    json.endObject()
    json.endObject()
    socket.send(text: json.finish())
    phase = .telling(sessions.filter { visible[$0] != nil }[...])
    pump()
  }

  private func isVisible(_ entry: SessionBoard.Entry) -> Bool { access.covers(name: entry.name, tagTexts: entry.tags) }

  // MARK: Telling

  private func pump() {
    switch phase {
    case .telling(var rest):
      while !rest.isEmpty, hasRoom { tell("sessions", &rest) }
      phase = .telling(rest)
      guard rest.isEmpty, hasRoom else { return }
      phase = .ready
      socket.send(text: "{\"ready\":true}")
      tellChanges()
    case .ready: tellChanges()
    case .following, .closed: return
    }
  }

  private var hasRoom: Bool { socket.isOpen && socket.queuedBytes < DirectoryFeed.maximumQueued }

  private func tellChanges() {
    // What still waits for the hub is told first: by then there may be newer records.
    guard timer == nil, !dirty.isEmpty, socket.isOpen, socket.queuedBytes == 0 else { return }
    if let lastTold {
      let rest = DirectoryFeed.interval - lastTold.duration(to: .now)
      if rest > .zero {
        timer = loop.schedule(after: rest) { [weak self] in
          self?.assumeIsolated { feed in
            feed.timer = nil
            feed.pump()
          }
        }
        return
      }
    }
    lastTold = .now
    let entries = store.board.entries(of: dirty)
    var rest = dirty.sorted { (entries[$0]?.order ?? -1) < (entries[$1]?.order ?? -1) }[...]
    while !rest.isEmpty, hasRoom { tell("changed", &rest) }
    dirty = Set(rest)
  }

  /// Sends one message about the first of these sessions, and takes them off.
  private func tell(_ key: StaticString, _ sessions: inout ArraySlice<String>) {
    let entries = store.board.entries(of: sessions.prefix(DirectoryFeed.messageSessions))
    var json = JSONWriter(reserving: DirectoryFeed.messageBytes)
    var removed: [String] = []
    json.beginObject()
    json.key(key)
    json.beginArray()
    var taken = 0
    for id in sessions.prefix(DirectoryFeed.messageSessions) {
      if let entry = entries[id], isVisible(entry) {
        if taken > removed.count, json.count + entry.record.count > DirectoryFeed.messageBytes { break }
        json.raw(entry.record)
        told.insert(id)
      } else if told.remove(id) != nil {
        removed.append(id)
      }
      taken += 1
    }
    json.endArray()
    if !removed.isEmpty {
      json.key("removed")
      json.beginArray()
      for id in removed { json.string(id) }
      json.endArray()
    }
    json.endObject()
    sessions = sessions.dropFirst(taken)
    socket.send(text: json.finish())
  }

  private func changed(_ sessions: [String]) {
    if case .closed = phase { return }
    // Of a session that may not be seen nothing is told, not even that something is.
    dirty.formUnion(access.isLimited ? relevant(sessions) : sessions)
    if case .ready = phase { tellChanges() }
  }

  /// Those that the hub may see, or has seen.
  private func relevant(_ sessions: [String]) -> [String] {
    let entries = store.board.entries(of: sessions)
    return sessions.filter { told.contains($0) || entries[$0].map(isVisible) == true }
  }

  // MARK: End

  private func closed() {
    if case .closed = phase { return }
    let wasFollowing = if case .following = phase { true } else { false }
    phase = .closed
    timer?.cancel()
    dirty = []
    told = []
    // One that is still on its way there leaves when it arrives.
    if !wasFollowing { Task { await store.unfollow(self) } }
    onClosed()
  }

  /// A hub has nothing to say here.
  private func received() {
    socket.close(code: WebSocketCloseCode.policyViolation, reason: "the directory takes no messages")
  }
}

extension DirectoryFeed: BoardFollower {
  package nonisolated func boardChanged(_ sessions: [String]) {
    loop.execute { self.assumeIsolated { $0.changed(sessions) } }
  }
}

extension DirectoryFeed: WebSocketHandler {
  package nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received() } }

  package nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { assumeIsolated { $0.received() } }

  package nonisolated func webSocketDrained(_ ws: any MessageSocket) { assumeIsolated { $0.pump() } }

  package nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed() }
  }
}

import Formats
import Net
import Operations
import Sessions

/// `/ws/json`: what happens to all sessions, and requests by name about any of them.
///
/// The envelope is that of the socket of one session, with `session` beside `method`. Events of a session are flat objects with a `session` key.
/// The one difference from wsh: its `sync` after `subscribe` alone wraps its fields in `params`; here it is as flat as the others.
///
/// The socket has a loop of its own; the feeds run on their sessions' loops and hand their events over in batches.
actor ServerJSONSocket: OperationSocket {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  let webSocket: any MessageSocket
  let catalogue: Catalogue
  let call: Call
  var requests = RunningRequests()
  var pauses: Set<ReadingPause> = []

  private let lookup: SessionLookup
  private let onClosed: @Sendable () -> Void
  /// By the session's id, so that a subscription follows its session through a rename.
  private var feeds: [String: SessionFeed] = [:]
  /// What each feed is still to be told the socket took.
  private var feedOutstanding: [(feed: SessionFeed, bytes: Int)] = []
  /// The `await_idle` that waits, for each session; a second answers the first.
  private var idleWaits: [SessionKey: (number: UInt64, message: SocketMessage)] = [:]
  private var lifecycle: LifecycleFilter
  /// Lifecycle events that have not been looked at yet.
  private var waiting: [StoreEvent] = []
  private var lifecycleTask: Task<Void, Never>?
  /// Lifecycle events left out because the client did not read.
  private var skipped = 0
  /// What the client has not read of events.
  private var unread: UnreadOutput
  private var isClosed = false

  private struct SessionKey: Hashable {
    let server: String?
    let name: String
  }

  /// Sessions that one socket may follow: as many as a server has by default.
  static let maximumFeeds = 256
  /// Lifecycle events that may wait to be looked at: four times as many as a server has sessions by default.
  static let maximumWaiting = 1024

  init(_ webSocket: any MessageSocket, lookup: SessionLookup, call: Call, onClosed: @escaping @Sendable () -> Void) {
    loop = webSocket.loop
    self.webSocket = webSocket
    self.lookup = lookup
    self.call = call
    self.onClosed = onClosed
    catalogue = lookup.catalogue
    unread = UnreadOutput(lookup.catalogue.accounts, call.principal)
    lifecycle = LifecycleFilter(access: call.access)
  }

  /// Greets the client and follows the store. Called once, when the socket is open.
  func open() {
    webSocket.handler = self
    webSocket.send(text: "{\"connected\":true}")
    lifecycleTask = Task { [self] in await followStore() }
  }

  // MARK: Requests

  private func received(_ text: [UInt8]) {
    if isClosed { return }
    guard let message = SocketMessage(text) else { return reply(SocketMessage.malformed) }
    do throws(OperationError) {
      try answer(message)
    } catch {
      reply(message.answer(error))
    }
  }

  private func answer(_ message: SocketMessage) throws(OperationError) {
    // Before anything else is looked at: what is for nobody is not half done here.
    _ = try catalogue.place(of: try message.serverQuery().first?.value)
    switch message.method {
    case "create_session": perform("session.create", message.arguments, for: message)
    case "list_sessions": perform("session.list", message.arguments, for: message)
    case "kill_session": try perform("session.remove", on: try target(message), .none, message)
    case "detach_session": try perform("session.detach", on: try target(message), .none, message)
    case "rename_session": try rename(message)
    case "update_tags": try updateTags(message, on: try target(message))
    case "subscribe": try subscribe(message)
    case "unsubscribe": try unsubscribe(message)
    case "await_idle", "await_quiesce": try awaitIdle(message, on: try target(message))
    case "get_screen": perform("session.screen", arguments(message, on: try target(message)), for: message)
    case "get_scrollback": perform("session.scrollback", arguments(message, on: try target(message)), for: message)
    case "resize": perform("session.resize", arguments(message, on: try target(message)), for: message)
    case "send_input":
      try perform("session.input", on: try target(message), .raw(try TerminalInput.bytes(of: message)), message)
    default: try performByName(message)
    }
  }

  private func performByName(_ message: SocketMessage) throws(OperationError) {
    guard let operation = catalogue.operation(named: message.method) else {
      throw OperationError(.unknownMethod, "Unknown method: \(message.method).")
    }
    var arguments = message.arguments
    if let session = message.session, operation.input.fields.contains(where: { $0.name == "session" }) {
      arguments.path = [("session", session)]
    }
    perform(operation.name, arguments, for: message)
  }

  /// The parameters, with the session filled in where they do not name it themselves.
  private func arguments(_ message: SocketMessage, on session: String) -> Arguments {
    var arguments = message.arguments
    if message.parameter("session") == nil { arguments.path = [("session", session)] }
    return arguments
  }

  private func perform(
    _ operation: String, on session: String, _ body: Arguments.Body, _ message: SocketMessage
  ) throws(OperationError) {
    let query = try message.serverQuery()
    perform(operation, Arguments(path: [("session", session)], query: query, body: body), for: message)
  }

  /// The session that a request is about: `session` beside the method, or `session` or `name` among the parameters.
  private func target(_ message: SocketMessage) throws(OperationError) -> String {
    if let session = message.session { return session }
    if let session = try message.text("session") { return session }
    if let name = try message.text("name") { return name }
    throw OperationError(.sessionRequired, "\(message.method) needs 'session'.")
  }

  private func rename(_ message: SocketMessage) throws(OperationError) {
    guard let name = try message.text("new_name") else {
      throw OperationError(.invalidRequest, "Invalid request: 'new_name' is missing.")
    }
    var json = JSONWriter()
    json.beginObject()
    json.key("name")
    json.string(name)
    json.endObject()
    try perform("session.update", on: try target(message), .json(json.finish()), message)
  }

  private func updateTags(_ message: SocketMessage, on session: String) throws(OperationError) {
    var json = JSONWriter()
    json.beginObject()
    if let add = message.parameter("add") {
      json.key("add_tags")
      json.raw(add)
    }
    if let remove = message.parameter("remove") {
      json.key("remove_tags")
      json.raw(remove)
    }
    json.endObject()
    try perform("session.update", on: session, .json(json.finish()), message)
  }

  private func awaitIdle(_ message: SocketMessage, on name: String) throws(OperationError) {
    // A session of that name on another server is another one.
    let session = SessionKey(server: try message.serverQuery().first?.value, name: name)
    if let waiting = idleWaits.removeValue(forKey: session) {
      requests.cancel(waiting.number)
      reply(
        waiting.message.answer(
          OperationError(.idleSuperseded, "Another await_idle for this session came on this socket.")))
    }
    let (catalogue, call) = (catalogue, call.correlated(by: message.correlationID))
    let arguments = arguments(message, on: name)
    let number = start { [weak self] in
      let answer: [UInt8]
      do throws(OperationError) {
        answer = message.answer(try await catalogue.perform("session.idle", arguments, for: call))
      } catch {
        answer = message.answer(error)
      }
      await self?.idleEnded(session)
      return answer
    }
    guard let number else { return reply(message.answer(ServerJSONSocket.tooMany)) }
    idleWaits[session] = (number, message)
  }

  private func idleEnded(_ session: SessionKey) {
    // A wait that was superseded was cancelled, and the one that waits now is another.
    if !Task.isCancelled { idleWaits[session] = nil }
  }

  // MARK: Subscriptions

  private func subscribe(_ message: SocketMessage) throws(OperationError) {
    let (name, subscription) = (try target(message), try ScreenSubscription(message))
    try requireHere(message)
    begin(message) { (socket: ServerJSONSocket) async throws(OperationError) in
      try await socket.follow(name, subscription, message)
    }
  }

  private func unsubscribe(_ message: SocketMessage) throws(OperationError) {
    let name = try target(message)
    try requireHere(message)
    begin(message) { (socket: ServerJSONSocket) async throws(OperationError) in
      let session = try await socket.lookup.find(name, for: socket.call)
      await socket.stopFeed(of: session.id)
      await socket.reply(message.answer(SocketMessage.emptyResult))
    }
  }

  private func requireHere(_ message: SocketMessage) throws(OperationError) {
    try catalogue.requireHere(
      try message.serverQuery().first?.value, message.method,
      hint: "open /sessions/{session}/ws/json?server=… for events of a session there.")
  }

  /// Starts work that answers its request itself when it succeeds.
  private func begin(
    _ message: SocketMessage, _ work: @escaping @Sendable (ServerJSONSocket) async throws(OperationError) -> Void
  ) {
    // In the order asked: of two subscriptions to one session the later counts.
    let number = start(ordered: true) { [self] in
      do throws(OperationError) {
        try await work(self)
        return nil
      } catch {
        return message.answer(error)
      }
    }
    if number == nil { reply(message.answer(ServerJSONSocket.tooMany)) }
  }

  private func follow(_ name: String, _ subscription: ScreenSubscription, _ message: SocketMessage)
    async throws(OperationError)
  {
    let session = try await lookup.find(name, for: call)
    if isClosed { return }
    await stopFeed(of: session.id)
    if isClosed { return }
    guard feeds.count < ServerJSONSocket.maximumFeeds else {
      throw OperationError(
        .resourceLimitReached, "Resource limit reached: one socket follows \(ServerJSONSocket.maximumFeeds) sessions.")
    }
    let feed = SessionFeed(session, subscription, access: call.access, namesSession: true, sink: self)
    feeds[session.id] = feed
    // The answer first: the feed's first event may be here before its start is.
    reply(message.answer(subscription.result))
    await feed.start()
    // Closed meanwhile: nobody else stops it.
    if isClosed { await feed.stop() }
  }

  private func stopFeed(of id: String) async {
    guard let feed = feeds.removeValue(forKey: id) else { return }
    feedOutstanding.removeAll { $0.feed === feed }
    await feed.stop()
  }

  private func sendEvents(_ events: [[UInt8]], from feed: SessionFeed) {
    guard !isClosed, feeds[feed.session.id] === feed else { return }
    for event in events { webSocket.send(text: event) }
    let bytes = events.reduce(0) { $0 + $1.count }
    if webSocket.queuedBytes == 0 { return tell(feed, bytes) }
    feedOutstanding.append((feed, bytes))
    guard unread.counts(feedOutstanding.reduce(0) { $0 + $1.bytes }) else {
      closed()
      return webSocket.close(code: WebSocketCloseCode.tryAgainLater, reason: UnreadOutput.reason)
    }
  }

  private func tell(_ feed: SessionFeed, _ bytes: Int) {
    feed.session.loop.execute { feed.assumeIsolated { $0.taken(bytes) } }
  }

  private func drained() {
    outputDrained()
    unread.clear()
    let taken = feedOutstanding
    feedOutstanding = []
    for (feed, bytes) in taken { tell(feed, bytes) }
    if skipped > 0 {
      webSocket.send(text: "{\"type\":\"lagged\",\"skipped\":\(skipped)}")
      skipped = 0
    }
  }

  private func lost(_ feed: SessionFeed) {
    guard feeds[feed.session.id] === feed else { return }
    feeds[feed.session.id] = nil
    feedOutstanding.removeAll { $0.feed === feed }
  }

  // MARK: Lifecycle

  private func followStore() async {
    await lookup.store.observe(self)
    if isClosed { return await lookup.store.removeObserver(self) }
    if lifecycle.isRestricted {
      for (name, tags, _) in await lookup.store.list() { lifecycle.learn(name.text, tags) }
    }
    await tellLifecycle()
  }

  private func changed(_ event: StoreEvent) {
    if isClosed { return }
    if lifecycleTask == nil, !lifecycle.isRestricted { return send(event) }
    guard waiting.count < ServerJSONSocket.maximumWaiting else {
      skipped += 1
      return
    }
    waiting.append(event)
    if lifecycleTask == nil { lifecycleTask = Task { [self] in await tellLifecycle() } }
  }

  /// Sends the events that wait, one after the other: whether the client may hear of one can need a look at the session.
  private func tellLifecycle() async {
    while !isClosed, !waiting.isEmpty {
      let event = waiting.removeFirst()
      if lifecycle.isRestricted, let text = event.nameNow, let name = try? SessionName(text) {
        lifecycle.learn(text, lookup.store.tags(of: name))
      }
      if lifecycle.admits(event) { send(event) }
    }
    lifecycleTask = nil
  }

  private func send(_ event: StoreEvent) {
    // Once one was left out the others wait for the word that some were.
    if skipped > 0 || webSocket.queuedBytes > RunningRequests.maximumQueued {
      skipped += 1
      return
    }
    webSocket.send(text: event.document)
  }

  // MARK: End

  private func closed() {
    if isClosed { return }
    isClosed = true
    requests.cancelAll()
    idleWaits = [:]
    for feed in feeds.values { feed.session.loop.execute { feed.assumeIsolated { $0.stop() } } }
    feeds = [:]
    feedOutstanding = []
    waiting = []
    let store = lookup.store
    Task { [self] in await store.removeObserver(self) }
    onClosed()
  }
}

extension ServerJSONSocket: FeedSink {
  nonisolated func deliver(_ events: [[UInt8]], from feed: SessionFeed) {
    loop.execute { self.assumeIsolated { $0.sendEvents(events, from: feed) } }
  }

  nonisolated func accessEnded(_ feed: SessionFeed) { loop.execute { self.assumeIsolated { $0.lost(feed) } } }
}

extension ServerJSONSocket: StoreObserver {
  nonisolated func storeChanged(_ event: StoreEvent) { loop.execute { self.assumeIsolated { $0.changed(event) } } }
}

extension ServerJSONSocket: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text) } }

  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.reply(SocketMessage.malformed) }
  }

  nonisolated func webSocketDrained(_ ws: any MessageSocket) { assumeIsolated { $0.drained() } }

  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { socket in
      socket.closed()
      // Not before: a socket that is being closed still holds what it was handed.
      socket.unread.clear()
    }
  }
}

import Causality
import Cluster
import Formats
import Net
import Operations
import Sessions
import Store

/// `/sessions/{session}/ws/json`: one session's screen as events, and requests by name.
///
/// The socket lives on the session's loop, so a keystroke goes from the socket to the terminal, and a change from the terminal to the socket,
/// without crossing a thread.
actor SessionJSONSocket: OperationSocket {
  nonisolated let session: Session
  nonisolated var unownedExecutor: UnownedSerialExecutor { session.unownedExecutor }
  let webSocket: any MessageSocket
  let catalogue: Catalogue
  let call: Call
  var requests = RunningRequests()
  var pauses: Set<ReadingPause> = []

  private var feed: SessionFeed?
  /// Bytes handed to the socket that the feed has not been told were taken.
  private var feedOutstanding = 0
  /// The one `await_idle` that may wait; a second answers the first.
  private var idleWait: (number: UInt64, message: SocketMessage)?
  /// What is typed, for the audit. Another correlation id begins another.
  private var typing: (correlationID: String, audit: RepeatedAudit)?
  /// Through which the end is heard of, also when nothing is subscribed.
  private var ending: ObserverID?
  /// What the client knows the session by: its name when it was last within his reach.
  private var knownName = ""
  private let onClosed: @Sendable () -> Void
  /// What the client has not read of events.
  private var unread: UnreadOutput
  private var isClosed = false

  init(
    _ session: Session, _ webSocket: any MessageSocket, catalogue: Catalogue, call: Call,
    onClosed: @escaping @Sendable () -> Void = {}
  ) {
    self.onClosed = onClosed
    self.session = session
    self.webSocket = webSocket
    self.catalogue = catalogue
    unread = UnreadOutput(catalogue.accounts, call.principal)
    self.call = call
  }

  /// Greets the client. Called once, when the socket is open.
  func open() {
    webSocket.handler = self
    knownName = session.assumeIsolated { $0.name.text }
    webSocket.send(text: "{\"connected\":true}")
    let client = ClientInfo(
      kind: "json", peer: call.peer,
      readOnly: !call.access.allows(.sessionsInput) || !call.role.permits(.changes), cause: call.cause())
    let joined: (observer: ObserverID?, isFull: Bool) = session.assumeIsolated { session in
      if session.exit != nil { return (nil, false) }
      if (try? session.requireRoom(forClientOf: client.cause?.holder)) == nil { return (nil, true) }
      // Nothing but the end is wanted here, so changes may be as rare as can be.
      return (session.addObserver(self, client: client, interval: .seconds(3600), idleAfter: nil), false)
    }
    ending = joined.observer
    if joined.isFull {
      close(WebSocketCloseCode.tryAgainLater, "too many clients follow this session")
    } else if ending == nil {
      end()
    }
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
    case "send_input": try sendInput(message)
    case "subscribe": try subscribe(message)
    case "unsubscribe":
      try requireHere(message)
      stopFeed()
      reply(message.answer(SocketMessage.emptyResult))
    case "get_screen": try perform("session.screen", message)
    case "get_scrollback": try perform("session.scrollback", message)
    case "resize": try perform("session.resize", message)
    case "await_idle", "await_quiesce": try awaitIdle(message)
    default:
      guard catalogue.operation(named: message.method) != nil else {
        throw OperationError(.unknownMethod, "Unknown method: \(message.method).")
      }
      try perform(message.method, message)
    }
  }

  private func perform(_ operation: String, _ message: SocketMessage) throws(OperationError) {
    perform(operation, try arguments(for: operation, message), for: message)
  }

  /// The parameters with this session filled in where the operation wants one.
  private func arguments(for operation: String, _ message: SocketMessage) throws(OperationError) -> Arguments {
    var arguments = message.arguments
    if catalogue.operation(named: operation)?.input.fields.contains(where: { $0.name == "session" }) == true {
      arguments.path = [("session", try reachedName(for: operation, message))]
    }
    return arguments
  }

  /// What the session is called now. A client who may not reach it any more is refused under the name that he knows: neither is another that
  /// it has got his to hear, nor is he to act on another session that has got the old one.
  private func reachedName(for operation: String, _ message: SocketMessage) throws(OperationError) -> String {
    if let name = session.assumeIsolated({ [access = call.access] session in
      access.covers(name: session.name.text, tags: session.tags) ? session.name.text : nil
    }) {
      knownName = name
      return name
    }
    let error = OperationError(SessionError.notFound(knownName)).asRefusal
    let call = call.correlated(by: message.correlationID)
    catalogue.audit?.refuse(
      AuditEntry(operation: operation, target: knownName, error: error, address: call.peer, via: call.via), call)
    throw error
  }

  /// For what this socket does to its session itself, without the catalogue.
  private func requireHere(_ message: SocketMessage) throws(OperationError) {
    try catalogue.requireHere(
      try message.serverQuery().first?.value, message.method, hint: "open the socket of the session there.")
  }

  private func sendInput(_ message: SocketMessage) throws(OperationError) {
    try requireHere(message)
    let typing = typing(message)
    do throws(OperationError) {
      try sendInput(message, typing)
    } catch {
      typing?.failed(error)
      throw error
    }
  }

  private func typing(_ message: SocketMessage) -> RepeatedAudit? {
    let call = call.correlated(by: message.correlationID)
    if let typing, typing.correlationID == call.correlationID { return typing.audit }
    typing?.audit.flush()
    let name = session.assumeIsolated { $0.name.text }
    typing = catalogue.audit.map {
      (call.correlationID, $0.stream("session.input", target: name, call, loop: session.loop))
    }
    return typing?.audit
  }

  private func sendInput(_ message: SocketMessage, _ typing: RepeatedAudit?) throws(OperationError) {
    guard call.access.allows(.sessionsInput) else {
      throw OperationError(
        .insufficientScope, "This token may not type: it needs the scope '\(Scope.sessionsInput.rawValue)'.")
    }
    if let refusal = RemoteAccess.refusal(.changes, message.method, for: call) { throw refusal }
    let bytes = try TerminalInput.bytes(of: message)
    let (access, known) = (call.access, knownName)
    let cause = typing?.begin() ?? call.correlated(by: message.correlationID).cause()
    let outcome: Result<(generation: UInt64, queued: Int, name: String), OperationError> = session.assumeIsolated {
      session in
      guard access.covers(name: session.name.text, tags: session.tags) else {
        return .failure(OperationError(SessionError.notFound(known)).asRefusal)
      }
      do throws(SessionError) {
        let generation = try session.write(bytes, by: cause)
        return .success((generation, session.inputQueued, session.name.text))
      } catch {
        return .failure(OperationError(error))
      }
    }
    let (generation, queued, name) = try outcome.get()
    knownName = name
    typing?.performed(on: name, bytes: bytes.count)
    reply(message.answer(TerminalInput.result(generation: generation)))
    if queued > SessionLimits.inputHighWater {
      pause(.input)
      session.assumeIsolated { $0.onceInputDrained { [weak self] in self?.assumeIsolated { $0.resume(.input) } } }
    }
  }

  private func awaitIdle(_ message: SocketMessage) throws(OperationError) {
    let arguments = try arguments(for: "session.idle", message)
    if let waiting = idleWait {
      requests.cancel(waiting.number)
      reply(waiting.message.answer(OperationError(.idleSuperseded, "Another await_idle came on this socket.")))
      idleWait = nil
    }
    let (catalogue, call) = (catalogue, call.correlated(by: message.correlationID))
    let number = start { [weak self] in
      let answer: [UInt8]
      do throws(OperationError) {
        answer = message.answer(try await catalogue.perform("session.idle", arguments, for: call))
      } catch {
        answer = message.answer(error)
      }
      await self?.idleEnded()
      return answer
    }
    guard let number else { return reply(message.answer(SessionJSONSocket.tooMany)) }
    idleWait = (number, message)
  }

  private func idleEnded() {
    // A wait that was superseded was cancelled, and the one that waits now is another.
    if !Task.isCancelled { idleWait = nil }
  }

  // MARK: Events

  private func subscribe(_ message: SocketMessage) throws(OperationError) {
    try requireHere(message)
    let subscription = try ScreenSubscription(message)
    stopFeed()
    let feed = SessionFeed(session, subscription, access: call.access, namesSession: false, sink: self)
    self.feed = feed
    reply(message.answer(subscription.result))
    feed.assumeIsolated { $0.start() }
  }

  private func stopFeed() {
    feed?.assumeIsolated { $0.stop() }
    feed = nil
    feedOutstanding = 0
  }

  private func sendEvents(_ events: [[UInt8]], from feed: SessionFeed) {
    guard feed === self.feed else { return }
    for event in events { webSocket.send(text: event) }
    let bytes = events.reduce(0) { $0 + $1.count }
    if webSocket.queuedBytes == 0 { return feed.assumeIsolated { $0.taken(bytes) } }
    feedOutstanding += bytes
    if !unread.counts(feedOutstanding) { close(WebSocketCloseCode.tryAgainLater, UnreadOutput.reason) }
  }

  private func drained() {
    outputDrained()
    unread.clear()
    let bytes = feedOutstanding
    feedOutstanding = 0
    if bytes > 0 { feed?.assumeIsolated { $0.taken(bytes) } }
  }

  /// The session has ended: what it showed last, then good-bye.
  private func end() {
    if isClosed { return }
    feed?.assumeIsolated { $0.flush() }
    close(WebSocketCloseCode.normal, "session ended")
  }

  private func close(_ code: UInt16, _ reason: String) {
    cleanUp()
    webSocket.close(code: code, reason: reason)
  }

  private func cleanUp() {
    if isClosed { return }
    isClosed = true
    requests.cancelAll()
    idleWait = nil
    stopFeed()
    if let ending { session.assumeIsolated { $0.removeObserver(ending) } }
    ending = nil
    typing?.audit.flush()
    onClosed()
  }
}

extension SessionJSONSocket: FeedSink {
  nonisolated func deliver(_ events: [[UInt8]], from feed: SessionFeed) {
    assumeIsolated { $0.sendEvents(events, from: feed) }
  }

  nonisolated func accessEnded(_ feed: SessionFeed) {
    assumeIsolated { $0.close(WebSocketCloseCode.policyViolation, "access to this session has ended") }
  }
}

extension SessionJSONSocket: SessionObserver {
  func sessionChanged(_ session: isolated Session) {}
  func sessionIdle(_ session: isolated Session) {}
  func sessionActive(_ session: isolated Session) {}
  func sessionEnded(_ session: isolated Session) { assumeIsolated { $0.end() } }
}

extension SessionJSONSocket: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text) } }

  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.reply(SocketMessage.malformed) }
  }

  nonisolated func webSocketDrained(_ ws: any MessageSocket) { assumeIsolated { $0.drained() } }

  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { socket in
      socket.cleanUp()
      // Not before: a socket that is being closed still holds what it was handed.
      socket.unread.clear()
    }
  }
}

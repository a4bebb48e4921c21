import Events
import Formats
import Net
import Operations
import Store
import Sys

/// `/events/ws`: each message of the server is an event, or `{"gap":{"from","to"}}`. A client with a named cursor says how far it is with
/// `{"ack":SEQ}`.
actor EventSocket {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private let webSocket: any MessageSocket
  private let following: EventFollowing
  private let feeds: EventFeeds
  /// Whose cursors it sees.
  private let owner: CursorOwner
  private let onClosed: @Sendable () -> Void
  private let pump: EventPump
  private let allowance: EventAllowance
  private let start: UInt64
  /// What the client has acknowledged and is not stored yet, and whether one is being stored.
  private var acknowledged: UInt64?
  private var isStoring = false

  init(
    _ webSocket: any MessageSocket, _ following: EventFollowing, from start: UInt64, feeds: EventFeeds, call: Call,
    accounts: Accounts, onClosed: @escaping @Sendable () -> Void
  ) {
    loop = webSocket.loop
    self.webSocket = webSocket
    self.following = following
    self.feeds = feeds
    owner = call.cursorOwner
    self.start = start
    self.onClosed = onClosed
    allowance = EventAllowance(call, accounts, feeds.waiters, loop: webSocket.loop)
    pump = EventPump(
      webSocket, following, from: start, feeds: feeds, access: call.access, allowance: allowance)
    allowance.onRoom = { [pump] in pump.pump() }
  }

  func open() {
    webSocket.handler = self
    webSocket.send(text: "{\"connected\":true,\"next\":\(start)}")
    pump.pump()
  }

  private func received(_ text: [UInt8]) {
    guard let members = JSONText.members(of: text[...]),
      let ack = members.first(where: { $0.name == "ack" }).flatMap({ JSONText.integer($0.value) }), ack >= 0
    else { return refuse("send {\"ack\": NUMBER} to say how far you are") }
    guard following.cursor != nil else {
      return refuse("an acknowledgement needs a named cursor: connect with ?cursor=NAME")
    }
    guard UInt64(ack) <= feeds.log.lastSeq else { return refuse("there is no event \(ack) yet") }
    acknowledged = UInt64(ack)
    store()
  }

  /// Stores the latest acknowledgement; those that come meanwhile make one more.
  private func store() {
    guard !isStoring, let cursor = following.cursor, let seq = acknowledged else { return }
    acknowledged = nil
    isStoring = true
    feeds.cursorThread.submit { [self, feeds, owner] in
      let outcome = Result { () throws(StoreError) in
        try feeds.cursors.set(cursor, of: owner, to: seq, at: Timestamp.now().milliseconds)
      }
      loop.execute { self.assumeIsolated { $0.stored(outcome) } }
    }
  }

  private func stored(_ outcome: Result<NamedCursor, StoreError>) {
    isStoring = false
    switch outcome {
    case .success(let cursor): if webSocket.isOpen { webSocket.send(text: "{\"acked\":\(cursor.seq)}") }
    case .failure(let error): refuse("the cursor was not stored: \(error.message)")
    }
    store()
  }

  private func refuse(_ why: String) {
    guard webSocket.isOpen else { return }
    webSocket.send(text: OperationError(.invalidRequest, "Invalid request: \(why).").document)
    if webSocket.queuedBytes > RunningRequests.maximumQueued {
      webSocket.close(code: WebSocketCloseCode.policyViolation, reason: "the client does not read")
    }
  }

  private func closed() {
    pump.stop()
    allowance.end()
    onClosed()
  }
}

extension EventSocket: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text) } }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.refuse("this socket is text") }
  }
  nonisolated func webSocketDrained(_ ws: any MessageSocket) { assumeIsolated { $0.pump.pump() } }
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed() }
  }
}

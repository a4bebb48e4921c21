/// Writes a response body piece by piece, in chunks (RFC 9112 §7.1), or plainly for HTTP/1.0.
package final class HTTPBodyWriter: @unchecked Sendable {
  // Unchecked: all state is touched on the connection's loop only; `write` hops there.

  /// Above this the writer waits until the peer has taken everything: enough to keep a fast peer busy, little enough
  /// that a thousand stalled ones do not matter.
  private static let highWater = 256 * 1024

  /// A writer whose peer keeps up never has to wait; after so many bytes it lets others on the loop have their turn.
  private static let bytesPerTurn = 256 * 1024

  package let loop: EventLoop
  private weak var connection: HTTPConnection?
  private var sinceTurn = 0
  private var waiters: [CheckedContinuation<Void, Never>] = []

  init(_ connection: HTTPConnection) {
    loop = connection.loop
    self.connection = connection
  }

  /// Sends `bytes`, and suspends while the peer is behind. Throws `.closed` when the client is gone, `.cancelled` when
  /// the task is cancelled. May be called from anywhere; one call at a time.
  package func write(_ bytes: [UInt8]) async throws(NetError) {
    try await loop.isolation.write(bytes, to: self)
  }

  /// Called on the loop when the peer has taken everything, for whoever uses ``put(_:)``.
  package var onDrained: () -> Void = {}

  /// Accepted, not yet taken by the kernel.
  package var queuedBytes: Int {
    loop.preconditionCurrent()
    return connection?.queuedBytes ?? 0
  }

  /// Sends `bytes` and does not wait: the caller looks at ``queuedBytes``. On the loop. Throws `.closed` when the client is gone.
  package func put(_ bytes: [UInt8]) throws(NetError) {
    loop.preconditionCurrent()
    try send(bytes)
  }

  /// Lets others on the loop have their turn where much has been sent since the last.
  package func turn() async { if hasHadItsTurn { await loop.nextTurn() } }

  fileprivate func send(_ bytes: [UInt8]) throws(NetError) {
    guard let connection, connection.isStreaming else { throw NetError(.closed, "the client is gone") }
    if bytes.isEmpty { return }
    connection.writePiece(bytes)
    sinceTurn += bytes.count
  }

  fileprivate var hasHadItsTurn: Bool {
    guard sinceTurn >= HTTPBodyWriter.bytesPerTurn else { return false }
    sinceTurn = 0
    return true
  }

  fileprivate var isBehind: Bool {
    guard let connection, connection.isStreaming else { return false }
    return connection.queuedBytes > HTTPBodyWriter.highWater
  }

  fileprivate func add(_ waiter: CheckedContinuation<Void, Never>) {
    // A task that is already cancelled may have had its `onCancel` run before it gets here.
    if isBehind, !Task.isCancelled { waiters.append(waiter) } else { waiter.resume() }
  }

  /// The peer has taken everything, is gone, or the task is cancelled: look again.
  func wake() {
    let waiting = waiters
    waiters = []
    for waiter in waiting { waiter.resume() }
    onDrained()
  }
}

extension LoopIsolation {
  fileprivate func write(_ bytes: [UInt8], to writer: HTTPBodyWriter) async throws(NetError) {
    if Task.isCancelled { throw NetError(.cancelled, "the task was cancelled") }
    try writer.send(bytes)
    guard writer.isBehind else {
      if writer.hasHadItsTurn { await loop.nextTurn() }
      return
    }
    // The check also captures `self`, without which the operation would leave the loop.
    await withTaskCancellationHandler {
      loop.preconditionCurrent()
      await withCheckedContinuation { writer.add($0) }
    } onCancel: {
      loop.execute { writer.wake() }
    }
    if Task.isCancelled { throw NetError(.cancelled, "the task was cancelled") }
    try writer.send([])
  }
}

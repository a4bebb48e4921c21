import Events
import Formats
import Net
import Operations

/// `/events/stream`: server-sent events (HTML §9.2), each with its number as `id`, so that a client that comes again goes on where it was.
actor EventStream {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private let following: EventFollowing
  private let access: Access
  private let allowance: EventAllowance
  /// Whether whoever opened the stream may still read it.
  private let isAllowed: @Sendable () async -> Bool
  private var subscription: EventSubscription?
  private var waiter: CheckedContinuation<Void, Never>?
  private var isReady = false
  private var isReading = false {
    didSet {
      if isReading == oldValue { return }
      if isReading { allowance.readBegan() } else { allowance.readEnded() }
    }
  }

  /// A comment so often keeps proxies from closing a silent stream, and shows a server that the client is gone.
  static let keepalive = Duration.seconds(15)

  init(
    _ following: EventFollowing, access: Access, _ allowance: EventAllowance, loop: EventLoop,
    isAllowed: @escaping @Sendable () async -> Bool
  ) {
    self.allowance = allowance
    self.following = following
    self.access = access
    self.loop = loop
    self.isAllowed = isAllowed
  }

  /// Writes until the client goes away, or its token has come to an end (`isOver`).
  func run(
    from start: UInt64, _ log: EventLog, into writer: HTTPBodyWriter, until isOver: @Sendable () -> Bool
  ) async {
    let subscription = EventSubscription(
      log, from: start, filter: following.filter, maximumLag: following.maximumLag, loop: loop
    ) { [weak self] in self?.assumeIsolated { $0.wake() } }
    self.subscription = subscription
    var isKeptAlive = false
    let timer = loop.schedule(after: EventStream.keepalive, every: EventStream.keepalive) { [weak self] in
      self?.assumeIsolated {
        isKeptAlive = true
        $0.wake()
      }
    }
    allowance.onRoom = { [weak self] in self?.assumeIsolated { $0.wake() } }
    writer.onDrained = { [weak self] in self?.assumeIsolated { $0.drained() } }
    defer {
      timer.cancel()
      subscription.cancel()
      allowance.end()
    }
    do throws(NetError) {
      try await writer.write(Array(": following from \(start)\n\n".utf8))
      while !Task.isCancelled {
        let isDue = isKeptAlive
        isKeptAlive = false
        if isDue, !(await isAllowed()) { return }
        if isOver() { return }
        if try give(subscription, to: writer) {
          await writer.turn()
        } else {
          if isDue { try await writer.write(Array(": keepalive\n\n".utf8)) }
          await ready()
        }
      }
    } catch {
      // The client is gone.
    }
  }

  /// Hands on what there is, as far as the client may have it now. By itself, so that nothing of it is kept while the client is waited for.
  /// - Returns: Whether there was something.
  private func give(_ subscription: EventSubscription, to writer: HTTPBodyWriter) throws(NetError) -> Bool {
    isReading = subscription.isReading
    let queued = writer.queuedBytes
    allowance.note(queued: queued)
    if isReading { return false }
    let window = allowance.window
    if window == 0, queued == 0 { allowance.wait() }
    guard queued < window else { return false }
    let items = subscription.next(maximumBytes: min(window, EventAllowance.pieceBytes))
    if items.isEmpty {
      isReading = subscription.isReading
      allowance.note(queued: queued)
      return false
    }
    try writer.put(text(of: items))
    allowance.note(queued: writer.queuedBytes)
    return true
  }

  /// The client has taken everything, or is gone.
  private func drained() {
    isReading = subscription?.isReading ?? false
    allowance.note(queued: 0)
    wake()
  }

  private func text(of items: [Followed]) -> [UInt8] {
    var text: [UInt8] = []
    for item in items {
      switch item {
      case .event(let event):
        guard access.admits(event) else { continue }
        text += "id: \(event.seq)\nevent: \(event.type)\ndata: ".utf8
        text += event.document(as: following.form)
      case .gap(let range):
        text += "id: \(range.upperBound)\nevent: gap\ndata: ".utf8
        text += EventPump.document(of: range)
      }
      text += "\n\n".utf8
    }
    return text
  }

  /// Returns when something may have come, at the next keepalive, or when the client is gone.
  private func ready() async {
    await withTaskCancellationHandler {
      preconditionIsolated()
      await withCheckedContinuation { continuation in
        if isReady || Task.isCancelled {
          isReady = false
          continuation.resume()
        } else {
          waiter = continuation
        }
      }
    } onCancel: {
      loop.execute { self.assumeIsolated { $0.wake() } }
    }
  }

  func wake() {
    isReady = waiter == nil
    waiter?.resume()
    waiter = nil
  }
}

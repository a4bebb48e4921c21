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
  /// Whether whoever opened the stream may still read it.
  private let isAllowed: @Sendable () async -> Bool
  private var subscription: EventSubscription?
  private var waiter: CheckedContinuation<Void, Never>?
  private var isReady = false

  /// A comment so often keeps proxies from closing a silent stream, and shows a server that the client is gone.
  static let keepalive = Duration.seconds(15)

  init(
    _ following: EventFollowing, access: Access, loop: EventLoop, isAllowed: @escaping @Sendable () async -> Bool
  ) {
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
    defer {
      timer.cancel()
      subscription.cancel()
    }
    do throws(NetError) {
      try await writer.write(Array(": following from \(start)\n\n".utf8))
      while !Task.isCancelled {
        let items = subscription.next(maximumBytes: 64 * 1024)
        if isKeptAlive {
          isKeptAlive = false
          guard await isAllowed() else { return }
          if items.isEmpty { try await writer.write(Array(": keepalive\n\n".utf8)) }
        }
        if isOver() { return }
        if items.isEmpty { await ready() } else { try await writer.write(text(of: items)) }
      }
    } catch {
      // The client is gone.
    }
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

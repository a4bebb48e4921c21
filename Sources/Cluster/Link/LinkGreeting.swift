import Net

/// Waits for the first message of a connection that is to become a link's.
actor LinkGreeting {
  enum Outcome: Sendable {
    case text([UInt8])
    case failed(String)
  }

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private var outcome: Outcome?
  private var waiting: CheckedContinuation<Outcome, Never>?
  private var timer: LoopTimer?

  init(loop: EventLoop) { self.loop = loop }

  /// The first message, or why there is none. The socket is paused then.
  func first(within limit: Duration) async -> Outcome {
    timer = loop.schedule(after: limit) { [weak self] in
      self?.assumeIsolated { $0.settle(.failed("it did not say hello in time")) }
    }
    defer { timer?.cancel() }
    return await withCheckedContinuation { continuation in
      if let outcome { continuation.resume(returning: outcome) } else { waiting = continuation }
    }
  }

  private func settle(_ outcome: Outcome) {
    guard self.outcome == nil else { return }
    self.outcome = outcome
    take(&waiting)?.resume(returning: outcome)
  }
}

extension LinkGreeting: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    // What comes next is for the link.
    ws.pauseReading()
    assumeIsolated { $0.settle(.text(text)) }
  }

  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    ws.pauseReading()
    assumeIsolated { $0.settle(.failed("it did not begin with a hello")) }
  }

  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}

  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.settle(.failed(reason.isEmpty ? "the connection ended" : reason)) }
  }
}

import Net

/// The one answer of a backend on a stream that was opened with a request; on the stream's loop.
actor LinkAnswer<Value: Sendable> {
  /// What the backend says that may be an answer.
  enum Said: Sendable {
    case text([UInt8])
    /// The stream's end, with its code: there was nothing else.
    case end(UInt16)
  }

  /// What was asked for, for the sentences that say that it did not come.
  struct Words: Sendable {
    /// As in "before its answer came".
    var before: String
    /// As in "has not answered session.screen".
    var missing: String
    /// What is not known when there is no answer: begins with `; `, or is empty.
    var doubt = ""
  }

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private let server: String
  private let words: Words
  private let stream: any MessageSocket
  private let read: @Sendable (Said) -> Value?
  private var outcome: Result<Value, RemoteFailure>?
  private var waiting: CheckedContinuation<Void, Never>?

  /// - Parameters:
  ///   - server: how the backend is called in what is said about it.
  ///   - read: what the backend's words mean; `nil` for what is no answer. Called on the loop, as the answer comes.
  init(_ stream: any MessageSocket, server: String, _ words: Words, read: @escaping @Sendable (Said) -> Value?) {
    loop = stream.loop
    self.server = server
    self.words = words
    self.stream = stream
    self.read = read
  }

  /// Asks, and waits. A task that is cancelled closes the stream, which tells the backend.
  /// - Parameter ask: says what belongs to the request beside the stream's head.
  func value(
    within patience: Duration, ask: @Sendable (any MessageSocket) throws(RemoteFailure) -> Void = { _ in }
  ) async throws(RemoteFailure) -> Value {
    stream.handler = self
    let timer = loop.schedule(after: patience) { [weak self] in
      self?.assumeIsolated { $0.giveUp(after: patience) }
    }
    defer { timer.cancel() }
    if stream.handler == nil { throw lost }
    // What had come before it ended is told first; where nothing had, nothing will.
    if !stream.isOpen { loop.execute { self.assumeIsolated { $0.end(.failure($0.lost)) } } }
    try ask(stream)
    // Its operation captures this actor, and so stays on the loop.
    await withTaskCancellationHandler {
      preconditionIsolated()
      if Task.isCancelled { cancel() }
      await withCheckedContinuation { continuation in
        // Looked at here: the outcome may have come before the continuation was made.
        if outcome == nil { waiting = continuation } else { continuation.resume() }
      }
    } onCancel: {
      loop.execute { self.assumeIsolated { $0.cancel() } }
    }
    return try (outcome ?? .failure(lost)).get()
  }

  private func end(_ result: Result<Value, RemoteFailure>) {
    guard outcome == nil else { return }
    outcome = result
    waiting?.resume()
    waiting = nil
  }

  private func cancel() {
    guard outcome == nil else { return }
    stream.close(code: WebSocketCloseCode.normal, reason: "cancelled")
    end(
      .failure(
        RemoteFailure(
          code: "request_timeout", message: "The caller went away before \(words.before).", status: 408, path: [server])
      ))
  }

  private func giveUp(after patience: Duration) {
    guard outcome == nil else { return }
    stream.close(code: WebSocketCloseCode.normal, reason: "not answered in time")
    end(
      .failure(
        RemoteFailure(
          code: "gateway_timeout",
          message:
            "\(server) has not \(words.missing) within \(patience.components.seconds) s\(words.doubt). Look at that server itself.",
          status: 504, path: [server])))
  }

  private var lost: RemoteFailure {
    .unavailable("The connection to \(server) was lost before \(words.before)\(words.doubt).", server: server)
  }

  private func received(_ text: [UInt8]) {
    guard outcome == nil else {
      return stream.close(code: WebSocketCloseCode.protocolError, reason: "one answer is enough")
    }
    guard let value = read(.text(text)) else { return garbled() }
    end(.success(value))
  }

  private func received(failure: [UInt8]) {
    guard outcome == nil else {
      return stream.close(code: WebSocketCloseCode.protocolError, reason: "one answer is enough")
    }
    guard let failure = RemoteFailure(parsing: failure) else { return garbled() }
    end(.failure(failure))
  }

  private func garbled() {
    stream.close(code: WebSocketCloseCode.protocolError, reason: "not an answer")
    end(.failure(.unavailable("The answer of \(server) could not be read.", server: server)))
  }

  private func closed(_ code: UInt16) {
    guard outcome == nil else { return }
    end(read(.end(code)).map { .success($0) } ?? .failure(lost))
  }
}

extension LinkAnswer: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text) } }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.received(failure: binary) }
  }
  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed(code) }
  }
}

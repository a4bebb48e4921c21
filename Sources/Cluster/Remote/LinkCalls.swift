package import Net

/// What a hub does on the streams that it opens: calls, and sockets.
package struct LinkCalls: Sendable {
  /// How the backend is called in what is said about it.
  package let server: String
  private let patience: Duration

  /// - Parameter patience: how long a call may take beside what it waits for something.
  package init(server: String, patience: Duration = LinkTimings.standard.answer) {
    self.server = server
    self.patience = patience
  }

  /// Performs an operation over a stream that was opened with its head. That an answer is JSON is only the backend's word. A task that is
  /// cancelled closes the stream, which tells the backend. Throws `gateway_timeout` when there is no answer in time: a backend that answers
  /// pings lives, but what it was asked may be lost there all the same.
  package func perform(_ request: RemoteRequest, on stream: any MessageSocket) async throws(RemoteFailure)
    -> RemoteAnswer
  {
    try await LinkCall(request, server: server, stream).answer(within: request.wait + patience)
  }

  /// Waits until the backend has opened a socket on a stream that was opened with its head. What is returned lives on the stream's loop and
  /// delivers nothing, not even its end, before its handler is set and it is resumed.
  package func open(_ request: RemoteSocketRequest, on stream: any MessageSocket) async throws(RemoteFailure)
    -> any MessageSocket
  {
    try await LinkOpening(request, server: server, stream).socket()
  }
}

/// One call that waits for its answer, on the stream's loop.
private actor LinkCall {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private let request: RemoteRequest
  private let server: String
  private let stream: any MessageSocket
  private var outcome: Result<RemoteAnswer, RemoteFailure>?
  private var waiting: CheckedContinuation<Void, Never>?

  init(_ request: RemoteRequest, server: String, _ stream: any MessageSocket) {
    loop = stream.loop
    self.request = request
    self.server = server
    self.stream = stream
  }

  func answer(within patience: Duration) async throws(RemoteFailure) -> RemoteAnswer {
    stream.handler = self
    let timer = loop.schedule(after: patience) { [weak self] in
      self?.assumeIsolated { $0.giveUp(after: patience) }
    }
    defer { timer.cancel() }
    if stream.handler == nil { throw lost() }
    // What had come before it ended is told first; where nothing had, nothing will.
    if !stream.isOpen { loop.execute { self.assumeIsolated { $0.end(.failure($0.lost())) } } }
    switch request.body {
    case .none: break
    case .json(let bytes):
      guard String(validating: bytes, as: UTF8.self) != nil else {
        stream.close(code: 1000, reason: "")
        throw RemoteFailure(
          code: "invalid_request", message: "Invalid request: the body is not valid JSON.", status: 400, path: [])
      }
      stream.send(text: bytes)
    case .raw(let bytes): stream.send(binary: bytes)
    }
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
    return try (outcome ?? .failure(lost())).get()
  }

  private func end(_ result: Result<RemoteAnswer, RemoteFailure>) {
    guard outcome == nil else { return }
    outcome = result
    waiting?.resume()
    waiting = nil
  }

  private func cancel() {
    guard outcome == nil else { return }
    stream.close(code: 1000, reason: "cancelled")
    end(
      .failure(
        RemoteFailure(
          code: "request_timeout", message: "The caller went away before the answer was ready.", status: 408,
          path: [server])))
  }

  private func giveUp(after patience: Duration) {
    guard outcome == nil else { return }
    stream.close(code: 1000, reason: "not answered in time")
    end(
      .failure(
        RemoteFailure(
          code: "gateway_timeout",
          message:
            "\(server) has not answered \(request.operation) within \(patience.components.seconds) s\(doubt). Look at that server itself.",
          status: 504, path: [server])))
  }

  private func lost() -> RemoteFailure {
    .unavailable("The connection to \(server) was lost before its answer came\(doubt).", server: server)
  }

  /// REST's safe method is what tells here whether it matters.
  private var doubt: String { request.method == "GET" ? "" : "; whether it was done is not known" }

  private func garbled() {
    stream.close(code: 1002, reason: "not an answer")
    end(.failure(.unavailable("The answer of \(server) could not be read.", server: server)))
  }

  private func received(text: [UInt8]) {
    guard outcome == nil else { return stream.close(code: 1002, reason: "one answer is enough") }
    end(.success(.json(text)))
  }

  private func received(binary: [UInt8]) {
    guard outcome == nil else { return stream.close(code: 1002, reason: "one answer is enough") }
    guard let failure = RemoteFailure(parsing: binary) else { return garbled() }
    end(.failure(failure))
  }

  private func closed(_ code: UInt16) { end(code == 1000 ? .success(.empty) : .failure(lost())) }
}

extension LinkCall: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text: text) } }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.received(binary: binary) }
  }
  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed(code) }
  }
}

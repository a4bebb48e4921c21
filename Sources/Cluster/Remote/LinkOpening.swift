import Formats
package import Net

/// A socket that a backend is asked to open: waits for its word, and keeps what comes after for whoever will use the socket.
actor LinkOpening {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private let offered: [String]
  private let server: String
  private let stream: any MessageSocket
  private var outcome: Result<OpenedSocket, RemoteFailure>?
  private var waiting: CheckedContinuation<Void, Never>?

  init(_ request: RemoteSocketRequest, server: String, _ stream: any MessageSocket) {
    loop = stream.loop
    offered = request.subprotocols
    self.server = server
    self.stream = stream
  }

  func socket() async throws(RemoteFailure) -> any MessageSocket {
    stream.handler = self
    if stream.handler == nil { throw lost }
    // What had come before it ended is told first; where nothing had, nothing will.
    if !stream.isOpen { loop.execute { self.assumeIsolated { $0.end(.failure($0.lost)) } } }
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

  private func end(_ result: Result<OpenedSocket, RemoteFailure>) {
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
          code: "request_timeout", message: "The caller went away before the socket was open.", status: 408,
          path: [server])))
  }

  private var lost: RemoteFailure {
    .unavailable("The connection to \(server) was lost before the socket was open.", server: server)
  }

  private func garbled() {
    stream.close(code: 1002, reason: "not an answer")
    end(.failure(.unavailable("The answer of \(server) could not be read.", server: server)))
  }

  /// `{"opened":{"subprotocol":…|null}}`.
  private func received(text: [UInt8]) {
    guard outcome == nil else { return }
    guard let opened = JSONText.members(of: text[...])?.last(where: { $0.name == "opened" })?.value,
      let members = JSONText.members(of: opened)
    else { return garbled() }
    var chosen: String?
    if let value = members.last(where: { $0.name == "subprotocol" })?.value, !JSONText.isNull(value) {
      // One that nobody offered would end the client's handshake.
      guard let name = JSONText.string(value), offered.contains(name) else { return garbled() }
      chosen = name
    }
    stream.pauseReading()
    let socket = OpenedSocket(stream, subprotocol: chosen)
    stream.handler = socket
    end(.success(socket))
  }

  private func received(binary: [UInt8]) {
    guard outcome == nil else { return }
    guard let failure = RemoteFailure(parsing: binary) else { return garbled() }
    end(.failure(failure))
  }

  private func closed() { end(.failure(lost)) }
}

extension LinkOpening: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text: text) } }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.received(binary: binary) }
  }
  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed() }
  }
}

/// A stream on which a backend has opened a socket, as that socket.
///
/// It is its stream's handler only until it has one of its own, so that an end that comes before is not lost; from then on the stream
/// tells that one directly.
package final class OpenedSocket: MessageSocket, @unchecked Sendable {
  // Unchecked: touched on the stream's loop only, which the stream checks.
  private let stream: any MessageSocket
  package let subprotocol: String?
  private var ending: (code: UInt16, reason: String)?
  /// Set after the end: it hears of that, and of nothing else.
  private var late: (any WebSocketHandler)?

  package init(_ stream: any MessageSocket, subprotocol: String?) {
    self.stream = stream
    self.subprotocol = subprotocol
  }

  package var loop: EventLoop { stream.loop }
  package var peer: PeerAddress { stream.peer }

  package var handler: (any WebSocketHandler)? {
    get { ending == nil ? stream.handler : late }
    set { if ending == nil { stream.handler = newValue } else { late = newValue } }
  }

  package func send(text: [UInt8]) { stream.send(text: text) }
  package func send(text: String) { stream.send(text: text) }
  package func send(_ texts: WebSocketTexts) { stream.send(texts) }
  package func send(binary: UnsafeRawBufferPointer) { stream.send(binary: binary) }
  package func send(binary: [UInt8]) { stream.send(binary: binary) }
  package var queuedBytes: Int { stream.queuedBytes }
  package var isOpen: Bool { ending == nil && stream.isOpen }
  package func pauseReading() { stream.pauseReading() }
  package func close(code: UInt16, reason: String) { stream.close(code: code, reason: reason) }

  package func resumeReading() {
    guard let ending else { return stream.resumeReading() }
    loop.execute { [self] in
      let handler = late
      late = nil
      handler?.webSocketClosed(self, code: ending.code, reason: ending.reason)
    }
  }
}

extension OpenedSocket: WebSocketHandler {
  // Paused: only the end can come.
  package func webSocket(_ ws: any MessageSocket, text: [UInt8]) {}
  package func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
  package func webSocketDrained(_ ws: any MessageSocket) {}
  package func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) { ending = (code, reason) }
}

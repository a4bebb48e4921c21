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
    let answer = LinkAnswer<RemoteAnswer>(
      stream, server: server,
      .init(
        before: "its answer came", missing: "answered \(request.operation)",
        // REST's safe method is what tells here whether it matters.
        doubt: request.method == "GET" ? "" : "; whether it was done is not known")
    ) { said in
      switch said {
      case .text(let document): .json(document)
      case .end(1000): .empty
      case .end: nil
      }
    }
    return try await answer.value(within: request.wait + patience) { stream throws(RemoteFailure) in
      switch request.body {
      case .none: break
      case .json(let bytes):
        guard String(validating: bytes, as: UTF8.self) != nil else {
          stream.close(code: WebSocketCloseCode.normal, reason: "")
          throw RemoteFailure(
            code: "invalid_request", message: "Invalid request: the body is not valid JSON.", status: 400, path: [])
        }
        stream.send(text: bytes)
      case .raw(let bytes): stream.send(binary: bytes)
      }
    }
  }

  /// Waits until the backend has opened a socket on a stream that was opened with its head; throws `gateway_timeout` when it does not in time.
  /// What is returned lives on the stream's loop and delivers nothing, not even its end, before its handler is set and it is resumed.
  package func open(_ request: RemoteSocketRequest, on stream: any MessageSocket) async throws(RemoteFailure)
    -> any MessageSocket
  {
    let answer = LinkAnswer<OpenedSocket>(
      stream, server: server, .init(before: "the socket was open", missing: "opened \(request.path)")
    ) { said in
      guard case .text(let text) = said else { return nil }
      return OpenedSocket(stream, announced: text, offered: request.subprotocols)
    }
    return try await answer.value(within: patience)
  }
}

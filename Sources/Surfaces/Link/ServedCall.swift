import Cluster
import Net
import Operations

/// One operation that a hub asks for over a stream. The stream's end before the answer cancels it.
actor ServedCall {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let stream: any MessageSocket
  private let request: RemoteRequest
  private let call: Call
  private let link: LinkSurface
  private var task: Task<Void, Never>?
  private var isOver = false

  /// The largest body over REST is the largest here.
  private static let maximumBody = HTTPLimits().maxBodyBytes

  init(_ stream: any MessageSocket, _ request: RemoteRequest, _ call: Call, _ link: LinkSurface) {
    loop = stream.loop
    self.stream = stream
    self.request = request
    self.call = call
    self.link = link
  }

  func begin() {
    stream.handler = self
    if request.body == .none { start(.none) }
  }

  private func received(_ bytes: [UInt8], isText: Bool) {
    // A call has one body and no more.
    guard !isOver, task == nil else {
      return stream.close(code: WebSocketCloseCode.protocolError, reason: "unexpected")
    }
    guard bytes.count <= ServedCall.maximumBody else {
      return answer(
        .failure(OperationError(.payloadTooLarge, "The body is larger than this server takes.")))
    }
    switch (request.body, isText) {
    case (.json, true): start(.json(bytes))
    case (.raw, false): start(.raw(bytes))
    default:
      answer(
        .failure(OperationError(.invalidRequest, "Invalid request: the body is not of the kind that was announced.")))
    }
  }

  private func start(_ body: Arguments.Body) {
    let arguments = Arguments(
      path: request.path.map { ($0.name, $0.value) }, query: request.query.map { ($0.name, $0.value) }, body: body)
    task = Task { [self] in await perform(arguments) }
  }

  private func perform(_ arguments: Arguments) async {
    do throws(OperationError) {
      answer(.success(try await link.linked.catalogue.perform(request.operation, arguments, for: call)))
    } catch {
      answer(.failure(error))
    }
  }

  private func answer(_ outcome: Result<Answer, OperationError>) {
    if isOver { return }
    isOver = true
    switch outcome {
    case .success(.json(let document)): stream.send(text: document)
    case .success(.empty): break
    case .failure(let error): return link.refuse(stream, error)
    }
    stream.close(code: WebSocketCloseCode.normal, reason: "")
  }

  private func closed() {
    isOver = true
    task?.cancel()
    task = nil
  }
}

extension ServedCall: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.received(text, isText: true) }
  }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.received(binary, isText: false) }
  }
  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed() }
  }
}

import Glibc

/// A request to send. `Host` and `Content-Length` are added.
package struct HTTPClientRequest: Sendable {
  package var method: String
  /// Path and query, percent-encoded.
  package var target: String
  package var headers: HTTPHeaders
  package var body: [UInt8]
  /// From the call to the whole response, without name lookup; nil waits as long as it takes.
  package var timeout: Duration?

  package init(
    _ method: String, _ target: String, headers: HTTPHeaders = .init(), body: [UInt8] = [], timeout: Duration? = nil
  ) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.timeout = timeout
  }
}

/// Talks to one server: one keep-alive connection, requests one after the other, in the order of the calls. Redirections are answers like
/// others: nothing is ever sent anywhere but to the endpoint.
package actor HTTPClient {
  /// Says whether an address may be connected to.
  package typealias AddressFilter = @Sendable (PeerAddress) -> Bool

  /// From the TCP connection to the end of the TLS handshake.
  private static let handshakeMilliseconds: UInt64 = 10_000

  /// A response body larger than this fails with `.tooLarge`, unless the client was made with another bound.
  package static let defaultMaxResponseBytes = 64 * 1024 * 1024

  package nonisolated let endpoint: Endpoint
  package nonisolated let loop: EventLoop
  private let limits: HTTPLimits
  private let tls: TLSClientSettings?
  private let allows: AddressFilter?
  /// Made once it is needed: it may read the certificates of all authorities there are.
  private var tlsContext: TLSContext?
  private var connection: HTTPClientConnection?
  private var isBusy = false
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var isClosed = false

  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  /// - Parameters:
  ///   - tls: speaks TLS, and says whom to trust; nil speaks plain text.
  ///   - allows: asked about every address that the host has, right before it is connected to, so that a name which is given another
  ///     address after it was checked gains nothing. When all are refused, calls throw `.addressRefused`. Not asked about Unix sockets.
  package init(
    endpoint: Endpoint, loop: EventLoop, maxResponseBytes: Int = HTTPClient.defaultMaxResponseBytes,
    tls: TLSClientSettings? = nil, allows: AddressFilter? = nil
  ) {
    ignoreBrokenPipe()
    self.endpoint = endpoint
    self.loop = loop
    self.tls = tls
    self.allows = allows
    var limits = HTTPLimits()
    limits.maxBodyBytes = maxResponseBytes
    self.limits = limits
  }

  deinit {
    guard let connection else { return }
    loop.execute { connection.abort(NetError(.closed, "the client is gone")) }
  }

  /// Sends a request and waits for the whole response. A connection that the server closed while idle is opened again;
  /// a request is sent twice only when it is idempotent (RFC 9110 §9.2.2) and no byte of an answer had come.
  package func send(_ request: HTTPClientRequest) async throws(NetError) -> HTTPResponse {
    await acquire()
    defer { release() }
    let attempt = Attempt()
    let timer = request.timeout.map { timeout in
      loop.schedule(after: timeout) { attempt.abort(NetError(.timedOut, "no response in time")) }
    }
    defer { timer?.cancel() }
    while true {
      let isReused = connection?.isOpen == true
      let connection = try await open(attempt)
      let (head, body) = encode(request)
      let result = await loop.isolation.exchange(
        attempt, connection, head, body, request.method == "HEAD" ? .head : .plain)
      if !connection.isOpen { self.connection = nil }
      switch result {
      case .success(let response):
        return response
      case .failure(let error):
        let mayRepeat = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(request.method)
        guard error.code == .closed, isReused, mayRepeat, !connection.hasAnswer, !isClosed else { throw error }
      }
    }
  }

  /// Opens a WebSocket on a connection of its own. `handler` may get messages before this returns; without one the socket is paused, and
  /// delivers nothing before it has one and is resumed. A server that answers
  /// otherwise throws `.upgradeRefused` with status and body. `timeout` bounds connecting and the handshake. With a `pingInterval` a
  /// server that is gone without a word is noticed within twice that time; without one only when something is sent.
  package func webSocket(
    target: String, headers: HTTPHeaders = .init(), subprotocols: [String] = [], maxMessageBytes: Int = 1 << 24,
    timeout: Duration? = nil, pingInterval: Duration = .zero, handler: (any WebSocketHandler)?
  ) async throws(NetError) -> WebSocket {
    if isClosed { throw NetError(.closed, "the client is closed") }
    let attempt = Attempt()
    let timer = timeout.map { timeout in
      loop.schedule(after: timeout) { attempt.abort(NetError(.timedOut, "no answer in time")) }
    }
    defer { timer?.cancel() }
    let connection = try await connect(attempt)
    let key = WebSocketHandshake.newKey()
    var request = HTTPClientRequest("GET", target, headers: headers)
    request.headers.set("Upgrade", "websocket")
    request.headers.set("Sec-WebSocket-Version", "13")
    request.headers.set("Sec-WebSocket-Key", String(decoding: key, as: UTF8.self))
    if !subprotocols.isEmpty {
      request.headers.set("Sec-WebSocket-Protocol", subprotocols.joined(separator: ", "))
    }
    let (head, _) = encode(request, upgrades: true)
    let result = await loop.isolation.exchange(attempt, connection, head, [], .upgrade)
    let response = try result.get()
    guard response.status == 101 else {
      connection.abort(NetError(.closed, "refused"))
      throw NetError(
        .upgradeRefused(status: response.status, body: response.body),
        "the server answered \(response.status) instead of opening a WebSocket")
    }
    guard WebSocketHandshake.isAccepted(response, key: key, offered: subprotocols) else {
      connection.abort(NetError(.closed, "refused"))
      throw NetError(.protocolViolation, "the server's WebSocket handshake is wrong")
    }
    let webSocket = WebSocket(
      socket: connection.takeSocket(), role: .client, subprotocol: response.headers[first: "sec-websocket-protocol"],
      maxMessageBytes: maxMessageBytes, pingInterval: pingInterval, pongTimeout: pingInterval)
    webSocket.handler = handler
    if handler == nil { webSocket.pauseReading() }
    webSocket.start(unread: connection.rest)
    return webSocket
  }

  /// Closes the connection; requests under way and later ones fail with `.closed`. WebSockets stay.
  package func close() {
    isClosed = true
    connection?.abort(NetError(.closed, "the client was closed"))
    connection = nil
  }

  // MARK: One at a time

  private func acquire() async {
    await withCheckedContinuation { continuation in
      // Looked at here: others may have their turn before a continuation is made.
      if isBusy {
        waiting.append(continuation)
      } else {
        isBusy = true
        continuation.resume()
      }
    }
  }

  private func release() {
    if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
  }

  // MARK: Connecting

  private func open(_ attempt: Attempt) async throws(NetError) -> HTTPClientConnection {
    if isClosed { throw NetError(.closed, "the client is closed") }
    if let connection, connection.isOpen { return connection }
    let fresh = try await connect(attempt)
    if isClosed {
      fresh.abort(NetError(.closed, "the client was closed"))
      throw NetError(.closed, "the client was closed")
    }
    connection = fresh
    return fresh
  }

  private func connect(_ attempt: Attempt) async throws(NetError) -> HTTPClientConnection {
    let addresses: [SocketAddress]
    let kind: Socket.Kind
    switch endpoint {
    case .unix(let path):
      guard let address = SocketAddress(unix: path) else {
        throw NetError(.invalidArgument, "\(path): a socket path has 1 to 107 bytes")
      }
      addresses = [address]
      kind = .unix
    case .tcp(let host, let port):
      guard let number = UInt16(exactly: port) else { throw NetError(.invalidArgument, "port \(port)") }
      addresses = try await NameResolution.addresses(of: host, port: number, on: loop)
      kind = .tcp
    }
    let context = try tlsContextIfWanted()
    var failure = NetError(.notFound, "\(endpoint): no address")
    var isRefused = false
    for address in addresses {
      if let allows, let (host, port) = address.numeric, !allows(.ip(address: host, port: port)) {
        // Says more than that another address could not be reached only when there was no other.
        if !isRefused, failure.code == .notFound {
          failure = NetError(.addressRefused, "\(endpoint): connections to its address \(host) are not allowed")
        }
        isRefused = true
        continue
      }
      switch await loop.isolation.connect(attempt, to: address, named: endpoint.description) {
      case .success(let fd):
        guard let peer = PeerAddress(ofSocket: fd) else {
          Glibc.close(fd)
          failure = NetError(.closed, "\(endpoint): gone at once")
          continue
        }
        if let stranger = HTTPClient.stranger(peer) {
          Glibc.close(fd)
          throw NetError(
            .permissionDenied,
            "a process of another user (uid \(stranger)) listens there, and was sent nothing")
        }
        let socket = try Socket(adopting: fd, kind: kind, peer: peer, on: loop)
        if let context { try await secure(socket, context, attempt) }
        return HTTPClientConnection(socket: socket, limits: limits)
      case .failure(let error):
        if attempt.failure != nil { throw error }
        failure = error
      }
    }
    throw failure
  }

  /// The user of a process of this machine that is neither ours nor the system's. Whoever could make a socket's folder before us would be told
  /// what was meant for our server.
  private static func stranger(_ peer: PeerAddress) -> UInt32? {
    guard case .unix(let uid, _) = peer, uid != geteuid(), uid != 0 else { return nil }
    return uid
  }

  private func tlsContextIfWanted() throws(NetError) -> TLSContext? {
    guard let tls else { return nil }
    if let tlsContext { return tlsContext }
    let made = try TLSContext(tls)
    tlsContext = made
    return made
  }

  private func secure(_ socket: Socket, _ context: TLSContext, _ attempt: Attempt) async throws(NetError) {
    let session: TLSSession
    do {
      session = try TLSSession(client: context, host: endpoint.host)
    } catch {
      socket.close()
      throw error
    }
    let handshake = TLSHandshake(socket, session)
    if let error = await loop.isolation.secure(attempt, handshake, HTTPClient.handshakeMilliseconds) { throw error }
  }

  private func encode(_ request: HTTPClientRequest, upgrades: Bool = false) -> (head: [UInt8], body: [UInt8]) {
    var head: [UInt8] = []
    head.append(contentsOf: request.method.utf8.filter(ASCII.isToken))
    head.append(ASCII.space)
    // Bytes that would end the request line early have no place in a target.
    head.append(contentsOf: request.target.utf8.filter { $0 > 0x20 && $0 < 0x7F })
    head.append(" HTTP/1.1\r\n")
    if request.headers[first: "host"] == nil {
      head.append("Host: ")
      head.append(contentsOf: endpoint.authority.utf8)
      head.append("\r\n")
    }
    HTTPEncoder.append(fields: request.headers, to: &head)
    if upgrades { head.append("Connection: Upgrade\r\n") }
    if !request.body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method) {
      head.append("Content-Length: ")
      head.append(decimal: request.body.count)
      head.append("\r\n")
    }
    head.append("\r\n")
    return (head, request.body)
  }
}

/// One call of the client, as seen by what may end it early: its time-out and the cancellation of its task.
final class Attempt: @unchecked Sendable {
  // Unchecked: touched on the client's loop only.
  private(set) var failure: NetError?
  fileprivate var current: (any Abortable)?

  func abort(_ error: NetError) {
    if failure == nil { failure = error }
    current?.abort(error)
  }
}

// The operation of `withTaskCancellationHandler` stays on the loop only when it is written in an actor's method and
// captures `self`; the check in it does both, and would trap if a compiler saw that differently.
extension LoopIsolation {
  fileprivate func exchange(
    _ attempt: Attempt, _ connection: HTTPClientConnection, _ head: [UInt8], _ body: [UInt8],
    _ expects: HTTPClientConnection.Expectation
  ) async -> Result<HTTPResponse, NetError> {
    if let failure = attempt.failure { return .failure(failure) }
    attempt.current = connection
    defer { attempt.current = nil }
    return await withTaskCancellationHandler {
      loop.preconditionCurrent()
      return await withCheckedContinuation { continuation in
        // A task that is already cancelled may have had its `onCancel` run before we get here.
        if let failure = attempt.failure {
          continuation.resume(returning: .failure(failure))
        } else {
          connection.exchange(head, body, expects) { continuation.resume(returning: $0) }
        }
      }
    } onCancel: {
      loop.execute { attempt.abort(NetError(.cancelled, "the task was cancelled")) }
    }
  }

  fileprivate func secure(
    _ attempt: Attempt, _ handshake: TLSHandshake, _ milliseconds: UInt64
  ) async -> NetError? {
    defer { attempt.current = nil }
    return await withTaskCancellationHandler {
      loop.preconditionCurrent()
      return await withCheckedContinuation { continuation in
        attempt.current = handshake
        handshake.start(within: milliseconds) { continuation.resume(returning: $0) }
        // The end may have come before there was something to end.
        if let failure = attempt.failure { handshake.abort(failure) }
      }
    } onCancel: {
      loop.execute { attempt.abort(NetError(.cancelled, "the task was cancelled")) }
    }
  }

  fileprivate func connect(
    _ attempt: Attempt, to address: SocketAddress, named name: String
  ) async -> Result<CInt, NetError> {
    if let failure = attempt.failure { return .failure(failure) }
    defer { attempt.current = nil }
    return await withTaskCancellationHandler {
      loop.preconditionCurrent()
      return await withCheckedContinuation { continuation in
        if let failure = attempt.failure {
          continuation.resume(returning: .failure(failure))
        } else {
          attempt.current = Connecting(to: address, named: name, on: loop) { continuation.resume(returning: $0) }
        }
      }
    } onCancel: {
      loop.execute { attempt.abort(NetError(.cancelled, "the task was cancelled")) }
    }
  }
}

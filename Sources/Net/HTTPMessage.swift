/// A whole request, body included.
package struct HTTPRequest: Sendable {
  package var method: String
  /// The request target as sent.
  package var target: String
  /// The path of the target, still percent-encoded: `/a%2Fb` and `/a/b` differ. `*` for `OPTIONS *`.
  package var path: String
  /// What follows the first `?`, still percent-encoded.
  package var query: String?
  package var headers: HTTPHeaders
  package var body: [UInt8]
  package var peer: PeerAddress
  /// What is known of who is behind the connection; `nil` for a request that came over none. Who lets the request in vouches here.
  package var standing: ConnectionStanding?

  package init(
    method: String, target: String, headers: HTTPHeaders = .init(), body: [UInt8] = [],
    peer: PeerAddress = .unix(uid: 0, pid: 0), standing: ConnectionStanding? = nil
  ) {
    self.method = method
    self.target = target
    (path, query) = HTTPRequest.split(target)
    self.headers = headers
    self.body = body
    self.peer = peer
    self.standing = standing
  }

  /// Path and query of a request target in origin, absolute or asterisk form (RFC 9112 §3.2).
  static func split(_ target: String) -> (path: String, query: String?) {
    var rest = target[...]
    if !rest.hasPrefix("/"), let scheme = rest.firstRange(of: "://") {
      let authority = rest[scheme.upperBound...]
      let end = authority.utf8.firstIndex { $0 == ASCII.slash || $0 == ASCII.question } ?? authority.endIndex
      rest = authority[end...]
      if rest.first != "/" { rest = "/" + rest }
    }
    guard let mark = rest.utf8.firstIndex(of: ASCII.question) else {
      return (rest.startIndex == target.startIndex && rest.endIndex == target.endIndex ? target : String(rest), nil)
    }
    return (String(rest[..<mark]), String(rest[rest.utf8.index(after: mark)...]))
  }

  /// Does the request ask for a WebSocket? (The handshake itself is checked when the handler answers `.upgrade`.)
  package var wantsWebSocket: Bool {
    headers.list("upgrade", has: "websocket") && headers.list("connection", has: "upgrade")
  }
}

/// A whole response. `Content-Length`, `Date` and `Connection` are written by the server: `Content-Length` and
/// `Transfer-Encoding` among `headers` are ignored, `Connection: close` there closes.
package struct HTTPResponse: Sendable, Equatable {
  package var status: Int
  package var headers: HTTPHeaders
  package var body: [UInt8]
  /// Let go once the peer has taken the answer, or is gone.
  package var keeping: (any Sendable)?

  package init(status: Int, headers: HTTPHeaders = .init(), body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  package static func == (one: HTTPResponse, other: HTTPResponse) -> Bool {
    one.status == other.status && one.headers == other.headers && one.body == other.body
  }
}

/// What a handler answers with.
package enum HTTPReply: Sendable {
  case response(HTTPResponse)
  /// Turns the connection into a WebSocket. When the request is no valid handshake (RFC 6455 §4.2.1), the client gets
  /// 400 or 426 instead and `opened` is not called.
  case upgrade(WebSocketUpgrade)
  /// A body written piece by piece. The response's `body`, if any, goes out first. The closure runs on the connection's
  /// loop within the request's task, which is cancelled when the client goes away; the body ends when it returns.
  case stream(HTTPResponse, @Sendable (HTTPBodyWriter) async -> Void)
}

/// What a handler says to a request by its head, while the body is still on its way.
package enum HTTPAdmission: Sendable {
  /// The body may come; `keeping` is let go once the request has been answered.
  case admitted(keeping: (any Sendable)?)
  /// This is answered, the body is not read, and the connection ends.
  case refused(HTTPResponse)
}

/// Answers requests. Called isolated to the loop of the connection, so actors on that loop are reached without a hop.
///
/// The task is cancelled when the client disconnects before its answer (seen as long as the client has not pipelined
/// more than 64 KiB ahead). A wait with `withTaskCancellationHandler` belongs in an actor's method and its operation must
/// capture `self` (a call of `preconditionIsolated()` does): otherwise the operation leaves the loop for the global pool.
/// And look at `Task.isCancelled` when the wait begins: for a task that is already cancelled, `onCancel` comes first.
package protocol HTTPHandler: Sendable {
  func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply

  /// Decides whether a body is worth waiting for. Asked of requests over TCP whose body has not come along with the head, which is all that
  /// `request` has.
  func admit(_ request: HTTPRequest, on loop: EventLoop) async -> HTTPAdmission

  /// The loop on which what the request is about lives, if it is a particular one. A connection that keeps asking for things of another
  /// loop moves there, so that its requests are answered without waking a second thread. A hint: it must be quick and may be wrong.
  func home(of request: HTTPRequest) -> EventLoop?
}

extension HTTPHandler {
  package func home(of request: HTTPRequest) -> EventLoop? { nil }
  package func admit(_ request: HTTPRequest, on loop: EventLoop) async -> HTTPAdmission { .admitted(keeping: nil) }
}

/// What the server answers by itself when a request breaks the protocol or a limit.
package enum HTTPFault: Error, Sendable, Equatable {
  /// 400, with a short English reason.
  case badRequest(String)
  /// 408
  case requestTimeout
  /// 413
  case contentTooLarge
  /// 414
  case targetTooLong
  /// 417: an `Expect` other than `100-continue`.
  case expectationFailed
  /// 426: a WebSocket version other than 13.
  case upgradeRequired
  /// 431
  case headersTooLarge
  /// 500: what failed inside is not told.
  case internalError
  /// 501: a method or transfer coding this server does not know.
  case notImplemented
  /// 503: too many connections.
  case unavailable
  /// 505
  case versionNotSupported

  package var status: Int {
    switch self {
    case .badRequest: 400
    case .requestTimeout: 408
    case .contentTooLarge: 413
    case .targetTooLong: 414
    case .expectationFailed: 417
    case .upgradeRequired: 426
    case .headersTooLarge: 431
    case .internalError: 500
    case .notImplemented: 501
    case .unavailable: 503
    case .versionNotSupported: 505
    }
  }

  package var message: String {
    switch self {
    case .badRequest(let why): why
    case .requestTimeout: "the request took too long to arrive"
    case .contentTooLarge: "the body is larger than this server takes"
    case .targetTooLong: "the request target is longer than this server takes"
    case .expectationFailed: "only Expect: 100-continue is supported"
    case .upgradeRequired: "only WebSocket version 13 is supported"
    case .headersTooLarge: "the header fields are larger than this server takes"
    case .internalError: "internal error"
    case .notImplemented: "unknown method or transfer coding"
    case .unavailable: "too many connections"
    case .versionNotSupported: "only HTTP/1.0 and HTTP/1.1 are supported"
    }
  }
}

/// Bounds of the HTTP side.
package struct HTTPLimits: Sendable {
  /// Request line and fields together; beyond it 431. Browsers with many cookies stay under 16 KiB.
  package var maxHeaderBytes = 32 * 1024
  /// Beyond it 413, before the body is read when `Content-Length` says so.
  package var maxBodyBytes = 1024 * 1024
  /// Beyond it 414.
  package var maxTargetBytes = 8 * 1024
  /// From the first byte of a request to the end of its head; beyond it 408.
  package var headerTimeout: Duration = .seconds(10)
  /// From the end of the head to the end of the body; beyond it 408.
  package var bodyTimeout: Duration = .seconds(30)
  /// Between requests, and for output that the peer does not take; beyond it the connection is closed.
  package var idleTimeout: Duration = .seconds(75)
  /// From accepting a connection to the end of its TLS handshake; beyond it the connection is closed.
  package var handshakeTimeout: Duration = .seconds(10)
  /// HTTP and WebSocket connections of a server together; beyond it 503.
  package var maxConnections = 4096
  /// Of these, places that only connections over the Unix socket can take.
  package var reservedForUnix = 256
  /// Connections over TCP of which it is not known yet who is behind them. Beyond it the oldest of the address that has most of them is closed.
  package var maxStrangers = 1024
  /// The same for one address (IPv6: one /64 network); beyond it the oldest of that address is closed.
  package var maxStrangersOfAddress = 128
  /// As `idleTimeout`, for a connection over TCP of which it is not known yet who is behind it.
  package var strangerTimeout: Duration = .seconds(10)

  package init() {}
}

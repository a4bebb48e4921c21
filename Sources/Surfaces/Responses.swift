import Formats
import Metrics
import Net
import Operations

/// The answers of the HTTP surface: the same headers on all of them, and one shape for every error.
enum Responses {
  /// On every answer. Nothing of ours belongs in a frame of another page, and nothing but our own scripts runs in a page of ours.
  private static let standard = HTTPHeaders([
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "geolocation=(), microphone=(), camera=()"),
    (
      "Content-Security-Policy",
      "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
    ),
    // Screens and tokens are not for caches.
    ("Cache-Control", "no-store"),
  ])
  private static let jsonType = "application/json"
  private static let standardForJSON = headers(type: jsonType)

  static func json(_ body: [UInt8], status: Int = 200, type: String? = nil) -> HTTPResponse {
    response(status, type: type ?? jsonType, body)
  }

  /// The head of a stream of server-sent events.
  static func eventStream() -> HTTPResponse {
    var response = response(200, type: "text/event-stream", [])
    // Proxies that gather an answer before they pass it on would gather this one for ever.
    response.headers.append("X-Accel-Buffering", "no")
    return response
  }

  /// Names the servers that an answer should tell of and does not: a list of strings (RFC 9651 §3.1).
  static let missingServers = "Roost-Missing-Servers"
  /// Names that one answer carries: a header is no place for a long list.
  private static let maximumMissing = 64

  static func note(missing servers: [String], in response: inout HTTPResponse) {
    if servers.isEmpty { return }
    response.headers.append(
      missingServers, servers.prefix(maximumMissing).map(StructuredField.item).joined(separator: ", "))
  }

  static func text(_ text: String) -> HTTPResponse {
    response(200, type: "text/plain; charset=utf-8", Array(text.utf8))
  }

  static func schema(_ text: String) -> HTTPResponse { response(200, type: SchemaFiles.contentType, Array(text.utf8)) }

  static func metrics(_ text: [UInt8]) -> HTTPResponse { response(200, type: MetricsText.contentType, text) }

  static func empty(_ status: Int) -> HTTPResponse { response(status, type: nil, []) }

  static func error(_ error: OperationError) -> HTTPResponse {
    var response = json(error.document, status: error.httpStatus)
    switch error.code {
    case .authRequired: response.headers.append("WWW-Authenticate", "Bearer")
    case .authInvalid: response.headers.append("WWW-Authenticate", "Bearer error=\"invalid_token\"")
    case .insufficientScope: response.headers.append("WWW-Authenticate", "Bearer error=\"insufficient_scope\"")
    default: break
    }
    if let time = error.retryAfter {
      // Whole seconds (RFC 9110 §10.2.3), and never sooner than it is worth it.
      response.headers.append("Retry-After", String(max(1, (time.milliseconds + 999) / 1000)))
    }
    return response
  }

  /// The answer to a request that broke HTTP itself, or one of its limits.
  static func fault(_ fault: HTTPFault, _ trace: RequestTrace) -> HTTPResponse {
    let code: ErrorCode =
      switch fault {
      case .badRequest: .invalidRequest
      case .requestTimeout: .requestTimeout
      case .contentTooLarge: .payloadTooLarge
      case .targetTooLong: .uriTooLong
      case .headersTooLarge: .headersTooLarge
      case .internalError: .internalError
      case .unavailable: .resourceLimitReached
      case .expectationFailed, .upgradeRequired, .notImplemented, .versionNotSupported: .unsupported
      }
    let message: String =
      switch fault {
      case .badRequest(let why): "Invalid request: \(why)."
      default: fault.message.prefix(1).uppercased() + fault.message.dropFirst() + "."
      }
    var response = json(OperationError(code, message).document, status: fault.status)
    if case .upgradeRequired = fault { offerUpgrade(in: &response) }
    trace.mark(&response.headers)
    return response
  }

  /// The answer to a plain request for a WebSocket's path (RFC 9110 §15.5.22).
  static func upgradeRequired() -> HTTPResponse {
    let error = OperationError(
      .invalidRequest, "Invalid request: a WebSocket is served here; send 'Upgrade: websocket'.")
    var response = json(error.document, status: HTTPFault.upgradeRequired.status)
    offerUpgrade(in: &response)
    return response
  }

  private static func offerUpgrade(in response: inout HTTPResponse) {
    response.headers.append("Upgrade", "websocket")
    response.headers.append("Sec-WebSocket-Version", "13")
  }

  private static func response(_ status: Int, type: String?, _ body: [UInt8]) -> HTTPResponse {
    HTTPResponse(status: status, headers: type == jsonType ? standardForJSON : headers(type: type), body: body)
  }

  private static func headers(type: String?) -> HTTPHeaders {
    var headers = standard
    if let type { headers.append("Content-Type", type) }
    return headers
  }
}

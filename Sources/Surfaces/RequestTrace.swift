import Causality
import Net
import Store

/// To which call from outside a request belongs: the ids that its headers give, or a new one.
struct RequestTrace: Sendable {
  /// The header that gives the id and takes it back.
  static let header = "X-Correlation-ID"

  /// A UUID in lower case: the caller's own, or one made here where the caller gave none, another text, or several.
  let correlationID: String
  /// The caller's trace context when it is well-formed (W3C Trace Context §3.2).
  let traceParent: String?

  init(_ headers: HTTPHeaders?) {
    func only(_ name: String) -> String? {
      guard let values = headers?.all(name), values.count == 1 else { return nil }
      return values[0]
    }
    correlationID = only(RequestTrace.header).flatMap(Cause.correlationID) ?? makeUUID()
    traceParent = only("traceparent").flatMap(Cause.traceParent)
  }

  /// The answer with the id on it.
  func marking(_ reply: HTTPReply) -> HTTPReply {
    switch reply {
    case .response(var response):
      mark(&response.headers)
      return .response(response)
    case .upgrade(var upgrade):
      mark(&upgrade.headers)
      return .upgrade(upgrade)
    case .stream(var response, let body):
      mark(&response.headers)
      return .stream(response, body)
    }
  }

  func mark(_ headers: inout HTTPHeaders) { headers.set(RequestTrace.header, correlationID) }
}

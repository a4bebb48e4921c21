import Net
import Testing

@testable import Surfaces

@Suite("To which call a request belongs")
struct RequestTraceTests {
  private let id = "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d"
  private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test("the caller's id is kept, whatever the case of header and id") func kept() {
    #expect(RequestTrace(["x-correlation-id": id.uppercased()]).correlationID == id)
  }

  @Test("without one, with another text and with several there is a new one") func made() {
    var several = HTTPHeaders([("X-Correlation-ID", id)])
    several.append("X-Correlation-ID", id)
    let made = [
      RequestTrace(nil), RequestTrace([:]), RequestTrace(["X-Correlation-ID": "mine"]),
      RequestTrace(["X-Correlation-ID": "\(id), \(id)"]), RequestTrace(several),
    ].map(\.correlationID)
    #expect(Set(made).count == made.count)
    #expect(made.allSatisfy { $0.count == 36 && $0 != id })
  }

  @Test("a well-formed traceparent goes along, another one does not") func traceParent() {
    #expect(RequestTrace(["traceparent": parent]).traceParent == parent)
    #expect(RequestTrace(["traceparent": parent.uppercased()]).traceParent == nil)
    #expect(RequestTrace(nil).traceParent == nil)
  }

  @Test("every kind of reply is marked, once") func marks() {
    let trace = RequestTrace(["X-Correlation-ID": id])
    let response = HTTPResponse(status: 200, headers: ["X-Correlation-ID": "old"])
    guard case .response(let marked) = trace.marking(.response(response)),
      case .stream(let streamed, _) = trace.marking(.stream(response) { _ in }),
      case .upgrade(let upgrade) = trace.marking(.upgrade(WebSocketUpgrade { _ in }))
    else {
      Issue.record("a reply became another")
      return
    }
    for headers in [marked.headers, streamed.headers, upgrade.headers] {
      #expect(headers.all("x-correlation-id") == [id])
    }
  }
}

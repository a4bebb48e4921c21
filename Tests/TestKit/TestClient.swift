package import Formats
package import Net
import Synchronization

/// The loop that all clients of a test process share.
package enum TestLoop {
  package static let shared: EventLoop = {
    do {
      return try EventLoop(name: "tests")
    } catch {
      fatalError("no event loop for the tests: \(error)")
    }
  }()
}

/// An answer, with its body as JSON when it is some.
package struct TestResponse: Sendable, CustomStringConvertible {
  package var status: Int
  package var headers: HTTPHeaders
  package var body: [UInt8]
  /// Null when the body is no JSON.
  package var json: JSON

  package var text: String { String(decoding: body, as: UTF8.self) }
  /// The code of the error it describes.
  package var errorCode: String? { json["error"]["code"].string }
  package var description: String { "\(status) \(text)" }
}

/// Calls a server's API as any client would.
package struct TestClient: Sendable {
  package let endpoint: Endpoint
  /// Sent with every request.
  package var token: String?
  private let http: HTTPClient
  /// Whether what is answered must be as the operation is described.
  private let isChecked: Bool

  /// - Parameter isChecked: `false` for a server that is not ours.
  package init(_ endpoint: Endpoint, token: String? = nil, isChecked: Bool = true) {
    self.endpoint = endpoint
    self.token = token
    self.isChecked = isChecked
    http = HTTPClient(endpoint: endpoint, loop: TestLoop.shared)
  }

  /// The same endpoint over a connection of its own: requests of one client follow each other.
  package func another(token: String? = nil) -> TestClient {
    TestClient(endpoint, token: token ?? self.token, isChecked: isChecked)
  }

  /// Any request. Whatever the status, it is an answer.
  package func request(
    _ method: String, _ target: String, body: [UInt8] = [], headers: HTTPHeaders = .init(),
    timeout: Duration = .seconds(60)
  ) async throws -> TestResponse {
    let response = try await http.send(
      HTTPClientRequest(method, target, headers: authorized(headers), body: body, timeout: timeout))
    let json = (try? JSON(parsing: response.body)) ?? .null
    let answer = TestResponse(status: response.status, headers: response.headers, body: response.body, json: json)
    if isChecked { try await AnswerCheck.check(method, target, answer) }
    return answer
  }

  /// A request with a JSON body.
  package func request(_ method: String, _ target: String, json: JSON) async throws -> TestResponse {
    try await request(method, target, body: json.bytes, headers: ["content-type": "application/json"])
  }

  /// A request that must succeed; its answer's JSON.
  @discardableResult
  package func call(_ method: String, _ target: String, _ json: JSON? = nil) async throws -> JSON {
    let response: TestResponse
    if let json {
      response = try await request(method, target, json: json)
    } else {
      response = try await request(method, target)
    }
    guard (200..<300).contains(response.status) else {
      throw TestFailure("\(method) \(target) \(json?.text ?? ""): \(response)")
    }
    return response.json
  }

  package func get(_ target: String) async throws -> JSON { try await call("GET", target) }
  @discardableResult
  package func post(_ target: String, _ json: JSON? = nil) async throws -> JSON { try await call("POST", target, json) }
  @discardableResult
  package func patch(_ target: String, _ json: JSON) async throws -> JSON { try await call("PATCH", target, json) }
  @discardableResult
  package func delete(_ target: String) async throws -> JSON { try await call("DELETE", target) }

  /// Calls an operation by JSON-RPC: the whole reply, with `result` or `error`.
  package func rpc(_ method: String, _ parameters: JSON = [:]) async throws -> JSON {
    let reply = try await post("/rpc", ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": parameters])
    if isChecked, reply["error"].isNull { try await AnswerCheck.check(rpc: method, reply["result"]) }
    return reply
  }

  /// Opens a WebSocket. A refusal throws `NetError` with the status and body.
  package func webSocket(
    _ target: String, subprotocols: [String] = [], headers: HTTPHeaders = .init()
  ) async throws -> TestWebSocket {
    let inbox = WebSocketInbox()
    let socket = try await http.webSocket(
      target: target, headers: authorized(headers), subprotocols: subprotocols, handler: inbox)
    return TestWebSocket(socket: socket, inbox: inbox)
  }

  private func authorized(_ headers: HTTPHeaders) -> HTTPHeaders {
    var headers = headers
    if let token, headers[first: "authorization"] == nil { headers.append("authorization", "Bearer \(token)") }
    return headers
  }
}

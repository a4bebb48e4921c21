import Formats
import Testing

@testable import Cluster

extension CallContext {
  static func test(
    scopes: [String] = ["admin"], sessions: [String]? = nil, tags: [String]? = nil, role: Role = .member
  ) -> CallContext {
    CallContext(
      correlationID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", principal: "user:1", via: ["hub"],
      limits: Limits(scopes: scopes, sessions: sessions, tags: tags, role: role))
  }
}

extension RemoteRequest {
  static func test(
    _ operation: String, _ method: String, _ route: String, session: String? = nil,
    query: [(String, String)] = [], body: Body = .none, context: CallContext = .test()
  ) -> RemoteRequest {
    RemoteRequest(
      operation: operation, path: session.map { [Parameter("session", $0)] } ?? [],
      query: query.map { Parameter($0, $1) }, body: body, method: method, route: route, context: context)
  }
}

@Suite("Operations as requests of wsh")
struct WshCallTests {
  private func call(_ request: RemoteRequest, base: String = "", hostname: String? = "web1") throws -> WshCall {
    try WshCall(request, name: "web1", base: base, hostname: hostname)
  }

  private func refusal(_ request: RemoteRequest) -> RemoteFailure? {
    do {
      _ = try call(request)
      return nil
    } catch { return error as? RemoteFailure }
  }

  @Test(
    "a name is one segment whatever is in it, and leads to no other endpoint",
    arguments: [
      ("build", "build"), ("../tokens", "..%2Ftokens"), ("..", "%2E%2E"), (".", "%2E"),
      ("a/../../server/shutdown", nil),
      ("%2f", "%252f"), ("%2e%2e", "%252e%252e"), ("\"q'", "%22q%27"), ("a?server=x", "a%3Fserver%3Dx"),
      ("a#b", "a%23b"),
      ("a\r\nX: y", "a%0D%0AX%3A%20y"), ("🚀", "%F0%9F%9A%80"),
    ])
  func segments(name: String, segment: String?) throws {
    let made = try call(.test("session.screen", "GET", "/sessions/{session}/screen", session: name))
    let parts = made.target.split(separator: "/", omittingEmptySubsequences: false)
    #expect(parts.count == 4)
    #expect(parts.first == "" && parts[1] == "sessions" && parts.last == "screen")
    if let segment { #expect(parts[2] == segment) }
    #expect(PercentEncoding.decode(Substring(parts[2])) == name)
  }

  @Test("the session may come with a body, and the rest of it becomes the query of a GET") func bodyToQuery() throws {
    let body = #"{"session":"a b","format":"plain","offset":3}"#
    let made = try call(
      .test("session.scrollback", "GET", "/sessions/{session}/scrollback", body: .json(Array(body.utf8))), base: "/wsh")
    #expect(made.target == "/wsh/sessions/a%20b/scrollback?format=plain&offset=3")
    #expect(made.body.isEmpty)
  }

  @Test("values of a query become members of a body, each of its kind") func queryToBody() throws {
    let made = try call(
      .test("session.create", "POST", "/sessions", query: [("name", "x"), ("rows", "30"), ("tags", "a,b")]))
    #expect(String(decoding: made.body, as: UTF8.self) == #"{"name":"x","rows":30,"tags":["a","b"]}"#)
    #expect(refusal(.test("session.create", "POST", "/sessions", query: [("rows", "many")]))?.code == "invalid_request")
  }

  @Test("the list is asked for by the server's own name, so that a hub adds nobody's") func ownList() throws {
    #expect(
      try call(.test("session.list", "GET", "/sessions", query: [("tag", "a,b")])).target
        == "/sessions?tag=a%2Cb&server=web1")
  }

  @Test("input goes as it is, from a raw body or from JSON") func input() throws {
    func input(_ body: RemoteRequest.Body) throws -> [UInt8] {
      try call(.test("session.input", "POST", "/sessions/{session}/input", session: "a", body: body)).body
    }
    #expect(try input(.raw([0, 255, 10])) == [0, 255, 10])
    #expect(try input(.json(Array(#"{"data":"lé\r"}"#.utf8))) == Array("lé\r".utf8))
    #expect(try input(.json(Array(#"{"data":"AAH/","encoding":"base64"}"#.utf8))) == [0, 1, 255])
    #expect(throws: RemoteFailure.self) { try input(.json(Array("{}".utf8))) }
  }

  @Test("a wait is given its own time and a little more") func waits() throws {
    func timeout(_ query: [(String, String)]) throws -> Duration {
      try call(.test("session.idle", "GET", "/sessions/{session}/idle", session: "a", query: query)).timeout
    }
    #expect(try timeout([("timeout_ms", "100"), ("max_wait_ms", "60000")]) == .seconds(65))
    #expect(try timeout([("timeout_ms", "100")]) == .seconds(35))
    #expect(try timeout([("timeout_ms", "1"), ("max_wait_ms", "999999999999")]) == .seconds(305))
    #expect(try call(.test("session.get", "GET", "/sessions/{session}", session: "a")).timeout == .seconds(30))
  }

  @Test("what wsh does not have is refused by name, never left out")
  func unsupported() {
    let run = refusal(.test("session.run", "POST", "/sessions/{session}/run", session: "a"))
    #expect(
      run
        == RemoteFailure(
          code: "unsupported", message: "web1 is a wsh server, which has no session.run.", status: 501, path: ["web1"]))
    let argv = refusal(.test("session.create", "POST", "/sessions", body: .json(Array(#"{"argv":["top"]}"#.utf8))))
    #expect(argv?.code == "unsupported")
    #expect(argv?.message.contains("'argv'") == true)
    let ansi = refusal(
      .test("session.screen", "GET", "/sessions/{session}/screen", session: "a", query: [("format", "ansi")]))
    #expect(ansi?.code == "unsupported")
    // What is null was not given.
    #expect(refusal(.test("session.create", "POST", "/sessions", body: .json(Array(#"{"argv":null}"#.utf8)))) == nil)
  }

  @Test("a session that is named twice is no session: the limits of a caller were held against one of them")
  func twice() {
    let path = refusal(
      .test(
        "session.remove", "DELETE", "/sessions/{session}", session: "mine",
        body: .json(Array(#"{"session":"other"}"#.utf8))))
    #expect(path?.code == "invalid_request")
    let body = refusal(
      .test(
        "session.remove", "DELETE", "/sessions/{session}",
        body: .json(Array(#"{"session":"mine","session":"other"}"#.utf8))))
    #expect(body?.code == "invalid_request")
  }
}

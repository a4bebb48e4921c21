import Formats
import Testing

@testable import Cluster

@Suite("Heads of streams")
struct LinkHeadTests {
  private static let serverID = "22222222-bbbb-4ccc-8ddd-eeeeeeeeeeee"

  private let context = CallContext(
    correlationID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", causationID: "11111111-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", principal: "token:\"ci\"\n",
    via: [serverID],
    limits: .init(scopes: ["sessions:read"], sessions: ["a", "b/c"], tags: [], role: .observer))

  private func fields(_ head: LinkHead) throws -> JSON { try JSON(parsing: head.encoded()) }

  @Test("a call is read as it was written, but for its body") func call() throws {
    let request = RemoteRequest(
      operation: "session.input", path: [.init("session", "bü\u{1F600}ld/../%2f")],
      query: [.init("encoding", "base64"), .init("empty", "")],
      body: .raw([1, 2, 3]), method: "POST", route: "/sessions/{session}/input", context: context)
    guard case .call(let read) = try LinkHead(parsing: LinkHead.call(request).encoded()) else {
      Issue.record("no call")
      return
    }
    #expect(read.operation == request.operation)
    #expect(read.path == request.path)
    #expect(read.query == request.query)
    #expect(read.body == .raw([]))
    #expect(read.method == request.method)
    #expect(read.route == request.route)
    #expect(read.context == request.context)
  }

  @Test("a caller without limits stays without them") func unlimited() throws {
    var context = context
    context.limits = .init(scopes: [], role: .member)
    context.causationID = nil
    context.traceParent = nil
    let request = RemoteRequest(operation: "session.list", method: "GET", route: "/sessions", context: context)
    guard case .call(let read) = try LinkHead(parsing: LinkHead.call(request).encoded()) else {
      Issue.record("no call")
      return
    }
    #expect(read.context == context)
    #expect(read.body == .none)
  }

  @Test("a socket and the directory are read as they were written") func others() throws {
    let request = RemoteSocketRequest(
      path: "/sessions/a%2Fb/ws/raw", query: "readonly=true&rows=5", subprotocols: ["roost.attach.v1"],
      context: context)
    guard case .socket(let read) = try LinkHead(parsing: LinkHead.socket(request).encoded()) else {
      Issue.record("no socket")
      return
    }
    #expect(read.path == request.path)
    #expect(read.query == request.query)
    #expect(read.subprotocols == request.subprotocols)
    #expect(read.context == request.context)
    guard case .directory = try LinkHead(parsing: LinkHead.directory.encoded()) else {
      Issue.record("no directory")
      return
    }
  }

  /// The head of a call with some members replaced.
  private func head(_ change: (inout [JSON.Member]) -> Void) throws -> [UInt8] {
    let request = RemoteRequest(operation: "session.list", method: "GET", route: "/sessions", context: context)
    var members = try fields(.call(request)).members ?? []
    change(&members)
    return JSON.object(members).bytes
  }

  @Test("what a later version says beside it is passed over") func unknown() throws {
    let bytes = try head { $0.append(.init("later", ["a": [1, 2]])) }
    guard case .call = try LinkHead(parsing: bytes) else {
      Issue.record("no call")
      return
    }
  }

  @Test(
    "what is beyond a bound or of another kind is refused",
    arguments: [
      ("kind", JSON.string("other")), ("kind", .null), ("operation", .integer(1)),
      ("operation", .string(String(repeating: "x", count: 129))), ("path", .string("x")), ("path", [["session"]]),
      ("path", [["a", "b", "c"]]), ("path", [["a", 1]]), ("query", [["a", "b"], "c"]),
      ("query", .array([JSON](repeating: ["a", "b"], count: 65))), ("body", .string("xml")), ("body", .null),
      ("context", .null), ("context", [:]), ("route", .string(String(repeating: "x", count: 513))),
    ] as [(String, JSON)])
  func hostile(field: String, value: JSON) throws {
    let bytes = try head { members in
      members.removeAll { $0.name == field }
      members.append(.init(field, value))
    }
    #expect(throws: LinkHeadError.self) { try LinkHead(parsing: bytes) }
  }

  @Test(
    "a context that is not as it must be is refused",
    arguments: [
      ("correlation_id", JSON.string("x")), ("correlation_id", .null), ("causation_id", .string("../../etc")),
      ("principal", .string(String(repeating: "p", count: 1025))), ("principal", .null),
      ("via", .array([JSON](repeating: .string(LinkHeadTests.serverID), count: LinkHead.maximumHops + 1))),
      ("via", ["a\nb"]), ("via", [""]), ("via", ["hub-1"]), ("via", [.string(LinkHeadTests.serverID.uppercased())]),
      ("via", [.string(LinkHeadTests.serverID), "web1"]), ("limits", .null),
      ("limits", ["role": "emperor"]), ("limits", ["role": "member", "scopes": "all"]),
      ("limits", ["role": "member", "sessions": .array([JSON](repeating: "a", count: 1025))]),
    ] as [(String, JSON)])
  func hostileContext(field: String, value: JSON) throws {
    let bytes = try head { members in
      var context = members.last { $0.name == "context" }?.value.members ?? []
      context.removeAll { $0.name == field }
      context.append(.init(field, value))
      members.removeAll { $0.name == "context" }
      members.append(.init("context", .object(context)))
    }
    #expect(throws: LinkHeadError.self) { try LinkHead(parsing: bytes) }
  }

  @Test("what is no text, no JSON or too long is refused, wherever it was cut") func broken() throws {
    let whole = try head { _ in }
    for count in 0..<whole.count {
      #expect(throws: LinkHeadError.self) { try LinkHead(parsing: Array(whole[..<count])) }
    }
    #expect(throws: LinkHeadError.self) { try LinkHead(parsing: whole + [0x20, 0xFF]) }
    let long = try head { $0.append(.init("later", .string(String(repeating: "x", count: 64 << 10)))) }
    #expect(throws: LinkHeadError.self) { try LinkHead(parsing: long) }
    let deep = Array("{\"kind\":".utf8) + [UInt8](repeating: 0x5B, count: 60_000)
    #expect(throws: LinkHeadError.self) { try LinkHead(parsing: deep) }
  }

  @Test("a failure is read as it was written, and a long one is cut") func failure() throws {
    let failure = RemoteFailure(code: "session_not_found", message: "No \"x\".", status: 404, path: ["web1", "db"])
    #expect(RemoteFailure(parsing: failure.encoded()) == failure)
    var long = failure
    long.message = String(repeating: "ü", count: 10_000)
    let read = try #require(RemoteFailure(parsing: long.encoded()))
    #expect(read.message.utf8.count <= 4096)
    #expect(read.message.allSatisfy { $0 == "ü" })
  }

  @Test(
    "what is no failure is none",
    arguments: [
      "", "{}", "[]", "{\"code\":\"a b\",\"message\":\"\",\"status\":404,\"server_path\":[]}",
      "{\"code\":\"a\",\"message\":\"\",\"status\":200,\"server_path\":[]}",
      "{\"code\":\"a\",\"message\":\"\",\"status\":404}",
      "{\"code\":\"a\",\"message\":7,\"status\":404,\"server_path\":[]}",
      "{\"code\":\"a\",\"message\":\"\",\"status\":404,\"server_path\":[{}]}",
    ])
  func noFailure(text: String) { #expect(RemoteFailure(parsing: Array(text.utf8)) == nil) }
}

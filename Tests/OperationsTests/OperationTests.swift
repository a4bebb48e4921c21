import Cluster
import Events
import Operations
import Sessions
import Store
import Testing

private struct Input: Codable, Sendable {
  var session: SessionName
  var timeoutMs: Int?
  var tags: [Sessions.Tag]?
  var env: [String: String]?
  var fresh: Bool?
}

private struct Output: Codable, Sendable, Equatable {
  var name: String
  var lastActivityMs: Int?
  var tags: [String]
  var fresh: Bool?
}

@Suite("Operations")
struct OperationTests {
  private let binding = TypedOperation(
    "test.echo", "Echoes", .sessionsRead, .post("/sessions/{session}/echo"), .reads, takes: Input.self,
    gives: Output.self
  ).on { _, input in
    Output(
      name: input.session.text, lastActivityMs: input.timeoutMs, tags: (input.tags ?? []).map(\.text),
      fresh: input.fresh)
  }
  private var operation: Operations.Operation { binding.operation }
  private let call = Call(principal: .anonymous, access: .everything, peer: "test")

  private func perform(_ arguments: Arguments, access: Access = .everything) async throws -> String {
    let catalogue = Catalogue([binding], ownNames: ["here"])
    let answer = try await catalogue.perform(
      "test.echo", arguments, for: Call(principal: .anonymous, access: access, peer: "test"))
    guard case .json(let bytes) = answer else { return "" }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func refusal(_ arguments: Arguments, access: Access = .everything) async -> OperationError? {
    do {
      _ = try await perform(arguments, access: access)
      return nil
    } catch { return error as? OperationError }
  }

  @Test("path, query and body meet in one input") func merges() async throws {
    let text = try await perform(
      Arguments(
        path: [("session", "dev")], query: [("tags", "a,b"), ("fresh", "true")],
        body: .json(Array(#"{"timeout_ms":7}"#.utf8))))
    #expect(text.contains(#""name":"dev""#))
    #expect(text.contains(#""last_activity_ms":7"#))
    #expect(text.contains(#""tags":["a","b"]"#))
    #expect(text.contains(#""fresh":true"#))
  }

  @Test(
    "bad input is refused by name",
    arguments: [
      (#"{"nam":1}"#, "'nam'"), (#"{"timeout_ms":"many"}"#, "'timeout_ms' must be a whole number"),
      (#"{"tags":["a/b"]}"#, "Invalid tag"), (#"[1]"#, "JSON object"), (#"{"timeout_ms":"#, "not valid JSON"),
      (#"{"session":"x"}"#, "given by the path"), (#"{"timeoutMs":1}"#, "'timeoutMs'"), (#"{"tags":"a"}"#, "'tags'"),
      (#"{"timeout_ms":1.5}"#, "not whole"), (#"{"timeout_ms":99999999999999999999}"#, "out of range"),
    ])
  func refusals(body: String, expected: String) async {
    let error = await refusal(Arguments(path: [("session", "dev")], body: .json(Array(body.utf8))))
    #expect(error?.message.contains(expected) == true, "\(String(describing: error))")
    #expect(error?.code.httpStatus == 400)
  }

  @Test("an empty filter in a query is no filter that was left out") func emptyList() async {
    for tags in ["", ",", "a,"] {
      let refused = await refusal(Arguments(path: [("session", "a")], query: [("tags", tags)]))
      #expect(refused?.code == .invalidTag || refused?.code == .invalidRequest, "\(tags)")
    }
  }

  @Test("an unknown query parameter and an unknown server are refused") func unknowns() async {
    #expect(await refusal(Arguments(path: [("session", "a")], query: [("x", "1")]))?.code == .invalidRequest)
    #expect(await refusal(Arguments(path: [("session", "a")], query: [("server", "there")]))?.code == .serverNotFound)
    #expect(await refusal(Arguments(path: [("session", "a")], query: [("server", "here")])) == nil)
    #expect(
      await refusal(Arguments(path: [("session", "a")], body: .json(Array(#"{"server":"there"}"#.utf8))))?.code
        == .serverNotFound)
  }

  @Test("a scope that is missing is named") func scopes() async {
    let error = await refusal(Arguments(path: [("session", "a")]), access: Access(scopes: [.filesRead]))
    #expect(error?.code == .insufficientScope)
    #expect(error?.message.contains("sessions:read") == true)
    #expect(await refusal(Arguments(path: [("session", "a")]), access: Access(scopes: [.admin])) == nil)
  }

  @Test("the schema is read off the input type") func schema() {
    #expect(operation.input.fields.map(\.name) == ["session", "timeout_ms", "tags", "env", "fresh"])
    #expect(operation.input.fields.map(\.required) == [true, false, false, false, false])
    #expect(operation.output?.fields.map(\.name) == ["name", "last_activity_ms", "tags", "fresh"])
  }

  @Test(
    "every code of a domain has a place in the table",
    arguments: SessionError.Code.allCases.map(\.rawValue) + EventError.Code.allCases.map(\.rawValue)
      + RegistryError.Code.allCases.map(\.rawValue))
  func codes(code: String) { #expect(ErrorCode(rawValue: code) != nil) }

  @Test(
    "names become snake case",
    arguments: [
      ("lastActivityMs", "last_activity_ms"), ("name", "name"), ("serverID", "server_id"), ("tcpAddr", "tcp_addr"),
    ])
  func snake(camel: String, snake: String) { #expect(snakeCased(camel) == snake) }

  @Test("access by name and by tag") func access() {
    let access = Access(scopes: [.sessionsRead], sessions: ["a"], tags: ["build"])
    #expect(access.covers(name: "a", tagTexts: ["build"]))
    #expect(!access.covers(name: "a", tagTexts: []))
    #expect(!access.covers(name: "b", tagTexts: ["build"]))
    #expect(Access.everything.covers(name: "z", tagTexts: []))
  }
}

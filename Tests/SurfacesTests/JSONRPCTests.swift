import Formats
import Operations
import Store
import Synchronization
import Testing

@testable import Surfaces

@Suite("JSON-RPC")
struct JSONRPCTests {
  private func answer(_ message: String, access: Access = .everything) async -> String? {
    let call = Call(principal: .anonymous, access: access, peer: "test")
    return await JSONRPC(catalogue: Sample.catalogue).answer(Array(message.utf8), for: call).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  @Test("a call is answered under its id, whatever the id")
  func call() async {
    for id in ["1", "-7", "1.5", #""a\u00e9""#, "null"] {
      #expect(
        await answer(#"{"jsonrpc":"2.0","id":\#(id),"method":"session.get","params":{"session":"dev"}}"#)
          == #"{"jsonrpc":"2.0","result":{"name":"dev"},"id":\#(id)}"#)
    }
  }

  @Test("once the answers of a batch are long enough, the rest of its calls are not made, and this is said of each")
  func longBatch() async throws {
    let calls = Mutex(0)
    struct Long: Codable, Sendable { var text: String }
    let long = String(repeating: "x", count: 3 << 20)
    let catalogue = Catalogue(
      [
        TypedOperation(
          "long.get", "Answer at length", nil, .get("/long"), .reads, takes: NoInput.self, gives: Long.self
        ).on {
          _, _ in
          calls.withLock { $0 += 1 }
          return Long(text: long)
        }
      ], ownNames: [])
    let one = #"{"jsonrpc":"2.0","id":7,"method":"long.get"}"#
    let notification = #"{"jsonrpc":"2.0","method":"long.get"}"#
    let batch = "[" + (Array(repeating: one, count: 4) + [notification, one]).joined(separator: ",") + "]"
    let answer = await JSONRPC(catalogue: catalogue).answer(Array(batch.utf8), for: Sample.call) ?? []
    #expect(calls.withLock { $0 } == 2)
    let elements = try #require(JSONText.elements(of: answer[...]))
    #expect(elements.map { $0.count > 3 << 20 } == [true, true, false, false, false])
    for refused in elements.suffix(3) {
      let text = String(decoding: refused, as: UTF8.self)
      #expect(
        text.contains(#""code":-32413"#) && text.contains(#""code":"answer_too_large""#) && text.hasSuffix(#""id":7}"#))
    }
  }

  @Test("nothing to say is an empty object") func silent() async {
    #expect(
      await answer(#"{"jsonrpc":"2.0","id":1,"method":"session.remove","params":{"session":"dev"}}"#)
        == #"{"jsonrpc":"2.0","result":{},"id":1}"#)
  }

  @Test("bytes for a terminal are a string") func rawField() async {
    #expect(
      await answer(#"{"jsonrpc":"2.0","id":1,"method":"session.input","params":{"session":"dev","data":"ls\r"}}"#)
        == #"{"jsonrpc":"2.0","result":{"length":3},"id":1}"#)
  }

  @Test(
    "errors carry the reserved numbers and the stable code",
    arguments: [
      ("{", -32700, "invalid_request", "null"), ("", -32700, "invalid_request", "null"),
      ("[]", -32600, "invalid_request", "null"), ("1", -32600, "invalid_request", "null"),
      (#"{"id":1,"method":"session.list"}"#, -32600, "invalid_request", "1"),
      (#"{"jsonrpc":"1.0","id":1,"method":"session.list"}"#, -32600, "invalid_request", "1"),
      (#"{"jsonrpc":"2.0","id":1}"#, -32600, "invalid_request", "1"),
      (#"{"jsonrpc":"2.0","id":{},"method":"session.list"}"#, -32600, "invalid_request", "null"),
      (#"{"jsonrpc":"2.0","id":1,"method":"session.list","params":[1]}"#, -32600, "invalid_request", "1"),
      (#"{"jsonrpc":"2.0","id":1,"method":"nothing"}"#, -32601, "unknown_method", "1"),
      (#"{"jsonrpc":"2.0","id":1,"method":"session.get"}"#, -32602, "invalid_request", "1"),
      (
        #"{"jsonrpc":"2.0","id":1,"method":"session.get","params":{"session":"none"}}"#, -32404, "session_not_found",
        "1"
      ),
    ])
  func errors(message: String, number: Int, code: String, id: String) async {
    let answer = await answer(message) ?? ""
    #expect(answer.hasPrefix(#"{"jsonrpc":"2.0","error":{"code":\#(number),"message":"#), "\(answer)")
    #expect(answer.hasSuffix(#","data":{"code":"\#(code)"}},"id":\#(id)}"#), "\(answer)")
  }

  @Test("a scope that is missing is refused as everywhere") func scope() async {
    let answer = await answer(
      #"{"jsonrpc":"2.0","id":1,"method":"session.create"}"#, access: Access(scopes: [.sessionsRead]))
    #expect(answer?.contains(#""data":{"code":"insufficient_scope"}"#) == true)
  }

  @Test("a notification is done and not answered, not even when it fails") func notification() async {
    #expect(await answer(#"{"jsonrpc":"2.0","method":"session.list"}"#) == nil)
    #expect(await answer(#"{"jsonrpc":"2.0","method":"nothing"}"#) == nil)
  }

  @Test("a batch is answered in its order, without its notifications") func batch() async {
    let message = """
      [{"jsonrpc":"2.0","id":1,"method":"session.get","params":{"session":"a"}},
       {"jsonrpc":"2.0","method":"session.list"}, 7,
       {"jsonrpc":"2.0","id":2,"method":"session.get","params":{"session":"b"}}]
      """
    let answer = await answer(message) ?? ""
    #expect(
      answer.hasPrefix(#"[{"jsonrpc":"2.0","result":{"name":"a"},"id":1},{"jsonrpc":"2.0","error":{"code":-32600,"#))
    #expect(answer.hasSuffix(#"},"id":null},{"jsonrpc":"2.0","result":{"name":"b"},"id":2}]"#))
    #expect(await self.answer(#"[{"jsonrpc":"2.0","method":"session.list"}]"#) == nil)
  }

  @Test("a batch has its bound, and text must be UTF-8") func bounds() async {
    let one = #"{"jsonrpc":"2.0","id":1,"method":"session.list"}"#
    #expect(await answer("[" + Array(repeating: one, count: 64).joined(separator: ",") + "]")?.hasPrefix("[") == true)
    #expect(
      await answer("[" + Array(repeating: one, count: 65).joined(separator: ",") + "]")?.contains("-32600") == true)
    let broken = await JSONRPC(catalogue: Sample.catalogue)
      .answer(
        Array(#"{"jsonrpc":"2.0","id":""#.utf8) + [0xFF] + Array(#"","method":"session.list"}"#.utf8), for: Sample.call)
    #expect(String(validating: broken ?? [], as: UTF8.self)?.contains("-32700") == true)
  }
}

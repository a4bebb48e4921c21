import Operations
import Sessions
import Testing

@testable import Domains
@testable import Operations

@Suite("Messages of the JSON sockets")
struct SocketMessageTests {
  private func message(_ text: String) throws -> SocketMessage { try #require(SocketMessage(Array(text.utf8))) }

  @Test(
    "an id of any type comes back as it was sent",
    arguments: ["1", #""x""#, "null", "true", #"{"a":[1,2]}"#, "[ ]", "1e9"])
  func ids(id: String) throws {
    let message = try message(#"{"id":\#(id),"method":"m"}"#)
    #expect(String(decoding: message.answer(.empty), as: UTF8.self) == #"{"id":\#(id),"method":"m","result":{}}"#)
    #expect(
      String(decoding: message.answer(OperationError(.unknownMethod, "No.")), as: UTF8.self)
        == #"{"id":\#(id),"method":"m","error":{"code":"unknown_method","message":"No."}}"#)
  }

  @Test("without an id the answer has none") func noID() throws {
    #expect(
      String(decoding: try message(#"{"method":"m"}"#).answer(.json([0x31])), as: UTF8.self)
        == #"{"method":"m","result":1}"#)
  }

  @Test(
    "what is no request is told so",
    arguments: ["", "x", "[]", "{}", #"{"method":1}"#, #"{"method":"m","params":[]}"#, #"{"method":"m","session":5}"#])
  func malformed(text: String) { #expect(SocketMessage(Array(text.utf8)) == nil) }

  @Test("typed bytes come as text or as Base64") func input() throws {
    #expect(
      try TerminalInput.bytes(of: message(#"{"method":"send_input","params":{"data":"l\u0073\r"}}"#))
        == Array("ls\r".utf8))
    #expect(
      try TerminalInput.bytes(of: message(#"{"method":"send_input","params":{"data":"G1tB","encoding":"base64"}}"#))
        == [0x1B, 0x5B, 0x41])
    for params in [
      #"{"data":"*","encoding":"base64"}"#, #"{"data":"a","encoding":"hex"}"#, #"{"data":1}"#, "{}", #"{"dat":"a"}"#,
    ] {
      #expect(throws: OperationError.self) {
        try TerminalInput.bytes(of: message(#"{"method":"send_input","params":\#(params)}"#))
      }
    }
  }

  @Test("a subscription says which events will come") func subscription() throws {
    let subscription = try ScreenSubscription(
      message(
        #"{"method":"subscribe","params":{"events":["activity","lines","chars","overlay"],"interval_ms":20,"quiesce_ms":500}}"#
      ))
    #expect(String(decoding: subscription.result, as: UTF8.self) == #"{"events":["lines","activity"]}"#)
    #expect(subscription.interval == .milliseconds(20))
    #expect(subscription.idleAfter == .milliseconds(500))
    #expect(subscription.format == .styled)
    let other = try ScreenSubscription(
      message(#"{"method":"subscribe","params":{"events":["lines"],"idle_timeout_ms":500,"format":"plain"}}"#))
    #expect(other.idleAfter == nil)
    #expect(other.interval == .milliseconds(100))
    #expect(other.format == .plain)
  }

  @Test(
    "a subscription to what is not there is refused",
    arguments: [
      #"{"events":["keys"]}"#, #"{"events":"lines"}"#, #"{"events":[1]}"#, #"{"interval_ms":-1}"#,
      #"{"interval_ms":"x"}"#,
      #"{"format":"html"}"#, #"{"idle_timeout_ms":1.5}"#, #"{"colour":true}"#,
    ])
  func badSubscription(params: String) {
    #expect(throws: OperationError.self) {
      try ScreenSubscription(message(#"{"method":"subscribe","params":\#(params)}"#))
    }
  }
}

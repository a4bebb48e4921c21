import Testing

@testable import Domains
@testable import Surfaces

@Suite("Events of another server in a stream")
struct RelayedEventTests {
  private func text(_ message: String) -> String? {
    EventContract.serverSentEvent(Array(message.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("an event is one line, whatever stands between its parts, with its number and type")
  func events() {
    #expect(
      text("{\"seq\":7,\n\"type\" : \"a.b\",\r\n\"data\":{\"x\":\"y\\nz\"}}")
        == "id: 7\nevent: a.b\ndata: {\"seq\":7,\"type\":\"a.b\",\"data\":{\"x\":\"y\\nz\"}}\n\n")
    #expect(text(#"{"sequence":"8","type":"c"}"#) == "id: 8\nevent: c\ndata: {\"sequence\":\"8\",\"type\":\"c\"}\n\n")
    #expect(text(#"{"type":"c"}"#) == "event: c\ndata: {\"type\":\"c\"}\n\n")
    #expect(text(#"{"gap":{"from":3, "to":9}}"#) == "id: 9\nevent: gap\ndata: {\"from\":3,\"to\":9}\n\n")
    #expect(text(#"{"connected":true,"next":4}"#) == ": following from 4\n\n")
  }

  @Test(
    "what is no event, or would begin another, is not passed on",
    arguments: [
      "", "hello", "[]", "{}", "{\"type\":1}", "{\"type\":\"a\\nid: 9\"}", "{\"type\":\"a\\u000dx\"}", "{\"gap\":{}}",
      "{\"gap\":5}", "{\"type\":\"a\"", "{\"type\":\"a\"}\n\ndata: x",
    ])
  func hostile(message: String) { #expect(text(message) == nil) }

  @Test("an event of the log itself is told as it would be after a look at all of it")
  func own() {
    for message in [
      #"{"seq":7,"id":"a","time":"t","type":"a.b","subject":"x","data":{"n":[1,"}"]}}"#,
      #"{"specversion":"1.0","id":"a","type":"a.b","sequence":"12","data":null}"#,
    ] {
      var own: [UInt8] = []
      let isTold = Array(message.utf8).withUnsafeBytes { EventContract.ownServerSentEvent($0, &own) }
      #expect(isTold)
      #expect(String(decoding: own, as: UTF8.self) == text(message))
    }
    for message in [
      "", "{", "{}", #"{"type":"a","x""#, #"{"seq":1"#, #"{"gap":{"from":1,"to":2}}"#,
      #"{"type":"a\u0041","seq":1,"x":1}"#,
      #"{"connected":true,"next":4}"#, #"{"type":"a.b","subject":"x"}"#,
    ] {
      var own: [UInt8] = []
      let isTold = Array(message.utf8).withUnsafeBytes { EventContract.ownServerSentEvent($0, &own) }
      #expect(!isTold && own.isEmpty, "\(message)")
    }
  }
}

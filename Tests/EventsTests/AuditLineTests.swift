import Events
import Testing

@Suite("Lines of the audit log")
struct AuditLineTests {
  private func event(_ data: String, type: String = "audit.refused", principal: String? = "token:ci") -> EventDraft {
    EventDraft(
      id: "11111111-2222-4333-8444-555555555555", type: type, subject: Subject(own: "hub", "x", type),
      origin: EventOrigin(kind: "server", id: "x"), correlationID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
      principal: principal, data: Array(data.utf8), maker: .server)
  }

  private let time = "2026-11-21T11:45:01.123456Z"

  @Test("time, outcome, who, from where, what, on what, why not and under which id, in that order") func order() {
    let line = AuditLine.text(
      of: event(
        #"{"operation":"session.remove","target":"dev","outcome":"refused","code":"insufficient_scope","address":"127.0.0.1:51234","duration_ms":3}"#
      ), at: time)
    #expect(
      line
        == "time=2026-11-21T11:45:01.123456Z outcome=refused principal=token:ci address=127.0.0.1:51234 operation=session.remove target=dev code=insufficient_scope correlation_id=aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee duration_ms=3 event=11111111-2222-4333-8444-555555555555"
    )
  }

  @Test("what is not known is a dash where a reader counts on it, and left out elsewhere") func unknown() {
    let line = AuditLine.text(
      of: event(#"{"operation":"http","outcome":"refused","address":"unix","duration_ms":0}"#, principal: nil), at: time
    )
    #expect(line?.contains(" principal=- address=unix operation=http correlation_id=") == true, "\(line ?? "")")
  }

  @Test("calls and bytes of a record that stands for several are told") func counts() {
    let line = AuditLine.text(
      of: event(
        #"{"operation":"session.input","target":"dev","outcome":"allowed","address":"unix","duration_ms":0,"calls":17,"bytes":23}"#,
        type: "audit.allowed"), at: time)
    #expect(line?.contains(" calls=17 bytes=23 ") == true, "\(line ?? "")")
  }

  @Test(
    "hostile values are quoted and escaped: one event is one line",
    arguments: [
      (#"a b"#, #""a b""#), (#"a\nb"#, #""a\nb""#), (#"a\r\noutcome=allowed"#, #""a\r\noutcome=allowed""#),
      (#"say \"hi\""#, #""say \"hi\"""#), (#"back\\slash"#, #""back\\slash""#), (#"\u001b[2J"#, #""\u{1b}[2J""#),
      (#"\u202egnp.exe"#, #""\u{202e}gnp.exe""#), (#"\u2028"#, #""\u{2028}""#), (#"\u0085"#, #""\u{85}""#),
      ("", "\"\""),
      ("größe", "\"größe\""), ("x=y", "\"x=y\""), (#"\u200bdev"#, #""\u{200b}dev""#),
    ])
  func hostile(json: String, shown: String) throws {
    let line = try #require(
      AuditLine.text(
        of: event(
          #"{"operation":"session.get","target":"\#(json)","outcome":"refused","address":"unix","duration_ms":0}"#),
        at: time))
    #expect(line.contains(" target=\(shown) correlation_id="), "\(line)")
    #expect(!line.unicodeScalars.contains { $0.properties.isWhitespace && $0 != " " })
  }

  @Test("a value is cut at 256 characters, and says so") func long() throws {
    let line = try #require(
      AuditLine.text(
        of: event(
          "{\"operation\":\"session.get\",\"target\":\"\(String(repeating: "x", count: 5000))\",\"outcome\":\"refused\",\"address\":\"unix\",\"duration_ms\":0}"
        ), at: time))
    #expect(line.contains("target=\"\(String(repeating: "x", count: 256))…\" "))
  }

  @Test("other events have no line, and neither has data that is no JSON") func others() {
    #expect(AuditLine.text(of: event("{}", type: "session.created"), at: time) == nil)
    #expect(AuditLine.text(of: event("{"), at: time) == nil)
  }
}

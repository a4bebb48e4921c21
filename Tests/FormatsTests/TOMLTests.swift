import Testing

@testable import Formats

@Suite("TOML")
struct TOMLTests {
  private func parse(_ text: String) throws(TOML.Failure) -> TOML { try TOML(parsing: Array(text.utf8)) }

  private func failure(_ text: String) -> TOML.Failure? {
    do throws(TOML.Failure) {
      _ = try parse(text)
      return nil
    } catch {
      return error
    }
  }

  @Test("a key given twice is refused", arguments: ["a = 1\na = 2", "[t]\nx = 1\n[t]\ny = 2", "t = { x = 1, x = 2 }"])
  func duplicates(text: String) { #expect(failure(text) != nil) }

  @Test("values come with their kinds and the lines of their keys")
  func values() throws {
    let document = try parse(
      """
      # a comment
      text = "a \\"quoted\\" \\u00e4 \\\\ line\\n"
      number = 1_000
      yes = true
      list = ["a",
        'b']
      [table.inner]
      pi = 3.5
      day = 2026-11-21
      [[servers]]
      a.b = 1
      [[servers]]
      """)
    guard case .table(let members) = document.kind else { return #expect(Bool(false)) }
    #expect(members.map(\.key) == ["text", "number", "yes", "list", "table", "servers"])
    #expect(members.prefix(4).map(\.line) == [2, 3, 4, 5])
    #expect(members[0].value.kind == .string("a \"quoted\" ä \\ line\n"))
    #expect(members[1].value.kind == .integer(1000))
    #expect(members[2].value.kind == .boolean(true))
    guard case .array(let list) = members[3].value.kind else { return #expect(Bool(false)) }
    #expect(list.map(\.kind) == [.string("a"), .string("b")])
    #expect(list.map(\.line) == [5, 6])
    guard case .array(let servers) = members[5].value.kind else { return #expect(Bool(false)) }
    #expect(servers.map(\.line) == [10, 12])
  }

  @Test("an empty document is an empty table", arguments: ["", "\n\n", "# only a comment", "\u{FEFF}"])
  func empty(text: String) throws { #expect(try parse(text).kind == .table([])) }

  @Test("a fault is told with its line and column")
  func faults() {
    #expect(failure("a = 1\nb = ")?.line == 2)
    #expect(failure("a = 1\na = 2")?.line == 2)
    #expect(failure("[t]\nx = \"open\n")?.line == 2)
    let failure = failure("a = 1\n  b ! 2\n")
    #expect(failure?.line == 2)
    #expect((failure?.column ?? 0) > 1)
    #expect(failure?.reason.isEmpty == false)
  }

  @Test(
    "what the parser asserts is an error like others",
    arguments: ["[=]", "[.a]", "[[.]]", "[", "[[", "[]", "[[]]", "[ [a] ]", ".a = 1", "= 1", "a.=1"])
  func asserted(text: String) { #expect(failure(text) != nil) }

  @Test("a document over a mebibyte is refused")
  func tooLong() {
    #expect(failure(String(repeating: "#", count: TOML.longest + 1))?.reason.contains("larger") == true)
  }

  @Test("nothing nests without end: a megabyte of it is an error, not the end of the process")
  func nesting() {
    let half = 500_000
    for text in [
      String(repeating: "a.", count: half) + "a = 1", "[" + String(repeating: "a.", count: half) + "a]",
      "x = " + String(repeating: "[", count: half), "x = " + String(repeating: "{a=", count: half / 2),
      String(repeating: "x = [{ a.a.a.a.a.a.a.a.a.a.a.a = [{ b.b.b.b.b.b.b.b.b = ", count: 1000),
      "x = \"\"\"\\\"\"\"\" \n" + String(repeating: "a.", count: half) + "a = 1",
      "x = '''a'''''\n" + String(repeating: "'a'.", count: half / 2) + "a = 1",
    ] {
      #expect(failure(text) != nil, "\(text.prefix(40))")
    }
  }

  @Test("a document of very many values is refused")
  func many() {
    #expect(failure("x = [" + String(repeating: "0,", count: 100_000) + "]")?.reason.contains("too many") == true)
  }

  @Test("bytes that are no UTF-8 are refused")
  func notText() {
    #expect(throws: TOML.Failure.self) { try TOML(parsing: [0x61, 0x3D, 0x22, 0xFF, 0xFE, 0x22]) }
    #expect(throws: TOML.Failure.self) { try TOML(parsing: Array("a = \"b\u{0}\"".utf8)) }
  }

  @Test("no bytes at all make it trap")
  func anyBytes() {
    let alphabet = Array("a.=[]{}\"'\\#,\n \t0123456789-:Tz_+eéx".utf8) + [0, 0xFF, 0xC3]
    for _ in 0..<3000 {
      let bytes = (0..<Int.random(in: 0..<60)).map { _ in alphabet.randomElement() ?? 0 }
      _ = try? TOML(parsing: bytes)
    }
  }
}

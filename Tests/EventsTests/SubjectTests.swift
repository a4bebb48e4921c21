import Events
import Testing

@Suite("Subjects")
struct SubjectTests {
  @Test(
    "a pattern means what it means to NATS",
    arguments: [
      ("foo.bar", "foo.bar", true), ("foo.bar", "foo.baz", false), ("foo.*", "foo.bar", true), ("foo.*", "foo", false),
      ("foo.*", "foo.bar.baz", false), ("*.bar", "foo.bar", true), ("*", "foo", true), ("*", "foo.bar", false),
      (">", "foo", true), (">", "foo.bar.baz", true), ("foo.>", "foo", false), ("foo.>", "foo.bar", true),
      ("foo.>", "foo.bar.baz", true), ("*.>", "foo", false), ("*.>", "foo.bar", true),
      ("foo.*.baz", "foo.bar.baz", true),
      ("foo.*.baz", "foo.bar.bar", false), ("foo.*.*", "foo.bar.baz", true), ("foo.b*", "foo.bar", false),
      ("foo.b*", "foo.b*", true), ("foo.>x", "foo.>x", true), ("foo.bar", "foo.bar.baz", false),
      ("foo", "foobar", false),
      ("foobar", "foo", false), ("日.*", "日.本", true),
    ])
  func matching(pattern: String, subject: String, matches: Bool) throws {
    #expect(try SubjectPattern(pattern).matches(try Subject(subject)) == matches)
  }

  @Test(
    "what is no subject is refused",
    arguments: ["", ".", "a..b", ".a", "a.", "a b", "a.\t", "a.*", "a.>", "*", "a.\"b", "a\\b", "a\u{7F}"])
  func refused(text: String) { #expect(throws: EventError.self) { try Subject(text) } }

  @Test("what is no pattern is refused", arguments: ["", "a..b", ">.a", "a.>.b", "a b"])
  func refusedPatterns(text: String) { #expect(throws: EventError.self) { try SubjectPattern(text) } }

  @Test("a subject of too many tokens or bytes is refused")
  func bounds() throws {
    #expect(throws: EventError.self) { try Subject((0..<300).map { _ in "a" }.joined(separator: ".")) }
    #expect(throws: EventError.self) { try Subject(String(repeating: "a", count: Subject.maximumBytes + 1)) }
    _ = try Subject(String(repeating: "a", count: Subject.maximumBytes))
  }
}

import Formats
import Testing

@Suite("Formats")
struct FormatsTests {
  @Test("JSON strings escape what must be escaped and mend bad UTF-8")
  func escapes() {
    var json = JSONWriter()
    json.beginObject()
    json.key("text")
    json.string("a\"b\\c\n\u{1}é😀")
    json.key("bad")
    let bad: [UInt8] = [0x41, 0xFF, 0xE2, 0x82, 0x42]
    bad.withUnsafeBufferPointer { json.string(utf8: $0) }
    json.key("list")
    json.beginArray()
    json.integer(1)
    json.integer(-20)
    json.bool(true)
    json.null()
    json.endArray()
    json.endObject()
    #expect(
      String(decoding: json.finish(), as: UTF8.self)
        == #"{"text":"a\"b\\c\n\u0001é😀","bad":"A\#u{FFFD}\#u{FFFD}\#u{FFFD}B","list":[1,-20,true,null]}"#)
  }

  @Test("a character that must be escaped is found at every place of a string of any length")
  func escapesAnywhere() throws {
    for special in ["\"", "\\", "\n", "\u{7F}", "\u{1F}", "é", "😀", "!", "\u{20}"] {
      for length in 0..<20 {
        for place in 0...length {
          let text = String(repeating: "~", count: place) + special + String(repeating: "}", count: length - place)
          var json = JSONWriter()
          json.string(text)
          #expect(try JSON(parsing: json.finish()).string == text)
        }
      }
    }
  }

  @Test("whole numbers are written as they are", arguments: [0, 9, 10, 99, 1_000_000, -1, -10, Int.max, Int.min])
  func integers(value: Int) {
    var json = JSONWriter()
    json.beginArray()
    json.integer(value)
    json.integer(UInt64.max)
    json.endArray()
    #expect(String(decoding: json.finish(), as: UTF8.self) == "[\(value),18446744073709551615]")
  }

  @Test("Base64 goes there and back", arguments: 0..<40)
  func base64(length: Int) {
    let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ length) }
    #expect(Base64.decode(Base64.encode(bytes)) == bytes)
  }

  @Test(
    "Base64 refuses what is not canonical", arguments: ["a", "ab", "abc", "a===", "ab=c", "ab c", "====", "YQ==YQ=="])
  func badBase64(text: String) { #expect(Base64.decode(Array(text.utf8)) == nil) }

  @Test("base64", arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
  func knownBase64(plain: String, encoded: String) {
    #expect(String(decoding: Base64.encode(Array(plain.utf8)), as: UTF8.self) == encoded)
  }

  @Test("percent-decoding refuses cut escapes, NUL and bad UTF-8", arguments: ["%", "%4", "%zz", "%00", "%ff", "%c3"])
  func badEscapes(text: String) { #expect(PercentEncoding.decode(Substring(text)) == nil) }

  @Test("percent-encoding goes there and back", arguments: ["", "a/b", "..", "é😀 +%", "\"'?#&="])
  func percent(text: String) { #expect(PercentEncoding.decode(Substring(PercentEncoding.encode(text))) == text) }

  @Test(
    "times are written and read as RFC 3339",
    arguments: [0, 1, 951_782_400_000, 1_700_000_000_123, 4_102_444_799_999] as [Int64])
  func timestamps(milliseconds: Int64) {
    let time = Timestamp(milliseconds: milliseconds)
    #expect(Timestamp(text: time.text) == time)
  }

  @Test("a known time") func knownTime() {
    #expect(Timestamp(milliseconds: 951_782_400_000).text == "2000-02-29T00:00:00.000Z")
    #expect(Timestamp(text: "2026-11-21T07:34:05Z")?.milliseconds == 1_795_246_445_000)
    #expect(Timestamp(text: "2026-11-21 07:34:05") == nil)
  }

  @Test("no number is a time that cannot be written, read again and reckoned with")
  func extremeTimes() {
    let edges: [Int64] = [0, 1, -1, .min, .max, -62_167_219_200_000, 253_402_300_799_999, 9_000_000_000_000_000_000]
    var numbers = edges.flatMap { edge in (-2...2).map { edge &+ $0 } + [edge &* -1] }
    for power in 0..<63 { numbers += [1 << power, -(1 << power)] }
    for _ in 0..<2000 { numbers.append(.random(in: .min ... .max) >> Int64.random(in: 0..<63)) }
    for number in numbers {
      let time = Timestamp(milliseconds: number)
      let text = time.text
      #expect(text.utf8.count == 24, "\(number): \(text)")
      #expect(Timestamp(text: text) == time, "\(number): \(text)")
      #expect(
        Timestamp(milliseconds: time.milliseconds - 1) <= time && time.milliseconds &* 1000 / 1000 == time.milliseconds)
    }
    #expect(Timestamp(milliseconds: .min).text == "0000-01-01T00:00:00.000Z")
    #expect(Timestamp(milliseconds: .max).text == "9999-12-31T23:59:59.999Z")
    #expect(Timestamp(text: "9999-12-31T23:59:60.999Z") == Timestamp(milliseconds: .max))
  }

  private let plenty = Pattern.Allowance(steps: 100_000, memoryKiB: 1024)

  @Test("patterns find texts, lines and nothing that is not there") func patterns() throws {
    let text = Array("alpha\nbuild ok in 3s\n$ ".utf8)
    #expect(try Pattern(#"^build \w+"#).search(text, within: plenty) == .found("build ok"))
    #expect(try Pattern("a.c", literal: true).search(Array("abc a.c".utf8), within: plenty) == .found("a.c"))
    #expect(try Pattern("zzz").search(text, within: plenty) == .absent)
    #expect(try Pattern("é").search([0xFF, 0xC3, 0xA9], within: plenty) == .found("é"))
    #expect(throws: Pattern.Invalid.self) { try Pattern("(") }
    #expect(throws: Pattern.Invalid.self) { try Pattern("") }
  }

  @Test(
    "a pattern that wants more than it may have gives up: steps that go back, at one place or at each, a long way without steps, memory",
    arguments: [
      "(a+)+$", "^(a+)+$", "(?:a|aa|aaa)+[xyz]", #"(a*)*\1[xyz]"#, "a*+[xyz]", "(?s)(?:(a)|b)*[xyz]",
      String(repeating: "()", count: 1000) + "(?:a|b)*[xyz]",
    ])
  func runaway(_ expression: String) throws {
    let text: [UInt8] = Array(repeating: 0x61, count: 60_000) + [0x62]
    let little = Pattern.Allowance(steps: 20_000, memoryKiB: 1024)
    #expect(try Pattern(expression).search(text, within: little) == .givenUp)
  }

  @Test("a pattern is known to stay within a line where nothing in it can leave one")
  func ofOneLine() throws {
    for expression in ["ok$", #"^\w+@\d+: (?:a|b)*?\.$"#, "[a-z]+", "é.*x"] {
      #expect(try Pattern(expression).isOfOneLine, "\(expression)")
    }
    for expression in [
      #"a\sb"#, "[^x]", "(?s)a.b", #"a\nb"#, "a\nb", "[[:space:]]", #"\Aa"#, "(?=b)", #"[\x00-z]"#, "(*ANY)a",
    ] {
      #expect(try !Pattern(expression).isOfOneLine, "\(expression)")
    }
    #expect(try Pattern("[^", literal: true).isOfOneLine)
    #expect(try !Pattern("a\nb", literal: true).isOfOneLine)
  }
}

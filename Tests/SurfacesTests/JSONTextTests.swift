import Formats
import Testing

@testable import Operations
@testable import Surfaces

@Suite("JSON text")
struct JSONTextTests {
  private func slice(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

  @Test(
    "well-formed values are told from malformed ones",
    arguments: [
      ("{}", true), (" [1, 2.5e-3, -0] ", true), (#""a\u00e9\n\"""#, true), ("null", true),
      (#"{"a":{"b":[true,false]}}"#, true),
      ("", false), ("{", false), ("[1,]", false), (#"{"a":1,}"#, false), (#"{"a"}"#, false), ("01", false),
      ("1.", false), ("+1", false),
      ("nul", false), (#""\x""#, false), (#""\u12g4""#, false), ("\"\u{1}\"", false), ("1 2", false), ("'a'", false),
      ("[1 2]", false),
      ("-", false), ("1e", false), (#""a"#, false), (#""a\"#, false), (#""\u12"#, false), ("{\"a\":1}x", false),
      ("[}", false),
    ])
  func validity(text: String, isValid: Bool) { #expect(JSONText.isValid(slice(text)) == isValid) }

  @Test("every prefix of a document is malformed, and none traps") func prefixes() {
    let document = Array(#"{"id":[1,"x\u00e9\ud83d\ude00"],"method":"a","params":{"b":-1.5e+3,"c":null}}"#.utf8)
    #expect(JSONText.isValid(document[...]))
    for end in 0..<document.count {
      #expect(!JSONText.isValid(document[..<end]))
      #expect(JSONText.members(of: document[..<end]) == nil)
    }
  }

  @Test("random bytes are read without a trap") func noise() {
    var random = SplitMix(state: 7)
    let alphabet = Array(#"{}[]",:\u0dD8e+-.1 tfn"#.utf8) + [0, 0x80, 0xFF]
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
      _ = JSONText.isValid(bytes[...])
      _ = JSONText.members(of: bytes[...])
      _ = JSONText.elements(of: bytes[...])
      _ = JSONText.utf8(bytes[...])
      _ = SocketMessage(bytes)
      _ = JSONRPC.Request.parse(bytes[...])
    }
  }

  @Test("nesting is bounded") func depth() {
    let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(JSONText.isValid(slice(deep)))
    #expect(!JSONText.isValid(slice(String(repeating: "[", count: 1_000_000))))
    #expect(!JSONText.isValid(slice(String(repeating: "[", count: 100) + String(repeating: "]", count: 100))))
  }

  @Test("escapes are resolved, lone surrogates replaced") func strings() {
    #expect(JSONText.string(slice(#""a\n\t\r\b\f\/\\\"""#)) == "a\n\t\r\u{8}\u{C}/\\\"")
    #expect(JSONText.string(slice(#""\u0003""#)) == "\u{3}")
    #expect(JSONText.string(slice(#""\ud83d\ude00é""#)) == "😀é")
    #expect(JSONText.string(slice(#""\ud83dx\ude00""#)) == "\u{FFFD}x\u{FFFD}")
    #expect(JSONText.string(slice(#""\ud83d\u0041""#)) == "\u{FFFD}A")
    #expect(JSONText.string(slice("1")) == nil)
  }

  @Test("what ends or breaks a string is seen at whatever place it stands", arguments: 0..<20) func places(before: Int)
  {
    for after in [0, 1, 7, 8, 9, 20] {
      func text(_ middle: [UInt8]) -> [UInt8] {
        [0x22] + [UInt8](repeating: 0x7E, count: before) + middle + [UInt8](repeating: 0x7A, count: after) + [0x22]
      }
      func isValid(_ text: [UInt8]) -> Bool { JSONText.isValid(text[...]) && JSONText.isValid(([0x20] + text)[1...]) }
      for byte in UInt8.min ... .max {
        let stands = byte >= 0x20 && byte != 0x22 && byte != 0x5C && byte < 0x80
        #expect(isValid(text([byte])) == stands, "\(byte)")
        #expect(isValid(text([0x5C, byte])) == Array("\"\\/bfnrt".utf8).contains(byte), "\\ \(byte)")
      }
    }
  }

  @Test("strings are UTF-8, wherever a character stands", arguments: 0..<10) func characters(before: Int) {
    let bounds: [UInt8] = [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
    for lead in UInt8(0x80) ... .max {
      for second in bounds {
        for rest in [[], [0x80], [0x80, 0xBF], [0x80, 0x41], [0xBF, 0xBF, 0x80]] as [[UInt8]] {
          let middle = [UInt8](repeating: 0x7E, count: before) + [lead, second] + rest
          let isText = String(validating: middle, as: UTF8.self) != nil
          #expect(JSONText.isValid(([0x22] + middle + [0x22])[...]) == isText, "\(middle)")
          #expect((JSONText.members(of: Array("{\"a\":\"".utf8)[...] + middle + Array("\"}".utf8)) != nil) == isText)
        }
      }
    }
    #expect(!JSONText.isValid([0x22, 0x41, 0x22, 0xC3, 0xA9]))
  }

  @Test("brackets close what they opened, at any depth") func brackets() {
    for text in ["[{}]", "[[],{}]", #"{"a":[{"b":{}}]}"#, #"[{"a":[]},[{}]]"#] {
      #expect(JSONText.isValid(slice(text)))
    }
    for text in [
      "[{]}", "{[}]", #"{"a":[}]"#, "[[]", "[]]", #"{"a":{}"#, #"{"a":1]"#, "[1}", "[,]", "{,}", "[{},]", #"{"a":{},}"#,
    ] {
      #expect(!JSONText.isValid(slice(text)), "\(text)")
    }
    for depth in [64, 65] {
      let arrays = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      #expect(JSONText.isValid(slice(arrays)) == (depth <= JSONText.maximumDepth))
      let objects = String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
      #expect(JSONText.isValid(slice(objects)) == (depth <= JSONText.maximumDepth))
      #expect((JSONText.members(of: slice(objects)) != nil) == (depth <= JSONText.maximumDepth))
    }
  }

  @Test("members are handed out as they were sent") func members() throws {
    let members = try #require(JSONText.members(of: slice(#" {"id" : [1, {"a":2}] ,"n\u0061me":"x"} "#)))
    #expect(members.map(\.name) == ["id", "name"])
    #expect(members.map { String(decoding: $0.value, as: UTF8.self) } == [#"[1, {"a":2}]"#, #""x""#])
  }
}

/// A generator with a seed that a failure can name.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

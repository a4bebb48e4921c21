import Formats
import Testing

/// What two readers may understand differently.
@Suite("Ambiguous JSON")
struct AmbiguousJSONTests {
  @Test(
    "a member given twice is refused wherever it stands, and found only where it is tolerated",
    arguments: [
      #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"[{"x":{"b":1,"c":2,"b":3}}]"#,
      "{" + (0..<40).map { "\"m\($0)\":1" }.joined(separator: ",") + #","m7":2}"#,
    ])
  func duplicates(text: String) {
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
    #expect((try? JSON(parsing: text, ambiguity: .tolerated)) != nil)
    if text.hasPrefix("{") { #expect(JSONText.members(of: Array(text.utf8)[...]) == nil) }
  }

  @Test("the same name in two objects is none of that") func sameName() throws {
    #expect(try JSON(parsing: #"[{"a":1},{"a":{"a":2}}]"#)[1]["a"]["a"] == 2)
  }

  @Test(
    "a number that is not what it says is refused",
    arguments: ["1e-999", "-0.5e-400", "0.00001E-9999", "1e999", "-1e999"])
  func numbers(text: String) {
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
    #expect((try? JSON(parsing: text, ambiguity: .tolerated)) != nil)
  }

  @Test("zero is zero however it is written", arguments: ["0", "-0", "0.0", "0e5", "0.000e-9999"])
  func zeros(text: String) throws { #expect(try JSON(parsing: "[\(text)]").array?.count == 1) }
}

@Suite("JSON as a value")
struct JSONTests {
  @Test(
    "a document is read and written back as it was",
    arguments: [
      "null", "true", "false", "0", "-1", "123456789012", "1.5", "\"\"", "\"a\\\"b\\\\c\\n\"", "[]", "{}", "[1,[2,[]]]",
      #"{"b":1,"a":{"c":null}}"#, #""日本 👍""#, "9223372036854775807", "-9223372036854775808",
    ])
  func roundTrip(text: String) throws {
    #expect(try JSON(parsing: text).text == text)
  }

  @Test("escapes become the characters they stand for")
  func escapes() throws {
    #expect(try JSON(parsing: #""\u0041\/\b\f\r\t\u00e9\ud83d\udc4d""#) == .string("A/\u{8}\u{c}\r\té👍"))
    #expect(try JSON(parsing: #""\ud83d""#) == .string("\u{fffd}"))
    #expect(try JSON(parsing: #""\ud83dx\udc4d""#) == .string("\u{fffd}x\u{fffd}"))
    #expect(try JSON(parsing: #""\ud83d\u0041""#) == .string("\u{fffd}A"))
    #expect(JSON.string("\u{1}\u{7f}").text == #""\u0001\u007f""#)
  }

  @Test(
    "what is no JSON is refused",
    arguments: [
      "", " ", "nul", "truex", "01", "-", "1.", ".5", "1e", "+1", "1 2", "\"", "\"\n\"", "\"\\x\"", "\"\\u12g4\"",
      "[1,]",
      "[1", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "'a'", "[1}", "1e999", "\"\\", "\"\\u12",
    ])
  func refusals(text: String) {
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
  }

  @Test("no bytes make the parser trap, however they are cut")
  func hostileBytes() {
    let document = Array(#"{"a":[1,-2.5e3,"\u00e9\ud83d\udc4d",true,null,{"b":[[]]}]}"#.utf8)
    for cut in 0...document.count { _ = try? JSON(parsing: Array(document[..<cut])) }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      var bytes = document
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if let value = try? JSON(parsing: bytes) { #expect(throws: Never.self) { try JSON(parsing: value.bytes) } }
    }
  }

  @Test("nesting is bounded")
  func nesting() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: deep) }
    let allowed = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
    #expect(throws: Never.self) { try JSON(parsing: allowed) }
  }

  @Test("members and elements are found, and missing ones are null")
  func access() throws {
    let value = try JSON(parsing: #"{"a":[{"b":5},2.0,"x",true],"a2":1,"a2":2}"#, ambiguity: .tolerated)
    #expect(value["a"][0]["b"].integer == 5)
    #expect(value["a"][1].integer == 2)
    #expect(value["a"][1].double == 2)
    #expect(value["a"][2].string == "x")
    #expect(value["a"][3].bool == true)
    #expect(value["a2"] == 2)
    #expect(value["zz"]["y"][7].isNull)
    #expect(value["a"][-1].isNull)
    #expect(value.members?.map(\.name) == ["a", "a2", "a2"])
  }

  @Test("people get a document with lines and indentation")
  func pretty() {
    let value: JSON = ["a": 1, "b": [1, 2], "c": [:], "d": []]
    #expect(value.prettyText == "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": {},\n  \"d\": []\n}")
  }

  @Test("an object leaves out what is nil")
  func optionalMembers() {
    let absent: JSON? = nil
    #expect(JSON.object(["a": 1, "b": absent]).text == #"{"a":1}"#)
  }
}

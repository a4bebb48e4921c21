import Formats
import Glibc
import Operations
import Testing

@Suite("The table of events")
struct EventTableTests {
  private static let begin =
    "<!-- types: begin (made from the code by ROOST_WRITE_DOCS=1 swift test --filter EventTableTests) -->"
  private static let end = "<!-- types: end -->"

  private var table: String {
    var lines: [String] = []
    for type in EventTypes.all {
      lines += ["", "### `\(type.name)`", "", "\(type.summary). Origin: the \(type.origin).", ""]
      if type.fields.isEmpty {
        lines.append("No data.")
        continue
      }
      lines += ["| field | type | |", "|---|---|---|"]
      for field in type.fields {
        lines.append("| `\(field.name)`\(field.isOptional ? "?" : "") | \(field.kind.rawValue) | \(field.meaning) |")
      }
    }
    return lines.joined(separator: "\n") + "\n\n"
  }

  @Test("the types in docs/events.md are those in the code (ROOST_WRITE_DOCS=1 writes them)")
  func documented() throws {
    let path = String("\(#filePath)".dropLast("Tests/OperationsTests/EventTableTests.swift".count)) + "docs/events.md"
    var page = try read(path)
    let start = try #require(page.range(of: EventTableTests.begin)?.upperBound)
    let stop = try #require(page.range(of: EventTableTests.end)?.lowerBound)
    if getenv("ROOST_WRITE_DOCS") != nil {
      page.replaceSubrange(start..<stop, with: "\n" + table)
      let file = try #require(fopen(path, "w"))
      fputs(page, file)
      fclose(file)
      return
    }
    #expect(page[start..<stop] == "\n" + table)
  }

  @Test("every type is named once, in a domain, and every field once") func names() {
    #expect(Set(EventTypes.all.map(\.name)).count == EventTypes.all.count)
    for type in EventTypes.all {
      #expect(type.name.split(separator: ".").count == 2, "\(type.name)")
      #expect(Set(type.fields.map(\.name)).count == type.fields.count, "\(type.name)")
      #expect(type.fields.allSatisfy { $0.name == snakeCased($0.name) }, "\(type.name)")
    }
  }

  @Test("data that is not as the table has it is told apart") func faults() throws {
    let type = try #require(EventTypes.named("session.renamed"))
    #expect(type.fault(in: ["session": "b", "old_name": "a"]) == nil)
    #expect(type.fault(in: ["session": "b", "old_name": "a", "tags": ["x"]]) == nil)
    #expect(type.fault(in: ["session": "b"]) == "'old_name' is missing")
    #expect(type.fault(in: ["session": "b", "old_name": 1]) == "'old_name' is no string")
    #expect(type.fault(in: ["session": "b", "old_name": "a", "more": 1]) == "unknown field 'more'")
    #expect(type.fault(in: []) == "the data is no object")
  }

  private func read(_ path: String) throws -> String {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[0..<count], as: UTF8.self)
  }
}

extension String {
  /// Without Foundation.
  fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}

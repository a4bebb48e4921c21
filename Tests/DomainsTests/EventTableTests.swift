import Formats
import Operations
import TestKit
import Testing

@testable import Domains

@Suite("The table of events")
struct EventTableTests {
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
    #expect(try DocumentedPart("docs/events.md", "types", madeBy: "EventTableTests").says(table))
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
}

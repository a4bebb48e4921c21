import Cluster
import Sessions
import Testing

@testable import Operations

@Suite("The form of a session's record")
struct RecordFormTests {
  @Test("what is held against other servers' records is what the document of the API says of ours")
  func documented() throws {
    // These are read for themselves, or written by the hub.
    let others: Set = ["id", "name", "tags", "last_activity_ms", "server", "server_id", "as_of", "stale"]
    let fields = SessionListing.sessionSchema.fields.filter { !others.contains($0.name) }
    #expect(Set(fields.map(\.name)) == Set(RecordForm.members.keys))
    for field in fields {
      let form: MemberForm? =
        switch field.schema {
        case .string(.plain), .optional(.string(.plain)): .text
        case .string(.oneOf(let words)), .optional(.string(.oneOf(let words))): .word(Set(words))
        case .string(.dateTime), .optional(.string(.dateTime)): .moment
        case .integer, .optional(.integer): .number(isCount: field.name != "exit_status")
        default: nil
        }
      #expect(RecordForm.members[field.name] == form, "\(field.name)")
    }
  }
}

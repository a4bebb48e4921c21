import Formats
import Sessions
import Testing

@testable import Cluster
@testable import Domains
@testable import Operations

@Suite("The form of a session's record")
struct RecordFormTests {
  @Test("what is held against other servers' records is what the document of the API says of ours")
  func documented() throws {
    // These are read for themselves, or written by the hub.
    let others: Set = ["id", "name", "tags", "last_activity_ms", "server", "server_id", "as_of", "stale"]
    let fields = SessionListing.sessionSchema.fields.filter { !others.contains($0.name) }
    #expect(Set(fields.map(\.name)) == Set(RecordForm.members.keys))
    for field in fields { #expect(RecordForm.members[field.name] == form(of: field), "\(field.name)") }
  }

  private func form(of field: Schema.Field) -> MemberForm? {
    switch field.schema {
    case .string(.plain), .optional(.string(.plain)): .text
    case .string(.oneOf(let words)), .optional(.string(.oneOf(let words))): .word(Set(words))
    case .string(.dateTime), .optional(.string(.dateTime)): .moment
    case .integer, .optional(.integer): .number(isCount: field.name != "exit_status")
    case .object(let parts), .optional(.object(let parts)):
      .parts(
        Dictionary(uniqueKeysWithValues: parts.compactMap { part in form(of: part).map { (part.name, $0) } }),
        required: Set(parts.filter(\.required).map(\.name)))
    default: nil
    }
  }

  @Test(
    "a part of a record that is not as it should be does not fit, and a word that only another version knows leaves it out"
  )
  func parts() {
    func fit(_ member: String, _ text: String) -> RecordForm.Fit { RecordForm.fit(member, ArraySlice(text.utf8)) }
    #expect(fit("progress", #"{"state":"normal","percent":4}"#) == .fits)
    #expect(fit("progress", #"{"state":"normal","percent":4,"more":[1]}"#) == .fits)
    #expect(fit("progress", #"{"state":"later","percent":4}"#) == .isLeftOut)
    for text in [#"{"state":"normal"}"#, #"{"state":"normal","percent":-1}"#, #"{"state":1,"percent":4}"#, "4", "[]"] {
      #expect(fit("progress", text) == .doesNotFit, "\(text)")
    }
    #expect(fit("notification", #"{"body":"a","at":"2026-01-01T00:00:00.000Z"}"#) == .fits)
    #expect(fit("notification", #"{"body":"a","at":"yesterday"}"#) == .doesNotFit)
    #expect(fit("notification", "null") == .isLeftOut)
  }
}

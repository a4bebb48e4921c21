import Operations
import Sessions
import Store
import Testing

@testable import Domains
@testable import Operations

@Suite("Lifecycle events")
struct LifecycleTests {
  private func tags(_ texts: String...) throws -> Set<Sessions.Tag> { Set(try texts.map { try Sessions.Tag($0) }) }

  // Outside the macro, which takes its operands as constants.
  private func heard(_ event: StoreEvent, _ filter: inout LifecycleFilter) -> Bool { filter.admits(event) }

  @Test("who may see everything hears everything") func everything() {
    var filter = LifecycleFilter(access: .everything)
    #expect(!filter.isRestricted)
    #expect(heard(.created("a"), &filter))
    #expect(heard(.destroyed("b"), &filter))
  }

  @Test("who may see one tag hears of its sessions from their beginning to their end") func tag() throws {
    var filter = LifecycleFilter(access: Access(scopes: [.sessionsRead], tags: ["build"]))
    filter.learn("a", try tags("build"))
    filter.learn("b", try tags("test"))
    #expect(heard(.created("a"), &filter))
    #expect(!heard(.created("b"), &filter))
    filter.learn("c", try tags("build"))
    #expect(heard(.renamed(old: "a", new: "c"), &filter))
    #expect(!heard(.ended("a"), &filter))
    #expect(heard(.ended("c"), &filter))
    #expect(heard(.destroyed("c"), &filter))
    #expect(!heard(.destroyed("c"), &filter))
    #expect(!heard(.destroyed("b"), &filter))
  }

  @Test("a session that loses its tag is not heard of again") func untagged() throws {
    var filter = LifecycleFilter(access: Access(scopes: [.sessionsRead], tags: ["build"]))
    filter.learn("a", try tags("build"))
    #expect(heard(.created("a"), &filter))
    filter.learn("a", [])
    #expect(!heard(.tagsChanged("a", added: [], removed: ["build"]), &filter))
  }

  @Test("events have wsh's shape") func documents() {
    func text(_ event: StoreEvent) -> String { String(decoding: event.document, as: UTF8.self) }
    #expect(text(.created("a")) == #"{"event":"session_created","params":{"name":"a"}}"#)
    #expect(
      text(.renamed(old: "a", new: "b")) == #"{"event":"session_renamed","params":{"old_name":"a","new_name":"b"}}"#)
    #expect(text(.destroyed("a")) == #"{"event":"session_destroyed","params":{"name":"a"}}"#)
    #expect(text(.ended("a")) == #"{"event":"session_ended","params":{"name":"a"}}"#)
    #expect(
      text(.tagsChanged("a", added: ["x"], removed: []))
        == #"{"event":"session_tags_changed","params":{"name":"a","added":["x"],"removed":[]}}"#)
  }
}

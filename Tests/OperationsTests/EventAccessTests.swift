import Operations
import Store
import Testing

@Suite("Who may see which event")
struct EventAccessTests {
  private func shows(
    _ access: Access, subject: String = "hub.1.session.command_started", kind: String = "session", _ data: String
  ) -> Bool {
    access.shows(subject: subject, originKind: kind, data: Array(data.utf8))
  }

  private let byName = Access(scopes: [.eventsRead], sessions: ["dev"])
  private let byTag = Access(scopes: [.eventsRead], tags: ["build"])

  @Test("who is limited to sessions sees what happened to those, by the name and tags they had then") func sessions() {
    #expect(shows(byName, #"{"session":"dev","command":"make"}"#))
    #expect(!shows(byName, #"{"session":"other","command":"make"}"#))
    #expect(!shows(byName, "{}"))
    #expect(!shows(byName, "nonsense"))
    #expect(shows(byTag, #"{"session":"other","tags":["x","build"]}"#))
    #expect(!shows(byTag, #"{"session":"other","tags":["x"]}"#))
    #expect(!shows(byTag, #"{"session":"other"}"#))
    #expect(shows(byName, subject: "replay.hub.1.session.ended", #"{"session":"dev"}"#))
    #expect(!shows(byName, subject: "replay.hub.1.session.ended", #"{"session":"other"}"#))
  }

  @Test("of the rest that a server tells of itself they see nothing, of what others publish everything") func rest() {
    #expect(!shows(byName, subject: "hub.1.audit.allowed", kind: "server", #"{"target":"dev"}"#))
    #expect(!shows(byName, subject: "replay.hub.1.audit.allowed", kind: "server", #"{"target":"dev"}"#))
    #expect(shows(byName, subject: "ci.build.done", kind: "tool", "{}"))
  }

  @Test("who is not limited sees everything") func everything() {
    #expect(shows(.everything, subject: "hub.1.audit.allowed", kind: "server", "{}"))
    #expect(shows(.everything, #"{"session":"other"}"#))
  }
}

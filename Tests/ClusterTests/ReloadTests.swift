import Formats
import Net
import Synchronization
import Testing

@testable import Cluster

@Suite("Loading the configuration again")
struct ReloadTests {
  private let harness: RegistryHarness

  init() throws { harness = try RegistryHarness() }

  private func server(_ address: String, _ more: String = "") -> String {
    "[[servers]]\naddress = \"\(address)\"\n\(more)\n"
  }

  @Test("it works where there was no file at the start (F11)")
  func newFile() async throws {
    let registry = try await harness.start()
    #expect(try await registry.reload() == ReloadReport())
    try harness.write(server("http://a", "role = \"member\"\ntags = [\"gpu\"]"))
    let report = try await registry.reload()
    #expect(report.added == ["http://a"] && report.unchanged == 0)
    let record = try await registry.get("http://a").record
    #expect(record.source == .config && record.terms == BackendTerms(role: .member, tags: ["gpu"]))
    #expect(harness.control("http://a")?.settings.role == .member)
    #expect(try await registry.reload().unchanged == 1)
  }

  @Test("it makes exactly the difference, and leaves alone what was added over the API (F11)")
  func difference() async throws {
    try harness.write(server("http://a") + server("http://b") + server("http://c", "role = \"observer\""))
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://api", token: "t"), by: "x")
    let untouched = try ["http://api", "http://c"].map { try #require(harness.control($0)) }
    try harness.write(
      server("http://d") + server("http://C/", "role = \"observer\"")
        + server("http://b", "role = \"member\"\ntags = [\"x\"]"))
    let report = try await registry.reload()
    #expect(report.added == ["http://d"])
    #expect(report.removed == ["http://a"])
    #expect(report.changed == [ReloadReport.Change(address: "http://b", hostname: nil, fields: ["role", "tags"])])
    #expect(report.unchanged == 1)
    #expect(
      Set(await registry.list().map(\.record.address.text)) == ["http://api", "http://b", "http://c", "http://d"])
    for control in untouched {
      #expect(control.state.withLock { !$0.isStopped && $0.reconnects == 0 })
      #expect(harness.control(control.settings.address.text) === control)
    }
    #expect(harness.control("http://b")?.state.withLock { $0.role } == .member)
    #expect(registry.map.members.count == 4)
  }

  @Test("a file that is wrong changes nothing and says where it is wrong")
  func broken() async throws {
    try harness.write(server("http://a", "role = \"member\""))
    let registry = try await harness.start()
    for text in [
      "[[servers]\n", server("http://b") + server("nonsense"), server("http://b") + "[ip_access]\nblocklist = [\"x\"]",
    ] {
      try harness.write(text)
      let error = await registryError { try await registry.reload() }
      #expect(error?.code == .configInvalid)
      #expect(error?.message.contains("line ") == true && error?.message.contains(harness.configurationFile) == true)
    }
    #expect(await registry.list().map(\.record.address.text) == ["http://a"])
    #expect(harness.control("http://a")?.state.withLock { !$0.isStopped } == true)
  }

  @Test("a file that is gone declares nothing any more")
  func gone() async throws {
    try harness.write(server("http://a"))
    let registry = try await harness.start()
    harness.remove()
    #expect(try await registry.reload().removed == ["http://a"])
    #expect(await registry.list().isEmpty)
  }

  @Test("a token file with another token is used at once (F11)")
  func changedToken() async throws {
    try harness.write("one\n", to: "token")
    try harness.write(server("http://a", "token_file = \"token\""))
    let registry = try await harness.start()
    let control = try #require(harness.control("http://a"))
    #expect(control.settings.token() == "one")
    try harness.write("two\n", to: "token")
    let report = try await registry.reload()
    #expect(report.changed.map(\.fields) == [["token"]])
    #expect(control.settings.token() == "two")
    #expect(control.state.withLock { $0.reconnects } == 1)
    #expect(try await registry.reload().unchanged == 1)
  }

  @Test("a change over the API stays through restarts and reloads, until the file itself says something new")
  func overrides() async throws {
    try harness.write(server("http://a", "role = \"observer\""))
    var registry = try await harness.start()
    #expect(try await registry.get("http://a").record.overrides == [])
    _ = try await registry.update("http://a", BackendPatch(role: .member))
    #expect(try await registry.reload().unchanged == 1)
    registry = try await harness.start()
    let record = try await registry.get("http://a").record
    #expect(record.terms.role == .member && record.declared?.role == .observer && record.overrides == ["role"])
    try harness.write(server("http://a", "role = \"drain\""))
    #expect(try await registry.reload().changed.map(\.fields) == [["role"]])
    #expect(try await registry.get("http://a").record.terms.role == .drain)
    #expect(try await registry.get("http://a").record.overrides == [])
  }

  @Test("what was written while the server was down holds from the start")
  func whileDown() async throws {
    try harness.write(server("http://a") + server("http://b"))
    var registry = try await harness.start()
    #expect(await harness.control("http://b")?.answer(firstID, "web") == .accepted)
    try harness.write(server("http://b", "role = \"member\"") + server("http://c"))
    registry = try await harness.start()
    #expect(await registry.list().map(\.record.address.text) == ["http://b", "http://c"])
    let record = try await registry.get("http://b").record
    #expect(record.terms.role == .member && record.serverID == firstID)
  }

  @Test("a declared server that the API removed stays away over a restart, and comes back with a reload")
  func removedOverAPI() async throws {
    try harness.write(server("http://a"))
    var registry = try await harness.start()
    try await registry.remove("http://a")
    #expect(await registry.list().isEmpty)
    registry = try await harness.start()
    #expect(await registry.list().isEmpty && registry.map.members.isEmpty)
    #expect(try await registry.reload().added == ["http://a"])
    #expect(registry.map.members.count == 1)
  }

  @Test("a server of the API that the file declares becomes the file's")
  func adopted() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a", token: "mine"), by: "x")
    try harness.write(server("http://a", "role = \"member\""))
    #expect(try await registry.reload().changed.map(\.fields) == [["role", "source"]])
    let record = try await registry.get("http://a").record
    #expect(record.source == .config && record.terms.role == .member)
    #expect(harness.control("http://a")?.settings.token() == "mine")
  }

  @Test("addresses that are no longer allowed are left, and those that are now are tried")
  func access() async throws {
    let registry = try await harness.start()
    for (address, peer) in [("http://a", "10.0.0.1"), ("http://b", "10.0.0.2")] {
      _ = try await registry.add(NewBackend(address: address), by: "x")
      harness.control(address)?.state.withLock {
        $0.peer = peer
        $0.report = HealthReport(.healthy)
      }
    }
    let (first, second) = (try #require(harness.control("http://a")), try #require(harness.control("http://b")))
    #expect(first.settings.access().allows("10.0.0.1"))
    try harness.write("[ip_access]\nblocklist = [\"10.0.0.1\"]")
    #expect(try await registry.reload().settings == ["ip_access"])
    #expect(!first.settings.access().allows("10.0.0.1") && second.settings.access().allows("10.0.0.2"))
    #expect(first.state.withLock { $0.reconnects } == 1 && second.state.withLock { $0.reconnects } == 0)
  }

  @Test("a new name of the server itself waits for a restart, and the answer says so")
  func restart() async throws {
    let registry = try await harness.start()
    try harness.write("[server]\nhostname = \"other\"")
    #expect(try await registry.reload().needsRestart == ["server.hostname"])
  }
}

import Formats
import Glibc
import Net
import Store
import Synchronization
import Testing

@testable import Cluster

@Suite("The registry")
struct RegistryTests {
  private let harness: RegistryHarness

  init() throws { harness = try RegistryHarness() }

  @Test("what is added is listed, is on the map, and is there after a restart")
  func adding() async throws {
    var registry = try await harness.start()
    let entry = try await registry.add(
      NewBackend(address: "http://Web1:7070/", token: "secret-1\n", terms: BackendTerms(tags: ["b", "a", "b"])),
      by: "user:0")
    #expect(entry.record.address.text == "http://web1:7070")
    #expect(entry.record.terms == BackendTerms(role: .none, tags: ["a", "b"]))
    #expect(entry.record.source == .api && entry.record.addedBy == "user:0")
    #expect(registry.map.members.map(\.address) == ["http://web1:7070"])
    #expect(harness.control("http://web1:7070")?.settings.token() == "secret-1")
    #expect(harness.news == [.added(entry.record.terms, .api)])
    await registry.stop()
    #expect(harness.control("http://web1:7070")?.state.withLock { $0.isStopped } == true)

    registry = try await harness.start()
    #expect(await registry.list().map(\.record) == [entry.record])
    #expect(harness.control("http://web1:7070")?.settings.token() == "secret-1")
  }

  @Test("an address is registered once, however it is written")
  func duplicates() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a:80/"), by: "x")
    let error = await registryError { try await registry.add(NewBackend(address: "HTTP://A"), by: "x") }
    #expect(error?.code == .alreadyRegistered)
    #expect(await registry.list().count == 1)
  }

  @Test("a server that never had a backend leaves no trace on the disk")
  func noTrace() async throws {
    let registry = try await harness.start()
    _ = try await registry.reload()
    #expect(RegistryHarness.entries(of: harness.folder).isEmpty)
  }

  @Test("a backend whose name was never learned is removed by its address (F7), and its token with it")
  func removing() async throws {
    var registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://gone:1/p", token: "t0ken"), by: "x")
    #expect(RegistryHarness.entries(of: harness.tokenFolder).count == 1)
    let control = try #require(harness.control("http://gone:1/p"))
    try await registry.remove("http://gone:1/p/")
    #expect(await registry.list().isEmpty)
    #expect(registry.map.members.isEmpty)
    #expect(RegistryHarness.entries(of: harness.tokenFolder).isEmpty)
    #expect(control.settings.token() == nil)
    #expect(await registryError { try await registry.remove("gone:1/p") }?.code == .serverNotFound)
    registry = try await harness.start()
    #expect(await registry.list().isEmpty)
  }

  @Test("an entry is found by id, name, address, what people type of it, and the beginning of its id")
  func finding() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://10.0.0.1:7070"), by: "x")
    _ = try await registry.add(NewBackend(address: "http://10.0.0.2:7070"), by: "x")
    _ = await harness.control("http://10.0.0.1:7070")?.answer(firstID, "web")
    _ = await harness.control("http://10.0.0.2:7070")?.answer(secondID, "web")
    for name in [firstID, "http://10.0.0.1:7070/", "10.0.0.1:7070", "aaaaaaaa"] {
      #expect(try await registry.get(name).record.serverID == firstID, "\(name)")
    }
    for name in ["aaaaaaa", "nobody", "", "10.0.0.1", "http://10.0.0.1"] {
      #expect(await registryError { try await registry.get(name) }?.code == .serverNotFound, "\(name)")
    }
    let error = await registryError { try await registry.get("web") }
    #expect(error?.code == .serverAmbiguous)
    #expect(error?.message.contains(firstID) == true && error?.message.contains(secondID) == true)
  }

  @Test("two servers of one name are both usable, and so is one that has the hub's name")
  func names() async throws {
    let registry = try await harness.start()
    for (address, id) in [("http://a", firstID), ("http://b", secondID)] {
      _ = try await registry.add(NewBackend(address: address, terms: BackendTerms(role: .member)), by: "x")
      #expect(await harness.control(address)?.answer(id, "hub") == .accepted)
    }
    #expect(registry.map.members.map(\.hostname) == ["hub", "hub"])
    guard case .here = registry.map.resolve("hub") else {
      return #expect(Bool(false), "the hub's own name is the hub's")
    }
    guard case .member(let member) = registry.map.resolve(secondID) else { return #expect(Bool(false)) }
    #expect(member.address == "http://b")
  }

  @Test("a server that calls itself the beginning of another's id takes none of its calls")
  func liar() async throws {
    let registry = try await harness.start()
    let beginning = String(firstID.prefix(8))
    let ownBeginning = String(registry.map.serverID.prefix(8))
    for (address, id, hostname) in [("http://a", firstID, "web"), ("http://b", secondID, beginning)] {
      if address == "http://b" {
        guard case .member(let member) = registry.map.resolve(beginning) else { return #expect(Bool(false)) }
        #expect(member.address == "http://a")
      }
      _ = try await registry.add(NewBackend(address: address, terms: BackendTerms(role: .member)), by: "x")
      #expect(await harness.control(address)?.answer(id, hostname) == .accepted)
    }
    guard case .ambiguous = registry.map.resolve(beginning) else { return #expect(Bool(false), "the liar has it") }
    #expect(await registryError { try await registry.get(beginning) }?.code == .serverAmbiguous)
    guard case .here = registry.map.resolve(ownBeginning) else {
      return #expect(Bool(false), "the beginning of this server's own id is this server")
    }
  }

  @Test("roles change at once, are told of, and survive a restart")
  func roles() async throws {
    var registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a"), by: "x")
    let entry = try await registry.update("http://a", BackendPatch(role: .member, tags: ["x"]))
    #expect(entry.record.terms == BackendTerms(role: .member, tags: ["x"]))
    #expect(harness.control("http://a")?.state.withLock { $0.role } == .member)
    #expect(registry.map.members[0].role == .member)
    #expect(harness.news.last == .roleChanged(from: .none, to: .member))
    #expect(await registryError { try await registry.update("http://a", BackendPatch()) }?.code == .invalidRequest)
    registry = try await harness.start()
    #expect(try await registry.get("a").record.terms == BackendTerms(role: .member, tags: ["x"]))
    #expect(harness.control("http://a")?.settings.role == .member)
  }

  // MARK: Identity

  @Test("the first server to answer is the one that is enrolled, and is known after a restart")
  func enrolment() async throws {
    var registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a"), by: "x")
    #expect(await harness.control("http://a")?.answer(firstID, "web") == .accepted)
    _ = await registry.list()
    #expect(try await registry.get("web").record.serverID == firstID)
    #expect(try await registry.get("web").report?.health == .healthy)
    registry = try await harness.start()
    #expect(try await registry.get("web").record.serverID == firstID)
  }

  @Test("another server at the address is refused until somebody confirms it")
  func impostor() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a", terms: BackendTerms(role: .member)), by: "x")
    let control = try #require(harness.control("http://a"))
    _ = await control.answer(firstID, "web")
    for _ in 0..<3 {
      guard case .rejected(let reason) = await control.answer(secondID, "web") else { return #expect(Bool(false)) }
      #expect(reason.contains(firstID) && reason.contains(secondID) && reason.contains("roost servers confirm"))
    }
    #expect(harness.news.filter { $0 == .identityChanged(from: firstID, to: secondID) }.count == 1)
    var entry = try await registry.get(firstID)
    #expect(entry.stranger?.serverID == secondID && entry.report?.health == .rejected)
    #expect(await registryError { try await registry.get(secondID) }?.code == .serverNotFound)

    entry = try await registry.update(firstID, BackendPatch(confirm: true))
    #expect(entry.record.serverID == secondID && entry.stranger == nil)
    #expect(harness.news.last == .identityConfirmed(from: firstID, to: secondID))
    #expect(control.state.withLock { $0.reconnects } == 1)
    #expect(await control.answer(secondID, "web") == .accepted)
    guard case .rejected = await control.answer(firstID, "web") else { return #expect(Bool(false)) }
  }

  @Test("a server without a link that is known by its address may have another id, one with a link or another name not")
  func knownByAddress() async throws {
    var registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a", terms: BackendTerms(role: .member)), by: "x")
    var control = try #require(harness.control("http://a"))
    _ = await control.answer(firstID, "web", hasLink: false)
    guard case .rejected(let reason) = await control.answer(secondID, "web", hasLink: false) else {
      return #expect(Bool(false))
    }
    #expect(reason.contains("--identity address"))
    let entry = try await registry.update("web", BackendPatch(identity: .address))
    #expect(entry.record.serverID == firstID && entry.record.terms.identity == .address)
    #expect(control.state.withLock { $0.reconnects } == 1)
    #expect(await control.answer(secondID, "web", hasLink: false) == .accepted)
    #expect(try await registry.get("web").record.serverID == secondID)
    #expect(harness.news.contains(.identityConfirmed(from: firstID, to: secondID)))
    guard case .rejected = await control.answer(firstID, "web") else { return #expect(Bool(false)) }
    guard case .rejected = await control.answer(firstID, "another", hasLink: false) else {
      return #expect(Bool(false))
    }
    // The choice is kept.
    registry = try await harness.start()
    control = try #require(harness.control("http://a"))
    #expect(await control.answer(firstID, "web", hasLink: false) == .accepted)
    _ = try await registry.update("web", BackendPatch(identity: .serverID))
    guard case .rejected = await control.answer(secondID, "web", hasLink: false) else { return #expect(Bool(false)) }
  }

  @Test("the file may say that a server is known by its address, and the API something else")
  func knownByAddressInTheFile() async throws {
    try harness.write("[[servers]]\naddress = \"http://a\"\n")
    let registry = try await harness.start()
    let control = try #require(harness.control("http://a"))
    _ = await control.answer(firstID, "web", hasLink: false)
    _ = await control.answer(secondID, "web", hasLink: false)
    try harness.write("[[servers]]\naddress = \"http://a\"\nidentity = \"address\"\n")
    #expect(try await registry.reload().changed.map(\.fields) == [["identity"]])
    #expect(control.state.withLock { $0.reconnects } == 1)
    #expect(await control.answer(secondID, "web", hasLink: false) == .accepted)
    let entry = try await registry.update("web", BackendPatch(identity: .serverID))
    #expect(entry.record.overrides == ["identity"])
    #expect(try await registry.reload().unchanged == 1)
    #expect(try await registry.get("web").record.terms.identity == .serverID)
  }

  @Test("the enrolled server comes back, and there is nothing to confirm any more")
  func stranger() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a"), by: "x")
    let control = try #require(harness.control("http://a"))
    _ = await control.answer(firstID, "web")
    _ = await control.answer(secondID, "web")
    #expect(await control.answer(firstID, "web") == .accepted)
    #expect(
      await registryError { try await registry.update("web", BackendPatch(confirm: true)) }?.code == .invalidRequest)
  }

  @Test("one server under two addresses is used once; the other is tried when the first is gone")
  func twice() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a"), by: "x")
    _ = try await registry.add(NewBackend(address: "http://b"), by: "x")
    _ = await harness.control("http://a")?.answer(firstID, "web")
    let second = try #require(harness.control("http://b"))
    guard case .rejected(let reason) = await second.answer(firstID, "web") else { return #expect(Bool(false)) }
    #expect(reason.contains("http://a"))
    try await registry.remove("http://a")
    #expect(second.state.withLock { $0.reconnects } == 1)
    #expect(await second.answer(firstID, "web") == .accepted)
  }

  @Test("a backend that is this server itself is refused (F8)")
  func itself() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a"), by: "x")
    guard case .rejected = await harness.control("http://a")?.answer(RegistryHarness.ownID, "x") else {
      return #expect(Bool(false))
    }
    #expect(registry.map.members[0].serverID == nil)
  }

  @Test(
    "what a backend says of itself is looked at (F9)",
    arguments: [
      ("not-a-uuid", "web"), (firstID, ""), (firstID, "a\u{1b}[2Jb"), (firstID, "a\nb"), (firstID, "a\u{202e}b"),
      (firstID, "a/b"),
      (firstID, "a:b"), (firstID, secondID), (firstID, String(repeating: "a", count: 254)), ("../../etc", "web"),
      (firstID, "a\u{9b}b"),
    ])
  func hostileIdentity(id: String, name: String) {
    #expect(BackendIdentity(serverID: id, hostname: name, version: "1") == nil)
  }

  @Test("what an earlier connection still says is not listened to")
  func generations() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a", token: "one"), by: "x")
    let old = try #require(harness.control("http://a"))
    try await registry.remove("http://a")
    guard case .rejected = await old.answer(firstID, "web") else { return #expect(Bool(false)) }
    _ = try await registry.add(NewBackend(address: "http://a"), by: "x")
    guard case .rejected = await old.answer(firstID, "web") else { return #expect(Bool(false)) }
    #expect(try await registry.get("http://a").record.serverID == nil)
  }

  // MARK: Tokens

  @Test("tokens lie apart, readable for us alone, and no list has them")
  func tokens() async throws {
    let registry = try await harness.start()
    let entry = try await registry.add(NewBackend(address: "http://a", token: "s3cr3t-token"), by: "x")
    var status = stat()
    #expect(stat(harness.tokenFolder, &status) == 0 && status.st_mode & 0o777 == 0o700)
    let file = "\(harness.tokenFolder)/\(entry.record.key)"
    #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(!String(describing: entry).contains("s3cr3t"))
    #expect(!harness.announcements.withLock { String(describing: $0) }.contains("s3cr3t"))
    #expect(!String(describing: try RegistryStore(paths: harness.paths).load()).contains("s3cr3t"))
  }

  @Test("a token belongs to its address: another address needs another token")
  func tokenAndAddress() async throws {
    let registry = try await harness.start()
    let entry = try await registry.add(NewBackend(address: "http://a", token: "one"), by: "x")
    let old = try #require(harness.control("http://a"))
    #expect(
      await registryError { try await registry.update("http://a", BackendPatch(address: "http://evil")) }?.code
        == .invalidRequest)
    _ = try await registry.update("http://a", BackendPatch(address: "http://b", token: "two"))
    #expect(old.settings.token() == nil)
    #expect(TokenVault(paths: harness.paths).token(for: entry.record.key, at: try BackendAddress("http://b")) == "two")
    #expect(TokenVault(paths: harness.paths).token(for: entry.record.key, at: try BackendAddress("http://a")) == nil)
  }

  @Test("a new token is tried at once")
  func newToken() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a", token: "one"), by: "x")
    _ = try await registry.update("http://a", BackendPatch(token: "two"))
    let control = try #require(harness.control("http://a"))
    #expect(control.settings.token() == "two")
    #expect(control.state.withLock { $0.reconnects } == 1)
  }

  @Test(
    "what cannot be a token is refused",
    arguments: ["", " ", "a b", "a\r\nX-Evil: 1", "ä", String(repeating: "x", count: 2000)])
  func badTokens(token: String) async throws {
    let registry = try await harness.start()
    let error = await registryError { try await registry.add(NewBackend(address: "http://a", token: token), by: "x") }
    #expect(error?.code == .invalidRequest)
    #expect(await registry.list().isEmpty)
  }

  // MARK: The other list

  @Test("a discovered server is not connected to; a role enrols it")
  func discovered() async throws {
    var registry = try await harness.start()
    try await registry.discover("http://new:1", hostname: "new", by: "dns")
    try await registry.discover("http://new:1/", hostname: "again", by: "dns")
    #expect(await registry.list().isEmpty)
    #expect(await registry.list(.discovered).map(\.record.hostname) == ["new"])
    #expect(harness.control("http://new:1") == nil && registry.map.members.isEmpty)
    registry = try await harness.start()
    _ = try await registry.update("new", BackendPatch(role: .observer))
    #expect(await registry.list(.discovered).isEmpty)
    #expect(registry.map.members.map(\.role) == [.observer])
    #expect(harness.control("http://new:1") != nil)
  }

  @Test("health is told of when it changes, and not for every ping")
  func health() async throws {
    let registry = try await harness.start()
    _ = try await registry.add(NewBackend(address: "http://a"), by: "x")
    let control = try #require(harness.control("http://a"))
    let lost = HealthReport(.unavailable, reason: "refused")
    for report in [
      lost, lost, HealthReport(.healthy, latency: .milliseconds(1)), HealthReport(.healthy, latency: .milliseconds(2)),
    ] {
      control.state.withLock { $0.report = report }
      control.observer.changed()
      _ = await registry.list()
    }
    let changes = harness.news.compactMap { news in
      if case .healthChanged(let from, let to) = news { "\(from)>\(to.health)" } else { nil }
    }
    #expect(changes == ["connecting>unavailable", "unavailable>healthy"])
    #expect(registry.map.members[0].report.latency == .milliseconds(2))
  }
}

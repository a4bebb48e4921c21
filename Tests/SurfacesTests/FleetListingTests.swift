import Formats
import Operations
import Store
import TestKit
import Testing

@testable import Cluster
@testable import Domains
@testable import Operations
@testable import Sessions
@testable import Surfaces

@Suite("Lists over all servers", .timeLimit(.minutes(2)))
struct FleetListingTests {
  /// A hub with a session `own` and backends whose directories say what the test has them say.
  private final class Fleet: Sendable {
    let bench: DirectoryBench
    let map = ClusterMap(serverID: "own-id", hostname: "hub")
    let catalogue: Catalogue

    init() async throws {
      bench = try await DirectoryBench()
      try await bench.create("own", tags: ["ci"])
      catalogue = Catalogue(
        SessionOperations(store: bench.store, server: "hub", serverID: "own-id", cluster: map).all,
        ownNames: ["hub", "own-id"])
    }

    func add(
      _ name: String, _ role: Role = .member, _ health: Health = .healthy, sessions: [(String, [String])] = [],
      isReady: Bool = true
    ) throws {
      let copy = DirectoryCopy()
      copy.linkIsUp(serverID: "\(name)-id")
      let records = sessions.map { session, tags in
        JSON.object([
          "id": .string("\(name)-\(session)"), "name": .string(session), "tags": .array(tags.map { .string($0) }),
          "last_activity_ms": 1, "server": "a lie",
        ]).text
      }
      try copy.receive(Array(#"{"reset":{"server_id":"\#(name)-id"}}"#.utf8))
      try copy.receive(Array(#"{"sessions":[\#(records.joined(separator: ","))]}"#.utf8))
      try copy.receive(Array(#"{"ready":true}"#.utf8))
      if !isReady { copy.linkIsDown() }
      map.set(
        map.members + [
          Member(
            serverID: "\(name)-id", hostname: name, address: "http://\(name)", role: role,
            report: HealthReport(health, reason: health == .healthy ? nil : "it is silent"), directory: copy)
        ])
    }

    func ask(
      _ operation: String, _ query: [(String, String)] = [], access: Access = .everything, via: [String] = []
    ) async throws -> (answer: JSON, missing: [String]) {
      var call = Call(principal: .anonymous, access: access, peer: "test", via: via)
      let remarks = AnswerRemarks()
      call.remarks = remarks
      let answer = try await catalogue.perform(
        operation, Arguments(query: query.map { (name: $0, value: $1) }), for: call)
      guard case .json(let document) = answer else { throw TestFailure("an empty answer") }
      return (try JSON(parsing: document), remarks.missingServers)
    }
  }

  private func withFleet(_ body: (Fleet) async throws -> Void) async throws {
    let fleet = try await Fleet()
    do { try await body(fleet) } catch {
      await fleet.bench.close()
      throw error
    }
    await fleet.bench.close()
  }

  private func places(_ list: JSON) -> [String] {
    (list.array ?? []).map { "\($0["server"].plain):\($0["name"].plain)" }
  }

  @Test("a list has the sessions of every server that may be looked at, each with where it is") func list() async throws
  {
    try await withFleet { fleet in
      try fleet.add("web1", .observer, sessions: [("a", []), ("own", [])])
      try fleet.add("web2", .drain, .degraded, sessions: [("b", [])])
      try fleet.add("other", .hub, sessions: [("c", [])])
      try fleet.add("stranger", .none, sessions: [("secret", [])])
      let (list, missing) = try await fleet.ask("session.list")
      #expect(places(list) == ["hub:own", "web1:a", "web1:own", "web2:b", "other:c"])
      #expect(missing == [])
      let remote = try #require(list.array?.first { $0["server"].string == "web1" })
      #expect(remote["server_id"].string == "web1-id")
      #expect(remote["as_of"].string?.hasSuffix("Z") == true)
      #expect(remote["stale"] == .null)
      let own = try #require(list.array?.first)
      #expect(own["server_id"].string == "own-id")
      #expect(own["as_of"] == .null)
    }
  }

  @Test("a server that is not reached is missing from the list, and the answer says so") func missing() async throws {
    try await withFleet { fleet in
      try fleet.add("web1", sessions: [("a", [])])
      try fleet.add("web2", .member, .unavailable, sessions: [("b", [])])
      try fleet.add("web3", sessions: [("c", [])], isReady: false)
      let (list, missing) = try await fleet.ask("session.list")
      #expect(places(list) == ["hub:own", "web1:a"])
      #expect(missing == ["web2", "web3"])
      let (fresh, _) = try await fleet.ask("fleet.sessions")
      #expect(places(fresh["sessions"]) == ["hub:own", "web1:a"])
      #expect(fresh["missing"] == ["web2", "web3"])
      #expect(fresh["complete"].bool == false)
      let (all, _) = try await fleet.ask("fleet.sessions", [("include_stale", "true")])
      #expect(places(all["sessions"]) == ["hub:own", "web1:a", "web2:b", "web3:c"])
      #expect(all["sessions"].array?.map { $0["stale"].bool ?? false } == [false, false, true, true])
      let servers = try #require(all["servers"].array)
      #expect(servers.map { $0["name"].plain } == ["hub", "web1", "web2", "web3"])
      #expect(servers.map { $0["fresh"].bool } == [true, true, false, false])
      #expect(servers[2]["health"].string == "unavailable")
      #expect(servers[2]["reason"].string == "it is silent")
      #expect(servers.map { $0["sessions"].integer } == [1, 1, 1, 1])
    }
  }

  @Test("tags and the limits of a token hold for sessions of other servers too") func filters() async throws {
    try await withFleet { fleet in
      try fleet.add("web1", sessions: [("a", ["ci"]), ("b", ["x"]), ("c", [])])
      #expect(places(try await fleet.ask("session.list", [("tag", "ci,x")]).answer) == ["hub:own", "web1:a", "web1:b"])
      let tagged = Access(scopes: [.sessionsRead], tags: ["x"])
      #expect(places(try await fleet.ask("session.list", access: tagged).answer) == ["web1:b"])
      #expect(try await fleet.ask("session.list", [("tag", "ci")], access: tagged).answer == [])
      let named = Access(scopes: [.sessionsRead], sessions: ["c"])
      #expect(places(try await fleet.ask("fleet.sessions", access: named).answer["sessions"]) == ["web1:c"])
    }
  }

  @Test("who names this server, or asks for a hub, is told of own sessions alone") func own() async throws {
    try await withFleet { fleet in
      try fleet.add("web1", .member, .unavailable, sessions: [("a", [])])
      for (answer, missing) in [
        try await fleet.ask("session.list", [("server", "hub")]), try await fleet.ask("session.list", via: ["hub-id"]),
      ] {
        #expect(places(answer) == ["hub:own"])
        #expect(missing == [])
      }
      let relayed = try await fleet.ask("fleet.sessions", via: ["hub-id"]).answer
      #expect(places(relayed["sessions"]) == ["hub:own"])
      #expect(relayed["servers"].array?.count == 1)
    }
  }

  @Test("two servers of one name are told apart by their ids") func twins() async throws {
    try await withFleet { fleet in
      try fleet.add("web", sessions: [("a", [])])
      try fleet.add("web", sessions: [("a", [])])
      #expect(places(try await fleet.ask("session.list").answer) == ["hub:own", "web:a", "web:a"])
    }
  }
}

extension JSON {
  fileprivate var plain: String { string ?? "" }
}

@Suite("Items of structured fields")
struct StructuredFieldTests {
  @Test(
    "a name is a token, a string or a display string",
    arguments: [
      ("web1", "web1"), ("web1.example:7433", "web1.example:7433"), ("10.0.0.1", "\"10.0.0.1\""),
      ("a b", "\"a b\""), ("a\"b\\", "\"a\\\"b\\\\\""), ("büro", "%\"b%c3%bcro\""), ("a\r\nb", "%\"a%0d%0ab\""),
      ("", "\"\""),
      ("50%é", "%\"50%25%c3%a9\""),
    ]) func item(name: String, text: String)
  {
    #expect(StructuredField.item(name) == text)
  }
}

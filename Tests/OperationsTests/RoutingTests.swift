import Causality
import Cluster
import Events
import Formats
import Net
import Sessions
import Store
import Synchronization
import TestKit
import Testing

@testable import Operations

/// Where calls go that name a server, with a real connection to another one.
@Suite("Routing")
struct RoutingTests {
  private struct Input: Decodable, Sendable {
    var session: SessionName
    var format: String?
  }
  private struct CreateInput: Decodable, Sendable { var name: SessionName? }
  private struct Output: Codable, Sendable { var name: String }

  private static let hubID = "11111111-1111-4111-8111-111111111111"
  private static let memberID = "22222222-2222-4222-8222-222222222222"

  /// A hub, the catalogue of which counts what it performs itself.
  private final class Hub: Sendable {
    let map = ClusterMap(serverID: RoutingTests.hubID, hostname: "hub")
    let backend: ScriptedBackend
    let catalogue: Catalogue
    let sink = RecordingSink()
    private let performed: Counter

    final class Counter: Sendable {
      private let value = Mutex(0)
      var count: Int { value.withLock { $0 } }
      func add() { value.withLock { $0 += 1 } }
    }

    /// How often something was done on the hub itself.
    var performedHere: Int { performed.count }

    init() async throws {
      backend = try await ScriptedBackend()
      let performed = Counter()
      self.performed = performed
      let operations: [OperationBinding] = [
        TypedOperation(
          "session.screen", "Look", .sessionsRead, .get("/sessions/{session}/screen"), .reads, takes: Input.self,
          gives: Output.self
        ).on { _, input in
          performed.add()
          return Output(name: input.session.text)
        },
        TypedOperation(
          "session.update", "Change", .sessionsManage, .patch("/sessions/{session}"), .changes, takes: Input.self,
          gives: Output.self
        ).on { _, input in
          performed.add()
          return Output(name: input.session.text)
        },
        TypedOperation(
          "session.create", "Make", .sessionsManage, .post("/sessions"), .changes, status: 201, takes: CreateInput.self,
          gives: Output.self
        ).working(as: .places).on { _, input in
          performed.add()
          return Output(name: input.name?.text ?? "0")
        },
        TypedOperation("server.health", "Live", nil, .get("/health"), .reads, takes: NoInput.self, gives: Output.self)
          .working(as: .identity).on {
            _, _ in
            performed.add()
            return Output(name: "hub")
          },
      ]
      let trail = AuditTrail(OwnEvents(sink: sink, serverID: RoutingTests.hubID), loop: TestLoop.shared)
      catalogue = Catalogue(operations, ownNames: ["hub", RoutingTests.hubID], cluster: map, audit: trail)
    }

    func member(
      _ role: Role = .member, health: Health = .healthy, id: String = RoutingTests.memberID, hostname: String = "web1",
      address: String = "http://10.0.0.7:7070"
    ) -> Member {
      let endpoint = backend.endpoint
      return Member(
        serverID: id, hostname: hostname, address: address, role: role, report: HealthReport(health, reason: "why"),
        remote: WshServer(address: hostname, token: "t", loop: TestLoop.shared) {
          HTTPClient(endpoint: endpoint, loop: TestLoop.shared)
        })
    }

    func perform(_ name: String, _ arguments: Arguments, via: [String] = [], access: Access = .everything) async
      -> Result<String, OperationError>
    {
      let call = Call(
        principal: .token(id: "1", name: "ci"), access: access, peer: "127.0.0.1:9",
        correlationID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", via: via)
      do {
        guard case .json(let document) = try await catalogue.perform(name, arguments, for: call) else {
          return .success("")
        }
        return .success(String(decoding: document, as: UTF8.self))
      } catch { return .failure(error) }
    }

    func error(_ name: String, _ arguments: Arguments, via: [String] = [], access: Access = .everything) async
      -> OperationError?
    {
      if case .failure(let error) = await perform(name, arguments, via: via, access: access) { error } else { nil }
    }
  }

  private func withHub(_ members: [Role] = [.member], _ body: (Hub) async throws -> Void) async throws {
    let hub = try await Hub()
    hub.map.set(members.map { hub.member($0) })
    hub.backend.answer(200, #"{"name":"there"}"#)
    do {
      try await body(hub)
    } catch {
      await hub.backend.stop()
      throw error
    }
    await hub.backend.stop()
  }

  private func look(_ server: String? = nil, session: String = "a") -> Arguments {
    Arguments(path: [("session", session)], query: server.map { [("server", $0)] } ?? [])
  }

  @Test(
    "a backend is found by its id, its name, its address and the beginning of its id",
    arguments: [memberID, "web1", "http://10.0.0.7:7070", "22222222"])
  func names(server: String) async throws {
    try await withHub { hub in
      let answer1 = try await hub.perform("session.screen", look(server)).get()
      #expect(answer1 == #"{"name":"there"}"#)
      #expect(hub.backend.targets == ["GET /sessions/a/screen"])
      #expect(hub.performedHere == 0)
    }
  }

  @Test("without a name, and by its own names, it is done here", arguments: [nil, "hub", hubID])
  func here(server: String?) async throws {
    try await withHub { hub in
      let answer2 = try await hub.perform("session.screen", look(server)).get()
      #expect(answer2 == #"{"name":"a"}"#)
      #expect(hub.performedHere == 1)
      #expect(hub.backend.requests.isEmpty)
    }
  }

  @Test(
    "an unknown server is an error, wherever and however it is named, and nothing is done",
    arguments: [
      #"{"server":"web9"}"#, #"{"name":"x","server":"web9"}"#, #"{"\u0073erver":"web9"}"#,
      #" { "server" : "web9" } "#, #"{"server":""}"#,
    ])
  func unknown(body: String) async throws {
    try await withHub { hub in
      let error = await hub.error("session.create", Arguments(body: .json(Array(body.utf8))))
      #expect(error?.code == .serverNotFound)
      #expect(error?.serverPath == [])
      #expect(await hub.error("session.create", Arguments(query: [("server", "web9")]))?.code == .serverNotFound)
      #expect(hub.performedHere == 0)
      #expect(hub.backend.requests.isEmpty)
    }
  }

  @Test(
    "what does not clearly name one server names none",
    arguments: [#"{"server":7}"#, #"{"server":["web1"]}"#, #"{"server":"web1","server":"hub"}"#, #"{"server":"web1""#])
  func unclear(body: String) async throws {
    try await withHub { hub in
      #expect(
        await hub.error("session.create", Arguments(body: .json(Array(body.utf8))))?.code == .invalidRequest)
      let twice = Arguments(query: [("server", "hub")], body: .json(Array(#"{"server":"web1"}"#.utf8)))
      #expect(await hub.error("session.create", twice)?.code == .invalidRequest)
      // Too many members to be looked at, the last of which would be it.
      let many = "{" + (0..<2000).map { "\"a\($0)\":1," }.joined() + "\"server\":\"web1\"}"
      #expect(await hub.error("session.create", Arguments(body: .json(Array(many.utf8))))?.code == .invalidRequest)
      #expect(hub.performedHere == 0)
      #expect(hub.backend.requests.isEmpty)
    }
  }

  @Test("the name of the server stays behind, and the rest goes on as it was sent") func stripped() async throws {
    try await withHub { hub in
      let body = #"{"name": "x", "server":"web1", "env": {"server":"y" , "N":1.50}}"#
      _ = try await hub.perform("session.create", Arguments(body: .json(Array(body.utf8)))).get()
      let sent = try #require(hub.backend.requests.first)
      #expect(sent.target == "/sessions")
      #expect(String(decoding: sent.body, as: UTF8.self) == #"{"env":{"server":"y" , "N":1.50},"name":"x"}"#)
    }
  }

  @Test("several servers of one name are told apart by their ids") func ambiguous() async throws {
    try await withHub { hub in
      let other = "33333333-3333-4333-8333-333333333333"
      hub.map.set([hub.member(), hub.member(id: other)])
      let error = await hub.error("session.screen", look("web1"))
      #expect(error?.code == .serverAmbiguous)
      #expect(error?.message.contains(other) == true)
      #expect(error?.message.contains(RoutingTests.memberID) == true)
      let answer3 = try await hub.perform("session.screen", look(other)).get()
      #expect(answer3 == #"{"name":"there"}"#)
    }
  }

  @Test("what lies behind another hub is not reached, and is told so only where there is such a hub") func chains()
    async throws
  {
    try await withHub { hub in
      let known = await hub.error("session.screen", look("web1/db"))
      #expect(known?.code == .serverNotFound)
      #expect(known?.message.contains("behind another hub") == true)
      let unknown = await hub.error("session.screen", look("web9/db"))
      #expect(unknown?.code == .serverNotFound)
      #expect(unknown?.message.contains("behind another hub") == false)
    }
  }

  @Test("a backend that cannot be used says how it is", arguments: Health.allCases.filter { !$0.isUsable })
  func unusable(health: Health) async throws {
    try await withHub { hub in
      hub.map.set([hub.member(health: health)])
      let error = await hub.error("session.screen", look("web1"))
      #expect(error?.code == .serverUnavailable)
      #expect(error?.message.contains(health.rawValue) == true)
      #expect(error?.message.contains("why") == true)
      #expect(error?.serverPath == ["hub", "web1"])
      #expect(error?.failedHop == "web1")
      #expect(hub.performedHere == 0)
    }
  }

  @Test("a role permits what it permits, and a refusal says what would change it", arguments: Role.allCases)
  func roles(role: Role) async throws {
    try await withHub([role]) { hub in
      let calls: [(String, Arguments, Work)] = [
        ("server.health", Arguments(query: [("server", "web1")]), .identity),
        ("session.screen", look("web1"), .reads), ("session.update", look("web1"), .changes),
        ("session.create", Arguments(query: [("server", "web1")]), .places),
      ]
      for (name, arguments, work) in calls {
        let error = await hub.error(name, arguments)
        if role.permits(work) {
          // What wsh has none of is refused further on.
          #expect(error == nil, "\(name)")
        } else {
          #expect(error?.code == .roleRefused)
          #expect(
            error?.message.contains("roost servers promote web1 --role \(Role.needed(for: work).rawValue)") == true)
        }
      }
      #expect(hub.performedHere == 0)
    }
  }

  @Test("a call that comes back is refused, and so is one that would go where it was") func circles() async throws {
    try await withHub { hub in
      #expect(await hub.error("session.screen", look(), via: ["x", RoutingTests.hubID])?.code == .linkRefused)
      #expect(await hub.error("session.screen", look("web1"), via: [RoutingTests.memberID])?.code == .linkRefused)
      let far = (0..<8).map { "hop\($0)" }
      #expect(await hub.error("session.screen", look("web1"), via: far)?.code == .linkRefused)
      #expect(await hub.error("session.screen", look("web1"), via: ["y"]) == nil)
      #expect(hub.performedHere == 0)
    }
  }

  @Test("a scope that is missing is missing here already") func scopes() async throws {
    try await withHub { hub in
      let error = await hub.error("session.update", look("web1"), access: Access(scopes: [.sessionsRead]))
      #expect(error?.code == .insufficientScope)
      #expect(hub.backend.requests.isEmpty)
    }
  }

  @Test("errors keep their meaning, and say which way the call took") func errors() async throws {
    try await withHub { hub in
      hub.backend.answer(404, #"{"error":{"code":"session_not_found","message":"Session not found: a."}}"#)
      let known = await hub.error("session.screen", look("web1"))
      #expect(known?.code == .sessionNotFound)
      #expect(known?.serverPath == ["hub", "web1"])
      #expect(known?.failedHop == nil)

      hub.backend.answer(418, #"{"error":{"code":"teapot_found","message":"I am one."}}"#)
      let foreign = await hub.error("session.screen", look("web1"))
      #expect(foreign?.codeText == "teapot_found")
      #expect(foreign?.httpStatus == 418)
      #expect(foreign?.message == "I am one.")

      // The hub's token is no business of the caller, whose own is good.
      hub.backend.answer(401, #"{"error":{"code":"auth_required","message":"No."}}"#)
      let door = await hub.error("session.screen", look("web1"))
      #expect(door?.code == .serverUnavailable)
      #expect(door?.httpStatus == 503)
      #expect(door?.failedHop == "web1")

      await hub.backend.stop()
      let gone = await hub.error("session.screen", look("web1"))
      #expect(gone?.code == .serverUnavailable)
      #expect(gone?.failedHop == "web1")
    }
  }

  @Test("garbage does not come through") func garbage() async throws {
    try await withHub { hub in
      for body in ["<html>", "{}{}", "{} ,\"x\":1", "\u{FF}"] {
        hub.backend.answer(200, body)
        #expect(await hub.error("session.screen", look("web1"))?.code == .internalError, "\(body)")
      }
    }
  }

  @Test("the audit record names the server, and is what the call on the next hop points at") func audit() async throws {
    try await withHub { hub in
      _ = try await hub.perform("session.update", look("web1")).get()
      let draft = try #require(hub.sink.drafts.first)
      #expect(draft.type == "audit.allowed")
      #expect(draft.fields["server"] == "web1")
      #expect(draft.fields["target"] == "a")
      #expect(hub.sink.drafts.count == 1)
      _ = try await hub.perform("session.update", look()).get()
      #expect(hub.sink.drafts.last?.fields["server"] == .null)
    }
  }
}

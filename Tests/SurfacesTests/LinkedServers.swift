import Causality
import Cluster
import Events
import Formats
import Glibc
import Keeper
import Net
import Operations
import Sessions
import Store
import Synchronization
import Sys
import TestKit

@testable import Domains
@testable import Surfaces

/// A server in this process: catalogue, store, surface and sockets as a composition puts them together.
final class LinkedServer: Sendable {
  let serverID: String
  let name: String
  let loops: LoopGroup
  let catalogue: Catalogue
  let map: ClusterMap
  let sink = Sink()
  let authenticator: Authenticator
  let port: Int
  let client: TestClient
  /// The links that hubs have opened, newest last.
  let links: Accepted
  private let home: ScratchHome
  private let store: SessionStore
  private let keeper: KeeperClient
  private let http: HTTPServer

  final class Sink: EventSink {
    private let kept = Mutex<[EventDraft]>([])
    func emit(_ draft: EventDraft) { kept.withLock { $0.append(draft) } }
    func drafts(_ operation: String) -> [EventDraft] {
      kept.withLock { $0 }.filter { (try? JSON(parsing: $0.data))?["operation"].string == operation }
    }
  }

  /// One token, which may do what it is given.
  struct OneToken: TokenVerifying {
    let access: Access
    func verify(_ secret: String) async -> (Principal, Access)? {
      secret == "secret" ? (.token(id: "1", name: "hub-a"), access) : nil
    }
  }

  init(_ name: String, access: Access = .everything, domains: [Domain] = []) async throws {
    self.name = name
    let serverID = makeUUID()
    self.serverID = serverID
    let home = try ScratchHome()
    self.home = home
    let loops = try LoopGroup(count: 2)
    self.loops = loops
    let path = home.path + "/keeper.sock"
    let exits = Exits()
    keeper = try await KeeperClient.connect(
      socketPath: path,
      launch: KeeperLaunch(
        socketPath: path, executable: Roost.executable,
        environment: home.environment.map { "\($0.key)=\($0.value)" }), loop: loops.loops[0],
      onExit: { id, status in exits.ended(id, status) })
    let store = SessionStore(
      loops: loops, keeper: keeper,
      options: SessionStoreOptions(
        shell: "/bin/sh", integrationFolder: home.path + "/integration", environment: home.environment,
        home: home.path, socketPath: home.path + "/roost.sock", serverName: "test"))
    self.store = store
    exits.attach(store)
    let map = ClusterMap(serverID: serverID, hostname: name)
    self.map = map
    let audit = AuditTrail(OwnEvents(sink: sink, serverID: serverID), loop: loops.loops[0])
    let sessions = Domain(
      SessionContract.self, SessionOperations(store: store, server: name).all, streams: SessionStreams(store: store).all
    )
    let catalogue = Catalogue(
      ([sessions] + domains).flatMap(\.operations), streams: ([sessions] + domains).flatMap(\.streams),
      ownNames: [name, serverID], cluster: map, audit: audit)
    self.catalogue = catalogue
    let authenticator = Authenticator(
      ownUID: getuid(), tokens: OneToken(access: access), noAuth: false, tickets: Tickets(accounts: Accounts()),
      accounts: Accounts())
    self.authenticator = authenticator
    let accepted = Accepted()
    links = accepted
    var configuration = HTTPSurface.Configuration(version: "test")
    configuration.home = { store.loop(ofPath: $0) }
    configuration.links = LinkEntrance(loop: { _ in nil }) { catalogue, socket, call, closed in
      let links = LinkSurface(catalogue, hostname: name)
      let peer = LinkPeer(call, hubID: LinkedServer.hubID, hubHostname: "hub")
      let link = Link(
        loop: socket.loop, side: .acceptor, peer: socket.peer,
        events: .init(
          accepted: { stream, head in links.serve(stream, head: head, from: peer) }, lost: { _ in closed() }))
      _ = link.assumeIsolated { $0.attach(socket, received: 0) }
      accepted.add(link)
    }
    let surface = HTTPSurface(
      catalogue: catalogue, authenticator: authenticator, configuration: configuration)
    http = HTTPServer(
      loops: loops, handler: surface, errorBody: { Responses.fault($0, RequestTrace($1)) })
    try await http.listen(unix: home.path + "/roost.sock")
    port = try await http.listen(host: "127.0.0.1", port: 0)
    client = TestClient(.unix(path: home.path + "/roost.sock"))
  }

  /// What the links of the tests say that they come from.
  static let hubID = "aaaaaaaa-0000-4000-8000-00000000000a"

  func close() async {
    for link in links.all { await link.end("over") }
    await http.close(graceful: .zero)
    _ = await store.endAll(grace: .zero)
    await store.removeAll()
    try? await keeper.quit(grace: .zero)
    await keeper.close()
    loops.stop()
    home.removeAll()
  }

  final class Accepted: Sendable {
    private let kept = Mutex<[Link]>([])
    func add(_ link: Link) { kept.withLock { $0.append(link) } }
    var all: [Link] { kept.withLock { $0 } }
  }
}

extension EventDraft {
  var fields: JSON { (try? JSON(parsing: data)) ?? .null }
}

/// Carries the ends of programs to the store, which is made after the keeper's client.
private final class Exits: Sendable {
  private let store = Mutex<SessionStore?>(nil)
  func attach(_ store: SessionStore) { self.store.withLock { $0 = store } }
  func ended(_ id: String, _ status: ExitStatus) {
    guard let store = store.withLock({ $0 }) else { return }
    Task { await store.programEnded(id: id, status: status) }
  }
}

/// The way to a server over a link, without what makes it anew by itself.
final class LinkedRemote: RemoteServer {
  let loop: EventLoop
  let link: Link
  private let calls: LinkCalls
  private let http: HTTPClient

  init(_ server: LinkedServer, on loop: EventLoop, token: String = "secret") async throws {
    self.loop = loop
    calls = LinkCalls(server: server.name)
    http = HTTPClient(endpoint: .tcp(host: "127.0.0.1", port: server.port), loop: loop)
    let idle = Idle()
    let socket = try await http.webSocket(
      target: "/link", headers: ["authorization": "Bearer \(token)"], subprotocols: [LinkHello.subprotocol],
      handler: idle)
    let link = Link(
      loop: loop, side: .dialler, peer: socket.peer,
      events: .init(accepted: { stream, _ in stream.close(code: 1008, reason: "") }, lost: { _ in }))
    self.link = link
    await loop.run { _ = link.assumeIsolated { $0.attach(socket, received: 0) } }
  }

  func perform(_ request: RemoteRequest) async throws(RemoteFailure) -> RemoteAnswer {
    let (link, calls) = (link, calls)
    let stream = await link.open(LinkHead.call(request).encoded(), isCall: true)
    return try await calls.perform(request, on: stream)
  }

  func open(_ request: RemoteSocketRequest) async throws(RemoteFailure) -> any MessageSocket {
    let stream = await link.open(LinkHead.socket(request).encoded(), isCall: false)
    return try await calls.open(request, on: stream)
  }

  private final class Idle: WebSocketHandler {
    func webSocket(_ ws: any MessageSocket, text: [UInt8]) {}
    func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
    func webSocketDrained(_ ws: any MessageSocket) {}
    func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {}
  }
}

/// A hub and one backend, `web1`.
struct LinkedServers: Sendable {
  let hub: LinkedServer
  let backend: LinkedServer

  static func with(
    role: Role = .member, access: Access = .everything, domains: () -> [Domain] = { [] },
    _ body: (LinkedServers) async throws -> Void
  ) async throws {
    let servers = LinkedServers(
      hub: try await LinkedServer("hub", domains: domains()),
      backend: try await LinkedServer("web1", access: access, domains: domains()))
    try await servers.connect(role)
    do {
      try await body(servers)
    } catch {
      await servers.close()
      throw error
    }
    await servers.close()
  }

  func close() async {
    await remote?.link.end("over")
    await hub.close()
    await backend.close()
  }

  var remote: LinkedRemote? { hub.map.members.first?.remote as? LinkedRemote }

  /// Makes a link, and it the way to the backend.
  func connect(_ role: Role) async throws {
    let remote = try await LinkedRemote(backend, on: hub.loops.loops[1])
    hub.map.set([
      Member(
        serverID: backend.serverID, hostname: "web1", address: "http://127.0.0.1:\(backend.port)", role: role,
        report: HealthReport(.healthy), remote: remote)
    ])
  }

  func set(_ health: Health) {
    var members = hub.map.members
    members[0].report = HealthReport(health)
    hub.map.set(members)
  }
}

import Causality
import Cluster
import Formats
import Glibc
import Keeper
import Net
import Operations
import Synchronization
import Sys
import TestKit

@testable import Domains
@testable import Sessions
@testable import Surfaces

/// A real store with real sessions, and hubs that follow it.
final class DirectoryBench: Sendable {
  static let serverID = "11111111-2222-4333-8444-555555555555"

  let store: SessionStore
  let loops: LoopGroup
  private let home: ScratchHome
  private let keeper: KeeperClient

  init(maximumSessions: Int = 256) async throws {
    home = try ScratchHome()
    loops = try LoopGroup(count: 2)
    let socket = "\(home.path)/keeper.sock"
    let environment = home.environment.map { "\($0)=\($1)" }
    let ends = Ends()
    keeper = try await KeeperClient.connect(
      socketPath: socket,
      launch: KeeperLaunch(socketPath: socket, executable: Roost.executable, environment: environment),
      loop: loops.loops[0], onExit: { ends.ended($0, $1) })
    var options = SessionStoreOptions(
      shell: "/bin/sh", integrationFolder: home.path, environment: home.environment, home: home.path, socketPath: "",
      serverName: "test")
    options.maximumSessions = maximumSessions
    store = SessionStore(loops: loops, keeper: keeper, options: options)
    ends.attach(store)
  }

  private final class Ends: Sendable {
    private let store = Mutex<SessionStore?>(nil)
    func attach(_ store: SessionStore) { self.store.withLock { $0 = store } }
    func ended(_ id: String, _ status: Sys.ExitStatus) {
      guard let store = store.withLock({ $0 }) else { return }
      Task { await store.programEnded(id: id, status: status) }
    }
  }

  @discardableResult
  func create(_ name: String, tags: [String] = [], command: String = "exec cat") async throws -> Session {
    try await store.create(
      SessionSpec(
        name: try SessionName(name), program: .argv(["/bin/sh", "-c", command]),
        tags: Set(try tags.map { try Sessions.Tag($0) })))
  }

  /// A hub that follows this server from now on.
  func hub(access: Access = .everything) async -> Hub {
    let hub = Hub(loop: loops.loops[1])
    await hub.follow(store, access: access)
    return hub
  }

  func close() async {
    _ = await store.endAll(grace: .zero)
    await store.removeAll()
    try? await keeper.quit(grace: .zero)
    await keeper.close()
    loops.stop()
    home.removeAll()
  }
}

/// The hub's end of a directory stream, with the copy that it keeps.
actor Hub: WebSocketHandler {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  nonisolated let copy = DirectoryCopy()
  private(set) var messages: [[UInt8]] = []
  private(set) var fault: DirectoryFault?
  private(set) var refusal: RemoteFailure?
  private(set) var closed: UInt16?
  private var socket: MemorySocket?

  init(loop: EventLoop) { self.loop = loop }

  func follow(_ store: SessionStore, access: Access) {
    let (backend, own) = MemorySocket.pair(on: loop)
    copy.linkIsUp(serverID: DirectoryBench.serverID)
    own.handler = self
    socket = own
    let feed = DirectoryFeed(
      backend, store: store, access: access, serverID: DirectoryBench.serverID, hostname: "web1")
    feed.assumeIsolated { $0.open() }
  }

  func pause() { socket?.pauseReading() }
  func resume() { socket?.resumeReading() }
  func close() { socket?.close(code: 1000, reason: "") }
  func send(_ text: String) { socket?.send(text: text) }

  /// Bytes that the backend has sent and this end has not read.
  var unread: Int { socket?.unreadBytes ?? 0 }

  private func received(_ text: [UInt8]) {
    messages.append(text)
    do throws(DirectoryFault) { try copy.receive(text) } catch { fault = error }
  }

  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text) } }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.refusal = RemoteFailure(parsing: binary) }
  }
  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed = code }
  }

  nonisolated var names: [String] { copy.snapshot.records.map(\.name) }

  /// The record of that name as a list shows it.
  nonisolated func record(_ name: String) -> JSON? {
    guard let record = copy.snapshot.records.first(where: { $0.name == name }) else { return nil }
    var json = JSONWriter()
    record.write(to: &json, origin: Array(#""server":"web1""#.utf8), ending: [], now: .now)
    return try? JSON(parsing: json.finish())
  }
}

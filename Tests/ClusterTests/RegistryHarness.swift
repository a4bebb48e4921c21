import Glibc
import Net
import Store
import Synchronization
import Sys

@testable import Cluster

/// A connection that goes nowhere: says what the test has it say, and remembers what it was told.
final class ScriptedControl: BackendControl {
  struct State {
    var report = HealthReport(.connecting)
    var identity: BackendIdentity?
    var peer: String?
    var role: Role
    var reconnects = 0
    var isStopped = false
  }

  let settings: BackendSettings
  let observer: BackendObserver
  let state: Mutex<State>

  init(_ settings: BackendSettings, _ observer: BackendObserver) {
    self.settings = settings
    self.observer = observer
    state = Mutex(State(role: settings.role))
  }

  func stop() async { state.withLock { $0.isStopped = true } }
  func update(role: Role) { state.withLock { $0.role = role } }
  func reconnect() { state.withLock { $0.reconnects += 1 } }
  var report: HealthReport { state.withLock { $0.report } }
  var identity: BackendIdentity? { state.withLock { $0.identity } }
  var peer: String? { state.withLock { $0.peer } }
  var remote: (any RemoteServer)? { nil }
  let directory = DirectoryCopy()
  var behind: [ServerBehind]? { nil }

  /// A server answers: what a real connection does after its hello.
  func answer(_ serverID: String, _ hostname: String, hasLink: Bool = true) async -> IdentityVerdict {
    guard
      let identity = BackendIdentity(serverID: serverID, hostname: hostname, version: "1", hasLink: hasLink)
    else {
      return .rejected("no identity")
    }
    let verdict = await observer.identified(identity)
    state.withLock {
      switch verdict {
      case .accepted:
        $0.identity = identity
        $0.report = HealthReport(.healthy)
      case .rejected(let reason): $0.report = HealthReport(.rejected, reason: reason)
      }
    }
    observer.changed()
    return verdict
  }
}

/// A registry in a folder of its own, with connections that the test steers.
final class RegistryHarness: Sendable {
  static let ownID = "00000000-0000-4000-8000-000000000000"

  let folder: String
  let paths: Paths
  let loop: EventLoop
  let controls = Mutex<[ScriptedControl]>([])
  let announcements = Mutex<[RegistryAnnouncement]>([])

  init() throws {
    var template = Array("/tmp/roost-registry-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.last("mkdtemp") }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.folder = folder
    paths = try Paths { $0 == "HOME" ? folder : nil }
    loop = try EventLoop(name: "registry")
  }

  deinit {
    RegistryHarness.remove(folder)
    loop.stop()
  }

  var configurationFile: String { "\(folder)/config.toml" }
  var tokenFolder: String { paths.backendTokens }

  func write(_ text: String, to name: String = "config.toml", mode: mode_t = 0o600) throws {
    try AtomicFile.write(Array(text.utf8), to: "\(folder)/\(name)", mode: mode)
    chmod("\(folder)/\(name)", mode)
  }

  func remove() { unlink(configurationFile) }

  /// A registry as a server has it after a start; another one after a restart.
  func start() async throws -> Registry {
    controls.withLock { $0 = [] }
    let registry = Registry(
      loop: loop, map: ClusterMap(serverID: RegistryHarness.ownID, hostname: "hub"), paths: paths,
      configurationFile: configurationFile, configuration: try ClusterConfiguration.load(configurationFile),
      connector: { [self] settings, observer in
        let control = ScriptedControl(settings, observer)
        controls.withLock { $0.append(control) }
        return control
      }, announcer: { [self] announcement in announcements.withLock { $0.append(announcement) } })
    try await registry.start()
    return registry
  }

  /// The newest connection to an address.
  func control(_ address: String) -> ScriptedControl? {
    controls.withLock { $0.last { $0.settings.address.text == address } }
  }

  var news: [RegistryAnnouncement.News] { announcements.withLock { $0.map(\.news) } }

  static func entries(of path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private static func remove(_ path: String) {
    for name in entries(of: path) where unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
    rmdir(path)
  }
}

/// The error that a piece of work ends with.
func registryError<Value>(_ body: () async throws -> Value) async -> RegistryError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? RegistryError
  }
}

let firstID = "aaaaaaaa-0000-4000-8000-000000000001"
let secondID = "bbbbbbbb-0000-4000-8000-000000000002"

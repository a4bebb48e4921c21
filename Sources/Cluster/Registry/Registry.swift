import Causality
package import Net
package import Store
import Synchronization

/// The servers behind this one: who they are, what they may be used for, and the connections to them. Keeps ``ClusterMap`` as it is.
///
/// Changes are made one after the other, each stored before it takes effect. What is wrong is said in ``RegistryError``.
package actor Registry {
  /// Entries at most, those of both lists.
  package static let mostBackends = ClusterConfiguration.mostServers

  package nonisolated let loop: EventLoop
  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  /// What every call is looked up in.
  package nonisolated let map: ClusterMap

  /// An entry with what is going on with it.
  struct Entry {
    var record: BackendRecord
    var control: (any BackendControl)?
    /// The last health that was told of.
    var health = Health.connecting
    /// Who answered instead of the server that was enrolled; waits for somebody to confirm it.
    var stranger: BackendIdentity?
    /// Of the token in its file, to see whether reloading changes it.
    var tokenDigest: [UInt8]?
    /// Counts connections: what an earlier one still says is not listened to.
    var generation = 0
  }

  /// In the order of their enrolment.
  var entries: [Entry] = []
  let store: RegistryStore
  let vault: TokenVault
  let configurationFile: String
  /// What was read from the file last.
  var configuration: ClusterConfiguration
  private let access: SharedAccess
  private let connector: BackendConnector
  private let announcer: @Sendable (RegistryAnnouncement) -> Void
  private var isStopped = false
  private var isChanging = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// - Parameters:
  ///   - configuration: As it was loaded from `configurationFile` for this start.
  ///   - connector: Makes the connection to a backend; called on the loop.
  ///   - quarantine: Where the registry goes when its file is damaged; without one it does not start then.
  ///   - announcer: Told of everything that happens, on the loop; must not wait.
  package init(
    loop: EventLoop, map: ClusterMap, paths: Paths, configurationFile: String, configuration: ClusterConfiguration,
    connector: @escaping BackendConnector, quarantine: Quarantine? = nil,
    announcer: @escaping @Sendable (RegistryAnnouncement) -> Void = { _ in }
  ) {
    self.loop = loop
    self.map = map
    self.configurationFile = configurationFile
    self.configuration = configuration
    self.connector = connector
    self.announcer = announcer
    store = RegistryStore(paths: paths, quarantine: quarantine)
    vault = TokenVault(paths: paths)
    access = SharedAccess(configuration.access)
  }

  // MARK: Its life

  /// Takes up what is stored and what the configuration says, and begins to connect. A server that has never had a backend does not touch
  /// the disk here.
  package func start() async throws(RegistryError) {
    await enter()
    defer { leave() }
    do throws(StoreError) {
      entries = try store.load().map { Entry(record: $0) }
    } catch {
      throw Registry.failure(error)
    }
    // Those of entries that could not be read are kept for whoever mends the file.
    if !store.hasLost { vault.keepOnly(Set(entries.map(\.record.key))) }
    _ = try await apply(configuration, isStart: true)
    for entry in entries where entry.record.list == .active && entry.control == nil { connect(entry.record.key) }
    publish()
  }

  /// Ends all connections.
  package func stop() async {
    isStopped = true
    let controls = entries.compactMap(\.control)
    for index in entries.indices {
      entries[index].control = nil
      entries[index].generation += 1
    }
    await withTaskGroup(of: Void.self) { group in
      for control in controls { group.addTask { await control.stop() } }
    }
    publish()
  }

  // MARK: One change at a time

  /// Begins a change; `leave()` must follow.
  func enter() async {
    await withCheckedContinuation { continuation in
      // Looked at here: others may have their turn before a continuation is made.
      if isChanging {
        waiting.append(continuation)
      } else {
        isChanging = true
        continuation.resume()
      }
    }
  }

  func leave() {
    if waiting.isEmpty { isChanging = false } else { waiting.removeFirst().resume() }
  }

  // MARK: Connections

  func index(_ key: String) -> Int? { entries.firstIndex { $0.record.key == key } }

  /// Makes the connection of an entry that has none.
  func connect(_ key: String) {
    guard !isStopped, let index = index(key), entries[index].record.list == .active, entries[index].control == nil
    else { return }
    let record = entries[index].record
    entries[index].generation += 1
    entries[index].health = .connecting
    let generation = entries[index].generation
    let (vault, access, address, file) = (vault, access, record.address, record.tokenFile)
    let settings = BackendSettings(
      key: key, address: address,
      token: { file.map { try? BackendToken.read($0) } ?? vault.token(for: key, at: address) },
      fingerprint: record.fingerprint, role: record.terms.role, transitive: record.terms.transitive,
      access: { access.current }, timings: configuration.timings)
    let observer = BackendObserver(
      identified: { [weak self] identity in
        await self?.identified(identity, as: key, generation: generation) ?? .rejected("the server is stopping")
      },
      changed: { [weak self, loop] in
        guard let self else { return }
        loop.execute { self.assumeIsolated { $0.changed(key, generation: generation) } }
      })
    entries[index].control = connector(settings, observer)
  }

  /// Makes a new connection in the place of the present one, once that has ended: its backend never has two of one entry.
  func renew(_ key: String) {
    guard let index = index(key) else { return }
    guard let old = entries[index].control else { return connect(key) }
    entries[index].control = nil
    entries[index].generation += 1
    let generation = entries[index].generation
    Task {
      await old.stop()
      guard let index = self.index(key), entries[index].generation == generation else { return }
      connect(key)
      publish()
    }
  }

  /// Ends the connection of an entry that is no more. Not waited for: a connection may take its time.
  func disconnect(_ control: (any BackendControl)?) {
    if let control { Task { await control.stop() } }
  }

  /// Tries those again that were refused because of something that has changed.
  func retryRejected(besides key: String? = nil) {
    for entry in entries where entry.record.key != key && entry.control?.report.health == .rejected {
      entry.control?.reconnect()
    }
  }

  private func changed(_ key: String, generation: Int) {
    guard let index = index(key), entries[index].generation == generation, let control = entries[index].control
    else { return }
    let report = control.report
    let previous = entries[index].health
    if report.health != previous {
      entries[index].health = report.health
      announce(RegistryAnnouncement(entries[index].record, .healthChanged(from: previous, to: report), because: nil))
    }
    publish()
  }

  /// What connections are allowed from now on. Those that no longer are end; those that were not may be now.
  func setAccess(_ new: IPAccess) {
    access.current = new
    for entry in entries {
      guard let control = entry.control else { continue }
      let isForbidden = control.peer.map { !new.allows($0) } ?? false
      if isForbidden || !control.report.health.isUsable { control.reconnect() }
    }
  }

  func announce(_ announcement: RegistryAnnouncement) { announcer(announcement) }

  /// Brings the map up to date.
  func publish() {
    map.set(
      entries.filter { $0.record.list == .active }.map { entry in
        Member(
          serverID: entry.record.serverID, hostname: entry.record.hostname, address: entry.record.address.text,
          role: entry.record.terms.role, tags: entry.record.terms.tags,
          report: entry.control?.report ?? HealthReport(.connecting), remote: entry.control?.remote,
          directory: entry.control?.directory)
      })
  }

  static func failure(_ error: StoreError) -> RegistryError {
    RegistryError(
      error.code == .full ? .storageFull : .internalError,
      "The registry of servers could not be read or written: \(error.message).")
  }
}

/// What `ip_access` says at this moment, for connections on any loop.
private final class SharedAccess: Sendable {
  private let state: Mutex<IPAccess>

  init(_ access: IPAccess) { state = Mutex(access) }

  var current: IPAccess {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}

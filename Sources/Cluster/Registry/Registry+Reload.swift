import Formats
import Store

/// What loading the configuration again has changed.
package struct ReloadReport: Sendable, Equatable {
  package struct Change: Sendable, Equatable {
    package var address: String
    package var hostname: String?
    /// `role`, `tags`, `transitive`, `identity`, `fingerprint`, `token_file`, `token`, `source`.
    package var fields: [String]
  }

  /// Addresses.
  package var added: [String] = []
  package var removed: [String] = []
  package var changed: [Change] = []
  /// How many of the declared servers are as they were.
  package var unchanged = 0
  /// Settings beside the servers that have changed: `ip_access`, `link`.
  package var settings: [String] = []
  /// Settings that have changed and take effect with the next start: `server.hostname`.
  package var needsRestart: [String] = []
}

extension Registry {
  /// Reads the configuration again and makes the difference, and nothing else. A file that is wrong changes nothing; one that is gone
  /// declares nothing.
  package func reload() async throws(RegistryError) -> ReloadReport {
    await enter()
    defer { leave() }
    let new = try await Registry.read(configurationFile)
    return try await apply(new, isStart: false)
  }

  @concurrent
  private static func read(_ path: String) async throws(RegistryError) -> ClusterConfiguration {
    try ClusterConfiguration.load(path)
  }

  /// What a configuration makes of the entries. Worked out in full before anything is touched.
  private struct Difference {
    var entries: [Entry]
    var saved: [BackendRecord] = []
    /// Entries that are gone, with their connections.
    var gone: [Entry] = []
    var announcements: [RegistryAnnouncement] = []
    /// Keys of entries whose connection must be made anew, be told of a role, or be tried again.
    var renewed: Set<String> = []
    var roles: [(key: String, role: Role)] = []
    var retried: Set<String> = []
    var report = ReloadReport()

    init(_ entries: [Entry]) { self.entries = entries }
  }

  /// Within a change.
  func apply(_ new: ClusterConfiguration, isStart: Bool) async throws(RegistryError) -> ReloadReport {
    var difference = Difference(entries)
    withdraw(what: new, &difference)
    for server in new.servers { declare(server, isStart: isStart, &difference) }
    guard difference.entries.count <= Registry.mostBackends else {
      throw RegistryError(
        .configInvalid,
        "With the servers that were added over the API these would be more than \(Registry.mostBackends).")
    }
    if !difference.saved.isEmpty || !difference.gone.isEmpty {
      do throws(StoreError) {
        try await store.apply(saved: difference.saved, removed: difference.gone.map(\.record.key))
      } catch {
        throw Registry.failure(error)
      }
    }
    let old = configuration
    configuration = new
    adopt(difference)
    if isStart { return difference.report }
    if old.access != new.access {
      difference.report.settings.append("ip_access")
      setAccess(new.access)
    }
    if old.timings != new.timings {
      difference.report.settings.append("link")
      for entry in entries { renew(entry.record.key) }
    }
    if old.hostname != new.hostname { difference.report.needsRestart.append("server.hostname") }
    publish()
    return difference.report
  }

  /// What was declared and is no more.
  private func withdraw(what new: ClusterConfiguration, _ difference: inout Difference) {
    let declared = Set(new.servers.map(\.address))
    difference.entries.removeAll { entry in
      guard entry.record.source == .config, !declared.contains(entry.record.address) else { return false }
      difference.gone.append(entry)
      if entry.record.list == .active {
        difference.report.removed.append(entry.record.address.text)
        difference.announcements.append(RegistryAnnouncement(entry.record, .removed))
      }
      return true
    }
  }

  private func declare(
    _ server: ClusterConfiguration.Declaration, isStart: Bool, _ difference: inout Difference
  ) {
    guard let index = difference.entries.firstIndex(where: { $0.record.address == server.address }) else {
      let record = BackendRecord(
        key: makeUUID(), address: server.address, terms: server.terms, declared: server.terms,
        fingerprint: server.fingerprint, tokenFile: server.tokenFile, source: .config, addedBy: "config")
      difference.entries.append(Entry(record: record, tokenDigest: server.tokenDigest))
      enrol(record, &difference)
      return
    }
    let old = difference.entries[index].record
    var record = old
    // Removed over the API: a start is no reason to bring it back, to load the file is.
    if old.list == .removed, isStart { return }
    record.list = .active
    record.source = .config
    record.declared = server.terms
    record.fingerprint = server.fingerprint
    record.tokenFile = server.tokenFile
    if old.list != .active {
      record.terms = server.terms
      record.addedBy = "config"
      record.addedAt = .now()
      difference.entries[index].record = record
      difference.entries[index].tokenDigest = server.tokenDigest
      enrol(record, &difference)
      return
    }
    // Where the file says something new, that holds; where it says what it said, a change over the API stays.
    let before = old.declared ?? old.terms
    var fields: [String] = []
    if before.role != server.terms.role { (record.terms.role, fields) = (server.terms.role, fields + ["role"]) }
    if before.tags != server.terms.tags { (record.terms.tags, fields) = (server.terms.tags, fields + ["tags"]) }
    if before.transitive != server.terms.transitive {
      (record.terms.transitive, fields) = (server.terms.transitive, fields + ["transitive"])
    }
    if before.identity != server.terms.identity {
      (record.terms.identity, fields) = (server.terms.identity, fields + ["identity"])
    }
    if old.fingerprint != record.fingerprint { fields.append("fingerprint") }
    if old.tokenFile != record.tokenFile { fields.append("token_file") }
    let digest = difference.entries[index].tokenDigest
    if !isStart, old.tokenFile == record.tokenFile, digest != server.tokenDigest { fields.append("token") }
    if old.source != record.source { fields.append("source") }
    difference.entries[index].record = record
    difference.entries[index].tokenDigest = server.tokenDigest
    if record != old { difference.saved.append(record) }
    guard !fields.isEmpty else {
      difference.report.unchanged += 1
      return
    }
    difference.report.changed.append(
      ReloadReport.Change(address: record.address.text, hostname: record.hostname, fields: fields))
    if record.terms.role != old.terms.role {
      difference.announcements.append(
        RegistryAnnouncement(record, .roleChanged(from: old.terms.role, to: record.terms.role)))
      difference.roles.append((record.key, record.terms.role))
    }
    let isOtherWay =
      record.terms.transitive != old.terms.transitive || record.fingerprint != old.fingerprint
      || record.tokenFile != old.tokenFile
    if isOtherWay {
      difference.renewed.insert(record.key)
    } else if fields.contains("token") || fields.contains("identity") && difference.entries[index].stranger != nil {
      difference.retried.insert(record.key)
    }
  }

  private func enrol(_ record: BackendRecord, _ difference: inout Difference) {
    difference.saved.append(record)
    difference.report.added.append(record.address.text)
    difference.announcements.append(RegistryAnnouncement(record, .added(record.terms, .config)))
    difference.renewed.insert(record.key)
  }

  private func adopt(_ difference: Difference) {
    // What connections said while the disk was written is in the present entries.
    var adopted = difference.entries
    for index in adopted.indices {
      guard let present = entries.first(where: { $0.record.key == adopted[index].record.key }) else { continue }
      adopted[index].health = present.health
      adopted[index].stranger = present.stranger
      adopted[index].control = present.control
      adopted[index].generation = present.generation
    }
    entries = adopted
    for entry in difference.gone {
      vault.remove(entry.record.key)
      disconnect(entry.control)
    }
    for announcement in difference.announcements { announce(announcement) }
    for (key, role) in difference.roles where !difference.renewed.contains(key) {
      entries.first { $0.record.key == key }?.control?.update(role: role)
    }
    for key in difference.renewed { renew(key) }
    for key in difference.retried { entries.first { $0.record.key == key }?.control?.reconnect() }
    if !difference.gone.isEmpty { retryRejected() }
  }
}

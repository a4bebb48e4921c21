/// An entry as it is shown.
package struct BackendEntry: Sendable {
  package let record: BackendRecord
  /// `nil` for what is not connected to.
  package let report: HealthReport?
  package let version: String?
  /// How many sessions it has told of; `nil` where it was not asked.
  package let sessions: Int?
  /// Who answered instead of it; waits for somebody to confirm it.
  package let stranger: BackendIdentity?
  /// The servers behind it, where they may be seen.
  package let behind: [ServerBehind]?

  package init(
    record: BackendRecord, report: HealthReport?, version: String? = nil, sessions: Int? = nil,
    stranger: BackendIdentity? = nil, behind: [ServerBehind]? = nil
  ) {
    self.record = record
    self.report = report
    self.version = version
    self.sessions = sessions
    self.stranger = stranger
    self.behind = behind
  }
}

extension Registry {
  /// The entries of a list, in the order of their enrolment.
  package func list(_ list: BackendRecord.List = .active) -> [BackendEntry] {
    entries.filter { $0.record.list == list }.map(view)
  }

  /// Finds an entry by its id, host name, address, the beginning of its id or its key. Throws `server_not_found`, `server_ambiguous`.
  package func get(_ name: String) throws(RegistryError) -> BackendEntry { view(entries[try find(name)]) }

  func view(_ entry: Entry) -> BackendEntry {
    let isActive = entry.record.list == .active
    return BackendEntry(
      record: entry.record, report: isActive ? entry.control?.report ?? HealthReport(.connecting) : nil,
      version: entry.control?.identity?.version, sessions: Registry.sessions(entry), stranger: entry.stranger,
      behind: isActive ? entry.control?.behind : nil)
  }

  /// Of a server that may be looked at, as long as what it told is current.
  private static func sessions(_ entry: Entry) -> Int? {
    guard entry.record.terms.role.permits(.reads), let snapshot = entry.control?.directory.snapshot, snapshot.isCurrent
    else { return nil }
    return snapshot.records.count
  }

  func view(_ key: String) throws(RegistryError) -> BackendEntry {
    guard let index = index(key) else { throw Registry.unknown() }
    return view(entries[index])
  }

  /// Where the entry of that name is.
  func find(_ name: String) throws(RegistryError) -> Int {
    let address = (try? BackendAddress(name))?.text
    let rules: [@Sendable (BackendRecord) -> Bool] = [
      { $0.serverID == name || $0.key == name },
      // What a server calls itself takes nothing from one whose id begins so.
      { $0.hostname == name || ClusterMap.isBeginning(name, of: $0.serverID) },
      { $0.address.text == address ?? name },
      // As people type it.
      { $0.address.authority + $0.address.prefix == name },
    ]
    let records = entries.map(\.record)
    for rule in rules {
      let found = records.indices.filter { records[$0].list != .removed && rule(records[$0]) }
      if found.count == 1 { return found[0] }
      if found.count > 1 {
        let names = found.map { records[$0].serverID ?? records[$0].address.text }
        throw RegistryError(
          .serverAmbiguous,
          "Several servers go by that name; say which by its id or address: \(names.joined(separator: ", ")).")
      }
    }
    throw Registry.unknown()
  }

  static func unknown() -> RegistryError {
    RegistryError(.serverNotFound, "There is no server of that name here; 'roost servers ls' lists them.")
  }
}

import Formats
import Glibc
package import Store
import Synchronization

/// The registry on the disk, in the state folder. What a call has stored is there after a power cut.
package final class RegistryStore: Sendable {
  private let database: LazyDatabase
  private let path: String
  private let quarantine: Quarantine?
  /// The rows that were passed over because they cannot be understood.
  private let unreadable = Mutex<[Int64]>([])

  private static let migrations = [
    """
    CREATE TABLE backends (
      key TEXT PRIMARY KEY,
      list TEXT NOT NULL,
      address TEXT NOT NULL UNIQUE,
      server_id TEXT,
      hostname TEXT,
      role TEXT NOT NULL,
      tags TEXT NOT NULL,
      transitive INTEGER NOT NULL,
      declared_role TEXT,
      declared_tags TEXT,
      declared_transitive INTEGER,
      fingerprint TEXT,
      token_file TEXT,
      source TEXT NOT NULL,
      added_by TEXT NOT NULL,
      added_ms INTEGER NOT NULL
    ) STRICT
    """,
    "ALTER TABLE backends ADD COLUMN identity TEXT NOT NULL DEFAULT 'server_id'",
    "ALTER TABLE backends ADD COLUMN declared_identity TEXT",
  ]

  private static let columns =
    "key, list, address, server_id, hostname, role, tags, transitive, declared_role, declared_tags, declared_transitive, "
    + "fingerprint, token_file, source, added_by, added_ms, identity, declared_identity"

  /// Nothing is opened before the first call.
  /// - Parameter quarantine: Where a damaged file goes.
  package init(paths: Paths, quarantine: Quarantine? = nil) {
    path = paths.registryDatabase
    self.quarantine = quarantine
    database = LazyDatabase(
      path: path, migrations: RegistryStore.migrations, quarantine: quarantine,
      loss:
        "the servers that were added are not known; those of the configuration file are, and 'roost servers add' adds the others again"
    )
  }

  /// Whether the entries that there were could not be read.
  package var hasLost: Bool { database.hasLost || unreadable.withLock { !$0.isEmpty } }

  /// All entries, in the order of their enrolment. One that cannot be understood is named, passed over and stays stored, until its address is
  /// added again.
  package func load() throws(StoreError) -> [BackendRecord] {
    // Most servers have no backends, and then no database either.
    guard access(path, F_OK) == 0 else { return [] }
    let rows = try database.use { database throws(StoreError) in
      try database.run("SELECT \(RegistryStore.columns), rowid FROM backends ORDER BY added_ms, rowid")
    }
    var records: [BackendRecord] = []
    var others: [(row: Int64, address: String)] = []
    for row in rows {
      if let record = RegistryStore.record(row.dropLast()) {
        records.append(record)
      } else if let number = row.last?.integer {
        others.append((number, row[2].text.flatMap { try? BackendAddress($0) }?.text ?? "one without an address"))
      }
    }
    unreadable.withLock { $0 = others.map(\.row) }
    if !others.isEmpty {
      quarantine?.note(
        path,
        """
        the entries of these servers cannot be read and are passed over: \
        \(others.map(\.address).joined(separator: ", ")); 'roost servers add' adds them again
        """)
    }
    return records
  }

  /// Stores these entries and removes those, all or nothing. Waits for the disk.
  @concurrent
  package func apply(saved: [BackendRecord], removed: [String] = []) async throws(StoreError) {
    let unreadable = unreadable.withLock { $0 }
    try database.use { database throws(StoreError) in
      try database.run("BEGIN IMMEDIATE")
      do throws(StoreError) {
        for key in removed { try database.run("DELETE FROM backends WHERE key = ?", [.text(key)]) }
        for record in saved {
          for row in unreadable {
            try database.run(
              "DELETE FROM backends WHERE rowid = ? AND address = ?", [.integer(row), .text(record.address.text)])
          }
          try database.run(
            """
            INSERT INTO backends (\(RegistryStore.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (key) DO UPDATE SET list = excluded.list, address = excluded.address,
              server_id = excluded.server_id, hostname = excluded.hostname, role = excluded.role, tags = excluded.tags,
              transitive = excluded.transitive, declared_role = excluded.declared_role,
              declared_tags = excluded.declared_tags, declared_transitive = excluded.declared_transitive,
              fingerprint = excluded.fingerprint, token_file = excluded.token_file, source = excluded.source,
              added_by = excluded.added_by, added_ms = excluded.added_ms, identity = excluded.identity,
              declared_identity = excluded.declared_identity
            """, RegistryStore.values(record))
        }
        try database.run("COMMIT")
      } catch {
        _ = try? database.run("ROLLBACK")
        throw error
      }
    }
  }

  private static func values(_ record: BackendRecord) -> [Database.Value] {
    func text(_ text: String?) -> Database.Value { text.map { .text($0) } ?? .null }
    return [
      .text(record.key), .text(record.list.rawValue), .text(record.address.text), text(record.serverID),
      text(record.hostname), .text(record.terms.role.rawValue), .text(record.terms.tags.joined(separator: "\n")),
      .integer(record.terms.transitive ? 1 : 0), text(record.declared?.role.rawValue),
      text(record.declared?.tags.joined(separator: "\n")),
      record.declared.map { .integer($0.transitive ? 1 : 0) } ?? .null,
      text(record.fingerprint), text(record.tokenFile), .text(record.source.rawValue), .text(record.addedBy),
      .integer(record.addedAt.milliseconds), .text(record.terms.identity.rawValue),
      text(record.declared?.identity.rawValue),
    ]
  }

  private static func record(_ row: ArraySlice<Database.Value>) -> BackendRecord? {
    func tags(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }
    guard row.count == 18, let key = row[0].text, let list = row[1].text.flatMap(BackendRecord.List.init),
      let address = row[2].text.flatMap({ try? BackendAddress($0) }), let role = row[5].text.flatMap(Role.init),
      let ownTags = row[6].text, let transitive = row[7].integer,
      let source = row[13].text.flatMap(BackendRecord.Source.init), let addedBy = row[14].text,
      let addedAt = row[15].integer, let identity = row[16].text.flatMap(IdentityRule.init)
    else { return nil }
    var declared: BackendTerms?
    if let role = row[8].text.flatMap(Role.init), let text = row[9].text, let transitive = row[10].integer {
      declared = BackendTerms(
        role: role, tags: tags(text), transitive: transitive != 0,
        identity: row[17].text.flatMap(IdentityRule.init) ?? .serverID)
    }
    return BackendRecord(
      key: key, list: list, address: address, serverID: row[3].text, hostname: row[4].text,
      terms: BackendTerms(role: role, tags: tags(ownTags), transitive: transitive != 0, identity: identity),
      declared: declared,
      fingerprint: row[11].text, tokenFile: row[12].text, source: source, addedBy: addedBy,
      addedAt: Timestamp(milliseconds: addedAt))
  }
}

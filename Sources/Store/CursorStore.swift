/// A named place in the event log.
package struct NamedCursor: Sendable, Equatable {
  package let name: String
  /// The number of the last event that its reader is done with.
  package let seq: UInt64
  /// Milliseconds since 1970 UTC.
  package let updatedAt: Int64
}

/// The named cursors of a server: where readers of the event log have come to. Nothing is opened before the first call. Calls may come from
/// any thread; those that write wait for the disk.
package final class CursorStore: Sendable {
  /// Cursors at most; they are named by hand or by program.
  package static let mostCursors = 10_000
  /// A name is 1 to so many bytes without control characters.
  package static let longestName = 128

  private let database: LazyDatabase

  private static let migrations = [
    "CREATE TABLE cursors (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, updated_ms INTEGER NOT NULL) STRICT"
  ]

  /// - Parameter quarantine: Where a damaged file goes.
  package init(paths: Paths, quarantine: Quarantine? = nil) {
    database = LazyDatabase(
      path: paths.cursorDatabase, migrations: CursorStore.migrations, quarantine: quarantine,
      loss: "the named cursors are gone; their readers begin anew")
  }

  /// Throws ``StoreError/Code/notFound``.
  package func find(_ name: String) throws(StoreError) -> NamedCursor {
    let row = try database.use { database throws(StoreError) in
      try database.run("SELECT name, seq, updated_ms FROM cursors WHERE name = ?", [.text(name)]).first
    }
    guard let row, let cursor = CursorStore.cursor(row) else {
      throw StoreError(code: .notFound, message: "there is no cursor \"\(name)\"")
    }
    return cursor
  }

  package func list() throws(StoreError) -> [NamedCursor] {
    try database.use { database throws(StoreError) in
      try database.run("SELECT name, seq, updated_ms FROM cursors ORDER BY name")
    }
    .compactMap(CursorStore.cursor)
  }

  /// Sets a cursor, making it when there is none. On the disk when it returns.
  package func set(_ name: String, to seq: UInt64, at milliseconds: Int64) throws(StoreError) -> NamedCursor {
    guard (1...CursorStore.longestName).contains(name.utf8.count), name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
    else {
      throw StoreError(
        code: .invalidName,
        message: "a cursor's name has 1 to \(CursorStore.longestName) bytes and no control characters")
    }
    guard let number = Int64(exactly: seq) else {
      throw StoreError(code: .invalidName, message: "there is no event \(seq)")
    }
    try database.use { database throws(StoreError) in
      guard (try database.run("SELECT count(*) FROM cursors").first?.first?.integer ?? 0) < CursorStore.mostCursors
      else {
        throw StoreError(
          code: .systemFailure, message: "there are \(CursorStore.mostCursors) cursors already; remove some")
      }
      try database.run(
        """
        INSERT INTO cursors (name, seq, updated_ms) VALUES (?, ?, ?)
        ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, updated_ms = excluded.updated_ms
        """, [.text(name), .integer(number), .integer(milliseconds)])
    }
    return NamedCursor(name: name, seq: seq, updatedAt: milliseconds)
  }

  /// Throws ``StoreError/Code/notFound``.
  package func remove(_ name: String) throws(StoreError) {
    let removed = try database.use { database throws(StoreError) in
      try database.run("DELETE FROM cursors WHERE name = ?", [.text(name)])
      return database.changes
    }
    if removed == 0 { throw StoreError(code: .notFound, message: "there is no cursor \"\(name)\"") }
  }

  private static func cursor(_ row: [Database.Value]) -> NamedCursor? {
    guard let name = row[0].text, let seq = row[1].integer, let updated = row[2].integer, seq >= 0 else { return nil }
    return NamedCursor(name: name, seq: UInt64(seq), updatedAt: updated)
  }
}

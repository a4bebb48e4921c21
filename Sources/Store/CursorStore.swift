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
  /// Most of one token, whoever asks through it: it follows the log in a few places.
  package static let mostOfToken = 100
  /// Most of all tokens together: the rest is kept for the server's own user.
  package static let mostOfTokens = 8_000
  /// A name is 1 to so many bytes without control characters.
  package static let longestName = 128

  private let database: LazyDatabase
  /// Whether a token is good: the cursors of one that has expired make room for others.
  private let isGood: @Sendable (_ token: String) -> Bool

  private static let migrations = [
    "CREATE TABLE cursors (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, updated_ms INTEGER NOT NULL) STRICT",
    // '' is the server's own user, whose those are that were made before cursors had owners.
    """
    CREATE TABLE owned_cursors (
      token TEXT NOT NULL, caller TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
      PRIMARY KEY (token, caller, name)) STRICT
    """,
    "INSERT INTO owned_cursors SELECT '', '', name, seq, updated_ms FROM cursors",
    "DROP TABLE cursors",
  ]

  /// - Parameters:
  ///   - quarantine: Where a damaged file goes.
  ///   - isGood: Whether the token of an id is still one.
  package init(
    paths: Paths, quarantine: Quarantine? = nil, isGood: @escaping @Sendable (_ token: String) -> Bool = { _ in true }
  ) {
    self.isGood = isGood
    database = LazyDatabase(
      path: paths.cursorDatabase, migrations: CursorStore.migrations, quarantine: quarantine,
      loss: "the named cursors are gone; their readers begin anew")
  }

  private static func key(_ owner: CursorOwner) -> [Database.Value] {
    [.text(owner.token ?? ""), .text(owner.caller ?? "")]
  }

  /// Throws ``StoreError/Code/notFound``.
  package func find(_ name: String, of owner: CursorOwner) throws(StoreError) -> NamedCursor {
    let row = try database.use { database throws(StoreError) in
      try database.run(
        "SELECT name, seq, updated_ms FROM owned_cursors WHERE token = ? AND caller = ? AND name = ?",
        CursorStore.key(owner) + [.text(name)]
      ).first
    }
    guard let row, let cursor = CursorStore.cursor(row) else {
      throw StoreError(code: .notFound, message: "there is no cursor \"\(name)\"")
    }
    return cursor
  }

  package func list(of owner: CursorOwner) throws(StoreError) -> [NamedCursor] {
    try database.use { database throws(StoreError) in
      try database.run(
        "SELECT name, seq, updated_ms FROM owned_cursors WHERE token = ? AND caller = ? ORDER BY name",
        CursorStore.key(owner))
    }
    .compactMap(CursorStore.cursor)
  }

  /// Sets a cursor, making it when there is none. On the disk when it returns. Throws ``StoreError/Code/limitReached`` for a new one where
  /// there are too many; one that is there can always be moved.
  package func set(
    _ name: String, of owner: CursorOwner, to seq: UInt64, at milliseconds: Int64
  ) throws(StoreError) -> NamedCursor {
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
      try database.run(
        "UPDATE owned_cursors SET seq = ?, updated_ms = ? WHERE token = ? AND caller = ? AND name = ?",
        [.integer(number), .integer(milliseconds)] + CursorStore.key(owner) + [.text(name)])
      if database.changes > 0 { return }
      try checkRoom(for: owner, in: database)
      try database.run(
        "INSERT INTO owned_cursors (token, caller, name, seq, updated_ms) VALUES (?, ?, ?, ?, ?)",
        CursorStore.key(owner) + [.text(name), .integer(number), .integer(milliseconds)])
    }
    return NamedCursor(name: name, seq: seq, updatedAt: milliseconds)
  }

  private func removeExpired(in database: Database) throws(StoreError) {
    let tokens = try database.run("SELECT DISTINCT token FROM owned_cursors WHERE token <> ''").compactMap(
      \.first?.text)
    for token in tokens where !isGood(token) {
      try database.run("DELETE FROM owned_cursors WHERE token = ?", [.text(token)])
    }
  }

  private func checkRoom(for owner: CursorOwner, in database: Database) throws(StoreError) {
    func count(_ condition: String, _ values: [Database.Value] = []) throws(StoreError) -> Int64 {
      try database.run("SELECT count(*) FROM owned_cursors WHERE \(condition)", values).first?.first?.integer ?? 0
    }
    func refuse(_ most: Int, _ whose: String) -> StoreError {
      StoreError(code: .limitReached, message: "there are \(most) cursors \(whose) already; remove some")
    }
    if let token = owner.token, try count("token = ?", [.text(token)]) >= CursorStore.mostOfToken {
      throw refuse(CursorStore.mostOfToken, "of this token")
    }
    func fault() throws(StoreError) -> StoreError? {
      if try count("true") >= CursorStore.mostCursors { return refuse(CursorStore.mostCursors, "on this server") }
      guard owner.token != nil, try count("token <> ''") >= CursorStore.mostOfTokens else { return nil }
      return refuse(CursorStore.mostOfTokens, "of tokens")
    }
    guard try fault() != nil else { return }
    try removeExpired(in: database)
    if let fault = try fault() { throw fault }
  }

  /// Throws ``StoreError/Code/notFound``.
  package func remove(_ name: String, of owner: CursorOwner) throws(StoreError) {
    let removed = try database.use { database throws(StoreError) in
      try database.run(
        "DELETE FROM owned_cursors WHERE token = ? AND caller = ? AND name = ?",
        CursorStore.key(owner) + [.text(name)])
      return database.changes
    }
    if removed == 0 { throw StoreError(code: .notFound, message: "there is no cursor \"\(name)\"") }
  }

  /// Removes all cursors of a token that is no longer good.
  package func removeAll(ofToken id: String) throws(StoreError) {
    try database.use { database throws(StoreError) in
      _ = try database.run("DELETE FROM owned_cursors WHERE token = ?", [.text(id)])
    }
  }

  private static func cursor(_ row: [Database.Value]) -> NamedCursor? {
    guard let name = row[0].text, let seq = row[1].integer, let updated = row[2].integer, seq >= 0 else { return nil }
    return NamedCursor(name: name, seq: UInt64(seq), updatedAt: updated)
  }
}

import Sys

/// The tokens of a server. Nothing is opened before the first call, so a server without TCP pays nothing. Calls may
/// come from any thread; checking a token takes some microseconds, making or revoking one waits for the disk.
package final class TokenStore: Sendable {
  private let database: LazyDatabase

  /// Every secret begins so: scanners that look for leaked secrets can know it.
  package static let prefix = "roost_"
  /// Characters after the prefix: 32 of base62 are 190 bits.
  package static let secretLength = 32
  /// Tokens at most: they are made by hand.
  package static let mostTokens = 10_000
  package static let longestName = 128
  private static let longestList = 256

  private static let migrations = [
    """
    CREATE TABLE tokens (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      hash BLOB NOT NULL UNIQUE,
      scopes TEXT NOT NULL,
      sessions TEXT NOT NULL,
      tags TEXT NOT NULL,
      expires_ms INTEGER,
      created_ms INTEGER NOT NULL
    ) STRICT
    """
  ]

  /// `path` as `Paths.tokenDatabase`; its folder is made when needed.
  /// - Parameter quarantine: Where a damaged file goes: no token is good then until it is made anew.
  package init(path: String, quarantine: Quarantine? = nil) {
    database = LazyDatabase(
      path: path, migrations: TokenStore.migrations, quarantine: quarantine,
      loss: "every token is refused; make new ones with 'roost token create'")
  }

  package convenience init(paths: Paths, quarantine: Quarantine? = nil) {
    self.init(path: paths.tokenDatabase, quarantine: quarantine)
  }

  /// Makes a token. The secret is in the answer and nowhere else, ever.
  ///
  /// - Parameters:
  ///   - name: For people: 1...128 bytes without control characters.
  ///   - sessions, tags: At most 256 each, of 1...128 bytes.
  ///   - expiresAt: Milliseconds since 1970 UTC.
  package func create(
    name: String, scopes: Set<Scope>, sessions: [String] = [], tags: [String] = [], expiresAt: Int64? = nil
  ) throws(StoreError) -> (secret: String, token: Token) {
    for text in [name] + sessions + tags {
      // Lists are stored with a line for each.
      guard !text.isEmpty, text.utf8.count <= Self.longestName, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
      else {
        throw StoreError(
          code: .invalidName, message: "names have 1 to \(Self.longestName) bytes and no control characters")
      }
    }
    guard sessions.count <= Self.longestList, tags.count <= Self.longestList else {
      throw StoreError(code: .invalidName, message: "a token names at most \(Self.longestList) sessions or tags")
    }
    guard !scopes.isEmpty else { throw StoreError(code: .invalidName, message: "a token needs at least one scope") }
    let secret = Self.makeSecret()
    let token = Token(
      id: makeUUID(), name: name, scopes: scopes, sessions: sessions, tags: tags, expiresAt: expiresAt,
      createdAt: Self.now)
    try database.use { database throws(StoreError) in
      guard (try database.run("SELECT count(*) FROM tokens").first?.first?.integer ?? 0) < Self.mostTokens else {
        throw StoreError(code: .systemFailure, message: "there are \(Self.mostTokens) tokens already; revoke some")
      }
      try database.run(
        """
        INSERT INTO tokens (id, name, hash, scopes, sessions, tags, expires_ms, created_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
          .text(token.id), .text(name), .blob(Digest.sha256(Array(secret.utf8))),
          .text(scopes.map(\.rawValue).sorted().joined(separator: "\n")),
          .text(sessions.joined(separator: "\n")), .text(tags.joined(separator: "\n")),
          expiresAt.map { .integer($0) } ?? .null, .integer(token.createdAt),
        ])
    }
    return (secret, token)
  }

  /// The token of a secret; nil when there is none, or it has expired or was revoked.
  package func verify(_ secret: String) throws(StoreError) -> Token? {
    guard secret.utf8.count == Self.prefix.utf8.count + Self.secretLength, secret.hasPrefix(Self.prefix) else {
      return nil
    }
    // Looking up by the hash tells nothing by its timing: who does not know the secret cannot steer its hash.
    let hash = Digest.sha256(Array(secret.utf8))
    let found = try database.use { database throws(StoreError) in
      try database.run("SELECT \(Self.columns), hash FROM tokens WHERE hash = ?", [.blob(hash)]).first
    }
    guard let row = found, let stored = row.last?.blob, Digest.constantTimeEqual(stored, hash),
      let token = Self.token(row), !token.isExpired
    else { return nil }
    return token
  }

  /// The token of an id, expired or not; nil when there is none.
  package func token(id: String) throws(StoreError) -> Token? {
    try database.use { database throws(StoreError) in
      try database.run("SELECT \(Self.columns) FROM tokens WHERE id = ?", [.text(id)]).first.flatMap { Self.token($0) }
    }
  }

  /// All tokens, expired ones too, the oldest first.
  package func list() throws(StoreError) -> [Token] {
    try database.use { database throws(StoreError) in
      try database.run("SELECT \(Self.columns) FROM tokens ORDER BY created_ms, id").compactMap { Self.token($0) }
    }
  }

  /// The names and the tags of sessions that tokens are limited to which have not expired.
  package func limits() throws(StoreError) -> (sessions: Set<String>, tags: Set<String>) {
    let limited = try database.use { database throws(StoreError) in
      try database.run("SELECT \(Self.columns) FROM tokens WHERE sessions != '' OR tags != ''")
    }
    let tokens = limited.compactMap { Self.token($0) }.filter { !$0.isExpired }
    return (Set(tokens.flatMap(\.sessions)), Set(tokens.flatMap(\.tags)))
  }

  /// From now on the token is unknown. Fails with `notFound` for an id that is.
  package func revoke(id: String) throws(StoreError) {
    let gone = try database.use { database throws(StoreError) in
      try database.run("DELETE FROM tokens WHERE id = ?", [.text(id)])
      return database.changes
    }
    guard gone > 0 else { throw StoreError(code: .notFound, message: "there is no token with the id \(id)") }
  }

  private static let columns = "id, name, scopes, sessions, tags, expires_ms, created_ms"

  private static func token(_ row: [Database.Value]) -> Token? {
    guard row.count >= 7, let id = row[0].text, let name = row[1].text, let scopes = row[2].text,
      let sessions = row[3].text, let tags = row[4].text, let created = row[6].integer
    else { return nil }
    func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }
    // A scope of a later version means nothing here, and so grants nothing.
    return Token(
      id: id, name: name, scopes: Set(lines(scopes).compactMap(Scope.init)), sessions: lines(sessions),
      tags: lines(tags), expiresAt: row[5].integer, createdAt: created)
  }

  private static var now: Int64 { Int64(clamping: Clock.realtime / 1_000_000) }

  private static func makeSecret() -> String {
    let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    var characters: [UInt8] = []
    while characters.count < secretLength {
      // 248 is the largest multiple of 62 in a byte: what lies above would favour some characters.
      for byte in randomBytes(secretLength) where byte < 248 && characters.count < secretLength {
        characters.append(alphabet[Int(byte) % alphabet.count])
      }
    }
    return prefix + String(decoding: characters, as: UTF8.self)
  }
}

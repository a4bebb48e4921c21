import CSQLite
import Glibc
import Sys

/// One connection to an SQLite file, for one thread at a time. Committed means on the disk (synchronous FULL).
package final class Database {
  private let handle: OpaquePointer
  private let path: String
  private var prepared: [String: OpaquePointer] = [:]

  package enum Value: Equatable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var text: String? { if case .text(let value) = self { value } else { nil } }
    package var blob: [UInt8]? { if case .blob(let value) = self { value } else { nil } }
  }

  /// Another process (a command line tool beside the server) may hold the file for the length of a transaction.
  private static let busyMilliseconds: CInt = 5000

  /// Opens the file, making it with mode 0600, and brings its schema from its version (0: empty) to `migrations.count`
  /// by running those that are missing, each in a transaction of its own.
  init(path: String, migrations: [String]) throws(StoreError) {
    // SQLite would make it readable for everybody that the umask allows, and its journals take over the mode.
    if let made = try? openRegularFile(path, O_RDWR | O_CREAT) { close(made) }
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    let result = sqlite3_open_v2(path, &opened, flags, nil)
    guard result == SQLITE_OK, let opened else {
      sqlite3_close_v2(opened)
      throw StoreError(
        code: Self.code(result), message: "\(path) cannot be opened: \(String(cString: sqlite3_errstr(result)))")
    }
    handle = opened
    self.path = path
    sqlite3_busy_timeout(handle, Self.busyMilliseconds)
    do throws(StoreError) {
      try run("PRAGMA journal_mode = WAL")
      try run("PRAGMA synchronous = FULL")
      try run("PRAGMA foreign_keys = ON")
      // A file that somebody else wrote must not make us run what its schema says.
      try run("PRAGMA trusted_schema = OFF")
      try migrate(migrations, path: path)
    } catch {
      finish()
      throw error
    }
  }

  deinit { finish() }

  private var isFinished = false
  private func finish() {
    guard !isFinished else { return }
    isFinished = true
    for statement in prepared.values { sqlite3_finalize(statement) }
    sqlite3_close_v2(handle)
  }

  private func migrate(_ migrations: [String], path: String) throws(StoreError) {
    func version() throws(StoreError) -> Int { Int(try run("PRAGMA user_version").first?.first?.integer ?? 0) }
    guard try version() <= migrations.count else {
      var refusal = StoreError(
        code: .corrupt, message: "\(path) was written by a newer version of this program; use that one")
      refusal.isOfNewerVersion = true
      throw refusal
    }
    while try version() < migrations.count {
      try run("BEGIN IMMEDIATE")
      do throws(StoreError) {
        // Somebody else may have been faster between the look and the lock.
        let current = try version()
        if current < migrations.count {
          try run(migrations[current])
          try run("PRAGMA user_version = \(current + 1)")
        }
        try run("COMMIT")
      } catch {
        _ = try? run("ROLLBACK")
        throw error
      }
    }
  }

  /// Runs one statement and gives all its rows. Statements are prepared once and kept: `sql` must be a constant.
  @discardableResult
  package func run(_ sql: String, _ values: [Value] = []) throws(StoreError) -> [[Value]] {
    let statement = try prepare(sql)
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    for (index, value) in values.enumerated() {
      guard bind(value, to: statement, at: CInt(index + 1)) == SQLITE_OK else { throw failure() }
    }
    var rows: [[Value]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW: rows.append((0..<sqlite3_column_count(statement)).map { column(statement, $0) })
      case SQLITE_DONE: return rows
      default: throw failure()
      }
    }
  }

  /// How many rows the last statement changed.
  package var changes: Int { Int(sqlite3_changes(handle)) }

  private func prepare(_ sql: String) throws(StoreError) -> OpaquePointer {
    if let known = prepared[sql] { return known }
    var statement: OpaquePointer?
    guard sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
      let statement
    else { throw failure() }
    prepared[sql] = statement
    return statement
  }

  private func bind(_ value: Value, to statement: OpaquePointer, at index: CInt) -> CInt {
    // SQLITE_TRANSIENT, a macro that casts -1: SQLite takes a copy.
    let copy = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch value {
    case .null: return sqlite3_bind_null(statement, index)
    case .integer(let number): return sqlite3_bind_int64(statement, index, number)
    case .text(let text): return sqlite3_bind_text(statement, index, text, CInt(text.utf8.count), copy)
    case .blob(let bytes):
      // An empty array may have no address, which SQLite would take for NULL.
      if bytes.isEmpty { return sqlite3_bind_zeroblob(statement, index, 0) }
      return sqlite3_bind_blob(statement, index, bytes, CInt(bytes.count), copy)
    }
  }

  private func column(_ statement: OpaquePointer, _ index: CInt) -> Value {
    switch sqlite3_column_type(statement, index) {
    case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, index))
    case SQLITE_TEXT:
      guard let text = sqlite3_column_text(statement, index) else { return .null }
      let count = Int(sqlite3_column_bytes(statement, index))
      return .text(String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self))
    case SQLITE_BLOB:
      let count = Int(sqlite3_column_bytes(statement, index))
      guard count > 0, let bytes = sqlite3_column_blob(statement, index) else { return .blob([]) }
      return .blob([UInt8](UnsafeRawBufferPointer(start: bytes, count: count)))
    default: return .null
    }
  }

  /// Throws `corrupt` when the file is damaged anywhere.
  func check() throws(StoreError) {
    let found = try run("PRAGMA quick_check(1)").first?.first?.text ?? "no answer"
    guard found == "ok" else { throw StoreError(code: .corrupt, message: "\(path): \(found)") }
  }

  /// Writes all that it holds into a file that is not there yet, with mode 0600: also when its own has lost its name.
  func copy(to path: String) throws(StoreError) {
    let made = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if made >= 0 { close(made) }
    do throws(StoreError) {
      try run("VACUUM INTO ?", [.text(path)])
    } catch {
      // Half of it is worse than none.
      unlink(path)
      throw error
    }
  }

  /// What SQLite says of the code alone: its own sentences hold names of tables and pieces of statements, and these reach callers.
  private func failure() -> StoreError {
    let extended = sqlite3_extended_errcode(handle)
    let system = sqlite3_system_errno(handle)
    let isFull = extended & 0xff == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT)
    return StoreError(
      code: isFull ? .full : Self.code(extended),
      message: "the server's records could not be read or written: \(String(cString: sqlite3_errstr(extended & 0xff)))")
  }

  private static func code(_ result: CInt) -> StoreError.Code {
    switch result & 0xff {
    case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
    case SQLITE_FULL: .full
    default: .systemFailure
    }
  }
}

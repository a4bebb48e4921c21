import Synchronization
import Sys

/// A database that is opened, its folder made when needed, by whoever uses it first. Calls may come from any thread, one at a time.
///
/// A file that is taken away while it is open is made again with what it held; one that is put in its place is used from then on.
package final class LazyDatabase: Sendable {
  private let path: String
  private let migrations: [String]
  private let quarantine: Quarantine?
  private let loss: String
  private let state = Mutex<State>(State())

  private struct State {
    var database: Database?
    /// Of the file that is open.
    var file: FileIdentity?
    var isNew = false
  }

  /// - Parameters:
  ///   - quarantine: Where a damaged file goes; without one it fails every call.
  ///   - loss: What is not known then, and what to do.
  package init(path: String, migrations: [String], quarantine: Quarantine? = nil, loss: String = "") {
    self.path = path
    self.migrations = migrations
    self.quarantine = quarantine
    self.loss = loss
  }

  /// Whether a damaged file had to be put aside.
  package var hasLost: Bool { state.withLock { $0.isNew } }

  package func use<Result: Sendable>(_ body: (Database) throws(StoreError) -> Result) throws(StoreError) -> Result {
    try state.withLock { state throws(StoreError) -> Result in
      if let opened = state.database, FileIdentity(path) != state.file {
        if FileIdentity(path) == nil {
          try prepareFolder()
          try opened.copy(to: path)
        }
        state.database = nil
      }
      if let opened = state.database { return try body(opened) }
      try prepareFolder()
      let made = try open(&state)
      state.file = FileIdentity(path)
      state.database = made
      return try body(made)
    }
  }

  private func prepareFolder() throws(StoreError) {
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try preparePrivateFolder(String(path[..<slash]))
    }
  }

  private func open(_ state: inout State) throws(StoreError) -> Database {
    do throws(StoreError) {
      return try checked()
    } catch {
      guard error.code == .corrupt, let quarantine, !error.isOfNewerVersion else { throw error }
      try quarantine.put(aside: path, why: error.message, loss: loss)
      state.isNew = true
      return try Database(path: path, migrations: migrations)
    }
  }

  /// What is damaged deep inside is found now, and not by whoever happens upon it.
  private func checked() throws(StoreError) -> Database {
    let opened = try Database(path: path, migrations: migrations)
    if quarantine != nil { try opened.check() }
    return opened
  }
}

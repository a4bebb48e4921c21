import Synchronization

/// A database that is opened, its folder made when needed, by whoever uses it first. Calls may come from any thread, one at a time.
package final class LazyDatabase: Sendable {
  private let path: String
  private let migrations: [String]
  private let database = Mutex<Database?>(nil)

  package init(path: String, migrations: [String]) {
    self.path = path
    self.migrations = migrations
  }

  package func use<Result: Sendable>(_ body: (Database) throws(StoreError) -> Result) throws(StoreError) -> Result {
    try database.withLock { opened throws(StoreError) -> Result in
      if let opened { return try body(opened) }
      if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
        try preparePrivateFolder(String(path[..<slash]))
      }
      let made = try Database(path: path, migrations: migrations)
      opened = made
      return try body(made)
    }
  }
}

import Synchronization
package import Sys

/// The processes of the machine, read once at most however many sessions need them.
package final class ProcessTable: Sendable {
  private let table = Mutex<[ProcessStatus]?>(nil)

  package init() {}

  @Sendable package func all() -> [ProcessStatus] {
    table.withLock { table in
      if let table { return table }
      let read = ProcessStatus.all()
      table = read
      return read
    }
  }
}

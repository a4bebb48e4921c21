import Synchronization
package import Sys

/// The processes of the machine by their groups, read once at most however many sessions need them.
package final class ProcessTable: Sendable {
  private let groups = Mutex<[ProcessID: [ProcessStatus]]?>(nil)

  package init() {}

  @Sendable package func members(of group: ProcessID) -> [ProcessStatus] {
    groups.withLock { groups in
      if let groups { return groups[group] ?? [] }
      let read = Dictionary(grouping: ProcessStatus.all(), by: \.group)
      groups = read
      return read[group] ?? []
    }
  }
}

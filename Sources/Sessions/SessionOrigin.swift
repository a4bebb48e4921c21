package import Causality
import Synchronization
package import Sys

extension SessionStore {
  /// Ancestors that are looked at: shells in shells are a few, and a loop of reused numbers ends.
  private static let mostAncestors = 64

  /// Whether there are sessions that were made for somebody else than the local user. While there are none, where a process is makes no difference.
  package nonisolated var hasMakers: Bool { makers.withLock { !$0.isEmpty } }

  /// In which session a process is: by its ancestors, by the terminal session that it or one of them belongs to, and then by what its environment says of it.
  ///
  /// Processes of one user can do to each other what they like: this tells what a process is, and keeps no process from becoming another.
  /// - Parameter keeper: the process that all sessions' programs descend from.
  package nonisolated func origin(of pid: ProcessID, keeper: ProcessID) -> ProcessOrigin {
    let programs = Dictionary(sessions.map { ($0.pid, $0) }, uniquingKeysWith: { first, _ in first })
    var isKept = false
    var next = pid
    for _ in 0..<SessionStore.mostAncestors {
      guard next > 1, let status = ProcessStatus.read(next) else { break }
      if let session = programs[next] ?? programs[status.session] { return .session(maker: session.maker) }
      if next == keeper { isKept = true }
      next = status.parent
    }
    if let id = ProcessStatus.environment("ROOST_SESSION_ID", of: pid) {
      if let session = sessions.first(where: { $0.id == id }) { return .session(maker: session.maker) }
      if let maker = makers.withLock({ $0[id] }) { return .session(maker: maker) }
    }
    return isKept && pid != keeper ? .someSession : .outside
  }
}

import Glibc
import Synchronization
import Sys

/// Files of the state folder that were damaged and have been put aside, so that a server runs without what they held instead of not at all.
package final class Quarantine: Sendable {
  private let files = Mutex<[String]>([])
  private let report: @Sendable (String) -> Void

  /// - Parameter report: Told, in a sentence, of each file that is put aside.
  package init(report: @escaping @Sendable (String) -> Void) { self.report = report }

  /// The names under which they are kept, and those of files that are damaged in part.
  package var paths: [String] { files.withLock { $0 } }

  /// Names a file of which a part cannot be understood and is passed over; it stays where it is.
  /// - Parameter what: What is passed over, and what to do: the end of a sentence.
  package func note(_ path: String, _ what: String) {
    files.withLock { if !$0.contains(path) { $0.append(path) } }
    report("\(path) is damaged: \(what)")
  }

  /// Puts a database aside, its journals with it.
  /// - Parameters:
  ///   - why: What is wrong with it.
  ///   - loss: What is not known without it, and what to do: the end of a sentence.
  func put(aside path: String, why: String, loss: String) throws(StoreError) {
    let name = "\(path).damaged-\(Clock.realtime / 1_000_000)"
    guard rename(path, name) == 0 else {
      throw StoreError(
        code: .systemFailure,
        message: "\(path) is damaged (\(why)) and cannot be put aside: \(SystemError.last("rename").reason)")
    }
    for journal in ["-wal", "-shm"] { rename(path + journal, name + journal) }
    files.withLock { $0.append(name) }
    report("\(path) is damaged (\(why)) and is kept as \(name): \(loss)")
  }
}

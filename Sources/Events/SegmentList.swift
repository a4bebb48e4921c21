import Glibc
import Synchronization
import Sys

/// The files of the log, oldest first.
final class SegmentList: Sendable {
  let folder: String
  private let segments = Mutex<[Segment]>([])

  init(folder: String) { self.folder = folder }

  var all: [Segment] { segments.withLock { $0 } }
  var newest: Segment? { segments.withLock { $0.last } }

  func add(_ segment: Segment) { segments.withLock { $0.append(segment) } }
  func remove(_ segment: Segment) { segments.withLock { $0.removeAll { $0 === segment } } }

  /// Leaves out files that are not there any more.
  func forgetMissing() { segments.withLock { $0.removeAll { FileIdentity($0.path) == nil } } }

  /// Finds what is in the folder. A missing folder is an empty log.
  func load() throws(SystemError) {
    var found: [Segment] = []
    for day in try LogFile.entries(folder) where day.utf8.count == 8 {
      for file in try LogFile.entries("\(folder)/\(day)") {
        guard let name = SegmentName(folder: day, file: file) else { continue }
        var status = stat()
        guard stat("\(folder)/\(name.path)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
        var knowledge = Segment.Knowledge()
        knowledge.end = Int(status.st_size)
        knowledge.knownFrom = knowledge.end
        found.append(Segment(name, folder: folder, knowledge: knowledge))
      }
    }
    found.sort { $0.name < $1.name }
    let loaded = found
    segments.withLock { $0 = loaded }
  }

  /// The file that holds the event of that number, or the first after it when it is gone; `nil` when there is none.
  func index(ofSeq seq: UInt64, in segments: [Segment]) -> Int? {
    var (low, high) = (0, segments.count)
    // The first file that begins after `seq`.
    while low < high {
      let middle = (low + high) / 2
      // A file without a good line tells nothing: look at the next that does.
      var probe = middle
      var first: UInt64?
      while probe < high {
        first = segments[probe].findFirstSeq()
        if first != nil { break }
        probe += 1
      }
      if let first, first <= seq { low = probe + 1 } else { high = middle }
    }
    return segments.isEmpty ? nil : max(0, low - 1)
  }
}

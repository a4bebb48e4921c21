import Synchronization

/// What is known of one file of the log.
///
/// Written by the log's thread (the file that grows) or by a reader that had to scan it, read by all: hence behind a mutex.
final class Segment: Sendable {
  let name: SegmentName
  let path: String
  let indexPath: String
  let idsPath: String
  /// Where its events are by their ids.
  let ids: SegmentIDs

  /// Every so many bytes the place of an event is noted, so that a reader begins near what it wants.
  static let markEvery = 64 * 1024

  struct Mark: Sendable, Equatable {
    let seq: UInt64
    let offset: Int
    /// The latest time of any event before this place in the file, in microseconds.
    let latestBefore: Int64
  }

  struct Knowledge: Sendable, Equatable {
    /// 0 while there is no event.
    var firstSeq: UInt64 = 0
    var lastSeq: UInt64 = 0
    var minimumTime = Int64.max
    var maximumTime = Int64.min
    var events = 0
    var corruptLines = 0
    /// In the order of their offsets.
    var marks: [Mark] = []
    /// From where on all of this is known; 0: the whole file.
    var knownFrom = 0
    /// Up to where the file is whole lines that are on the disk.
    var end = 0

    mutating func note(_ line: EventLine, at offset: Int) {
      if events == 0 { firstSeq = line.seq }
      lastSeq = line.seq
      if offset - (marks.last?.offset ?? -Segment.markEvery) >= Segment.markEvery {
        marks.append(Mark(seq: line.seq, offset: offset, latestBefore: maximumTime))
      }
      minimumTime = min(minimumTime, line.time.microseconds)
      maximumTime = max(maximumTime, line.time.microseconds)
      events += 1
    }

    /// Knowledge of what stands before, and then this.
    func preceded(by earlier: Knowledge) -> Knowledge {
      var whole = earlier
      if events > 0 {
        if whole.events == 0 { whole.firstSeq = firstSeq }
        whole.lastSeq = lastSeq
      }
      whole.minimumTime = min(minimumTime, earlier.minimumTime)
      whole.maximumTime = max(maximumTime, earlier.maximumTime)
      whole.events += events
      whole.corruptLines += corruptLines
      whole.marks += marks.map {
        Mark(seq: $0.seq, offset: $0.offset, latestBefore: max($0.latestBefore, earlier.maximumTime))
      }
      whole.end = end
      return whole
    }
  }

  private let knowledge: Mutex<Knowledge>

  init(_ name: SegmentName, folder: String, knowledge: Knowledge) {
    self.name = name
    path = "\(folder)/\(name.path)"
    indexPath = "\(folder)/\(name.indexPath)"
    idsPath = "\(folder)/\(name.idsPath)"
    ids = SegmentIDs(path: path, idsPath: idsPath)
    self.knowledge = Mutex(knowledge)
  }

  var known: Knowledge { knowledge.withLock { $0 } }

  func update(_ body: (inout Knowledge) -> Void) { knowledge.withLock { body(&$0) } }
}

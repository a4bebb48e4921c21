import Glibc

/// How long events are kept: whole files go, the oldest first, never the one that grows.
///
/// The bound of bytes is one of the disk: it holds before anything is written, with what stands beside the files, so files are small against
/// it (``segmentBytes(atMost:)``).
package struct Retention: Sendable {
  /// The least bound of bytes: a list of events is written at once, and may take 6.4 MiB.
  package static let leastBytes = 16 << 20

  /// Files whose newest event is older go; `nil`: none for their age.
  package var age: Duration? = .seconds(30 * 24 * 3600)
  /// When the files together are larger, the oldest go; `nil`: no bound.
  package var bytes: Int? = 2 << 30

  /// What the same records as lines of text may take beside the events; `nil`: no bound.
  package var auditBytes: Int? { bytes.map { $0 / 4 } }

  package init() {}

  /// At which size a file is followed by another one, so that removing the oldest takes little of what is kept.
  func segmentBytes(atMost limit: Int) -> Int {
    guard let bytes else { return limit }
    return min(limit, max(64 * 1024, bytes / 8))
  }

  /// What a file of events of that size takes on the disk, with the two beside it: 8 bytes an event, of which none is smaller than 256, and a
  /// block for each file's end.
  static func space(of bytes: Int) -> Int { bytes + bytes / 16 + 4096 }

  /// Removes what is to go, so that `coming` bytes more fit into the file that grows. Returns how many files went.
  @discardableResult
  func apply(to segments: SegmentList, now: EventTime, coming: Int = 0) -> Int {
    var all = segments.all
    var total = coming + all.reduce(0) { $0 + Retention.space(of: $1.known.end) }
    var removed = 0
    while all.count > 1 {
      let oldest = all[0]
      let size = Retention.space(of: oldest.known.end)
      guard isTooOld(oldest, now) || bytes.map({ total > $0 }) == true else { break }
      // What cannot be removed is tried again the next time.
      guard unlink(oldest.path) == 0 || errno == ENOENT else { break }
      unlink(oldest.indexPath)
      unlink(oldest.idsPath)
      rmdir("\(segments.folder)/\(oldest.name.folder)")
      segments.remove(oldest)
      all.removeFirst()
      total -= size
      removed += 1
    }
    return removed
  }

  private func isTooOld(_ segment: Segment, _ now: EventTime) -> Bool {
    guard let age else { return false }
    let limit = now.earlier(by: age).microseconds
    // An hour's file may hold events of that whole hour; and the files of days ago need not be opened to be kept.
    guard segment.name.start.microseconds + 3_600_000_000 < limit else { return false }
    let known = segment.known
    return known.knownFrom != 0 || known.maximumTime < limit
  }
}

import Glibc

/// How long events are kept: whole files go, the oldest first, never the one that grows.
package struct Retention: Sendable {
  /// Files whose newest event is older go; `nil`: none for their age.
  package var age: Duration? = .seconds(30 * 24 * 3600)
  /// When the files together are larger, the oldest go; `nil`: no bound.
  package var bytes: Int? = 2 << 30

  package init() {}

  /// Removes what is to go. Returns how many files went.
  @discardableResult
  func apply(to segments: SegmentList, now: EventTime) -> Int {
    var all = segments.all
    var total = all.reduce(0) { $0 + $1.known.end }
    var removed = 0
    while all.count > 1 {
      let oldest = all[0]
      let size = oldest.known.end
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
    let limit = now.microseconds - age.components.seconds * 1_000_000
    // An hour's file may hold events of that whole hour; and the files of days ago need not be opened to be kept.
    guard segment.name.start.microseconds + 3_600_000_000 < limit else { return false }
    let known = segment.known
    return known.knownFrom != 0 || known.maximumTime < limit
  }
}

import Glibc
import Synchronization
import Sys

/// What a follower of the log gets.
package enum Followed: Sendable {
  case event(StoredEvent)
  /// Events of these numbers are not there any more: too old and removed, or unreadable.
  case gap(ClosedRange<UInt64>)
}

/// Which events a query wants.
package struct EventQuery: Sendable {
  package static let maximumLimit = 1000

  package var filter = EventFilter()
  /// Only events of greater numbers.
  package var after: UInt64?
  /// Only events of smaller numbers.
  package var before: UInt64?
  package var limit = 100
  /// Newest first.
  package var isDescending = false
  /// Which of the events that match the asker may hear of; `nil` for all. What is hidden from him counts for nothing: a page is as if it were
  /// not in the log.
  package var admits: (@Sendable (StoredEvent) -> Bool)?

  package init() {}

  fileprivate func visible(_ events: [StoredEvent]) -> [StoredEvent] { admits.map { events.filter($0) } ?? events }
}

/// What a query found.
package struct EventPage: Sendable {
  package var events: [StoredEvent] = []
  /// Where the next page goes on (``EventQuery/after``, or ``EventQuery/before`` when newest come first); `nil`: there is none.
  package var next: UInt64?
  /// Lines that could not be read among those that were looked at closely.
  package var unreadable = 0

  /// Events of one page have no more bytes together: with what the log takes, a thousand could have 64 MiB.
  package static let maximumBytes = 8 << 20

  /// Cuts what is more than a page, and says where the next goes on.
  /// - Returns: Whether there was more.
  fileprivate mutating func cut(to limit: Int) -> Bool {
    var bytes = 0
    var count = 0
    for event in events.prefix(limit) {
      bytes += event.documentBytes
      if bytes > EventPage.maximumBytes, count > 0 { break }
      count += 1
    }
    if count == events.count { return false }
    events.removeLast(events.count - count)
    next = events.last?.seq
    return true
  }
}

/// A question to the files that may be called off. Any thread.
final class LogSearch: Sendable {
  private let isCancelled = Atomic(false)

  func cancel() { isCancelled.store(true, ordering: .relaxed) }
  var isOver: Bool { isCancelled.load(ordering: .relaxed) }
}

/// Reads the files of the log. The functions block: they run on threads of their own.
final class LogReader: Sendable {
  /// One answer to a follower looks at no more of the files than this.
  static let scanBytes = 8 << 20
  /// One page for somebody from whom events may be hidden looks at no more of the files than this, whatever it finds: what is hidden has to be
  /// looked at, however much it is, and where the page ends is not to tell of it.
  static let limitedScanBytes = 64 << 20

  let segments: SegmentList
  /// Followers that are behind; and two for questions, so that a long search does not hold up a short one.
  private let following = WorkerThread(name: "events-follow")
  private let isStopping = LogSearch()
  private let asking = [WorkerThread(name: "events-query"), WorkerThread(name: "events-query")]

  private let scanLimit: Int

  /// - Parameter scanLimit: for tests; see ``limitedScanBytes``.
  init(segments: SegmentList, scanLimit: Int = LogReader.limitedScanBytes) {
    self.segments = segments
    self.scanLimit = scanLimit
  }

  func stop() {
    isStopping.cancel()
    following.stop()
    for thread in asking { thread.stop() }
  }

  func follow(_ work: @escaping @Sendable () -> Void) { following.submit(work) }

  /// One thread is the owner's: what others ask never goes there.
  func ask(forOwner: Bool, _ work: @escaping @Sendable () -> Void) {
    (forOwner && asking[1].waiting <= asking[0].waiting ? asking[1] : asking[0]).submit(work)
  }

  // MARK: Following

  /// What stands in the files from `seq` up to `last`, as far as one answer goes, and where the next one goes on.
  func read(
    from seq: UInt64, through last: UInt64, _ filter: EventFilter, maximumBytes: Int
  ) throws(SystemError) -> (items: [Followed], next: UInt64) {
    var items: [Followed] = []
    var expected = seq
    var (bytes, scanned) = (0, 0)
    let all = segments.all
    guard let first = segments.index(ofSeq: seq, in: all) else { return (gap(from: seq, through: last), last + 1) }
    for segment in all[first...] {
      try LogReader.learn(segment)
      let known = segment.known
      if known.events == 0 || known.lastSeq < expected { continue }
      let start = known.marks.last { $0.seq <= expected }?.offset ?? 0
      guard var scanner = try LogReader.scanner(segment, from: start, to: known.end, maximumBytes) else { continue }
      while let (piece, _) = try scanner.piece() {
        scanned += piece.count
        var found = Lines(piece)
        found.take { line, raw in
          guard line.seq >= expected, line.seq <= last else { return .passed }
          if line.seq > expected { return .gap(expected) }
          expected += 1
          return filter.matches(line, raw) ? .taken : .passed
        } onGap: { line in
          expected = line.seq
        }
        for item in found.items() {
          if case .event(let event) = item { bytes += event.documentBytes }
          items.append(item)
        }
        if bytes >= maximumBytes || scanned >= LogReader.scanBytes { return (items, expected) }
      }
    }
    if expected <= last {
      items.append(.gap(expected...last))
      expected = last + 1
    }
    return (items, expected)
  }

  private func gap(from seq: UInt64, through last: UInt64) -> [Followed] { seq <= last ? [.gap(seq...last)] : [] }

  /// Retention may remove a file while it is being looked at: then it is as if it had been gone.
  private static func learn(_ segment: Segment) throws(SystemError) {
    do throws(SystemError) { try segment.learn() } catch { if error.code != ENOENT { throw error } }
  }

  private static func scanner(
    _ segment: Segment, from: Int, to: Int, _ maximumBytes: Int = .max
  ) throws(SystemError) -> LineScanner? {
    // All lines of a piece are given: who may have little reads little at a time.
    let isScant = maximumBytes < Segment.markEvery
    do throws(SystemError) {
      return try LineScanner(
        path: segment.path, from: from, to: to, pieceBytes: isScant ? maximumBytes : LineScanner.pieceBytes)
    } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
  }

  // MARK: Asking

  /// The event of that id: the server's own before any other, the newest of others. Without one, no file is read but the small ones beside.
  func event(of id: String) throws(SystemError) -> StoredEvent? {
    var found: StoredEvent?
    for segment in segments.all.reversed() {
      do throws(SystemError) {
        guard let event = try segment.event(of: id) else { continue }
        if event.maker == .server { return event }
        if found == nil { found = event }
      } catch {
        // Retention has been faster.
        if error.code != ENOENT { throw error }
      }
    }
    return found
  }

  func page(_ query: EventQuery, _ search: LogSearch) throws(SystemError) -> EventPage {
    query.isDescending ? try newestFirst(query, search) : try oldestFirst(query, search)
  }

  /// Whether nobody waits for the answer any more.
  private func isOver(_ search: LogSearch) -> Bool { search.isOver || isStopping.isOver }

  private func isWorthwhile(_ known: Segment.Knowledge, _ query: EventQuery) -> Bool {
    if known.events == 0 { return false }
    if let since = query.filter.since, known.maximumTime < since.microseconds { return false }
    if let until = query.filter.until, known.minimumTime >= until.microseconds { return false }
    if let after = query.after, known.lastSeq <= after { return false }
    if let before = query.before, known.firstSeq >= before { return false }
    return true
  }

  /// Where to begin in a file: behind what is too old or of too small a number.
  private func start(_ known: Segment.Knowledge, _ query: EventQuery) -> Int {
    var offset = 0
    for mark in known.marks {
      let isEarlySeq = query.after.map { mark.seq == 0 || mark.seq - 1 <= $0 } ?? true
      let isEarlyTime = query.filter.since.map { mark.latestBefore < $0.microseconds } ?? true
      guard isEarlySeq && isEarlyTime else { break }
      // Without a bound to skip to, the file is read from its beginning.
      if query.after != nil || query.filter.since != nil { offset = mark.offset }
    }
    return offset
  }

  private func oldestFirst(_ query: EventQuery, _ search: LogSearch) throws(SystemError) -> EventPage {
    var page = EventPage()
    var scanned = 0
    let needle = query.filter.needle
    for segment in candidates(query) {
      if isOver(search) { return page }
      try LogReader.learn(segment)
      let known = segment.known
      guard isWorthwhile(known, query),
        var scanner = try LogReader.scanner(segment, from: start(known, query), to: known.end)
      else { continue }
      while !isOver(search), let (piece, _) = try scanner.piece() {
        var isPast = false
        var found = Lines(piece)
        found.search(query.filter, needle) { line in
          if let before = query.before, line.seq >= before {
            isPast = true
            return false
          }
          return query.after.map { line.seq > $0 } ?? true
        }
        // Whose the lines were is not known.
        if query.admits == nil { page.unreadable += found.unreadable }
        page.events += query.visible(found.events())
        if page.cut(to: query.limit) { return page }
        if isPast { return page }
        scanned += piece.count
        if query.admits != nil, scanned >= scanLimit, let last = found.lastSeq, query.after.map({ last > $0 }) ?? true {
          page.next = last
          return page
        }
      }
    }
    return page
  }

  private func newestFirst(_ query: EventQuery, _ search: LogSearch) throws(SystemError) -> EventPage {
    var page = EventPage()
    var scanned = 0
    let needle = query.filter.needle
    for segment in candidates(query).reversed() {
      if isOver(search) { return page }
      try LogReader.learn(segment)
      let known = segment.known
      guard isWorthwhile(known, query) else { continue }
      let first = start(known, query)
      // From mark to mark, the last stretch first.
      var ends = known.marks.map(\.offset).filter { $0 > first }
      ends.append(known.end)
      while !isOver(search), let end = ends.popLast() {
        let begin = max(first, ends.last ?? first)
        guard var scanner = try LogReader.scanner(segment, from: begin, to: end) else { break }
        var stretch: [StoredEvent] = []
        var lowest: UInt64?
        while let (piece, _) = try scanner.piece() {
          var found = Lines(piece)
          found.search(query.filter, needle) { line in
            (query.after.map { line.seq > $0 } ?? true) && (query.before.map { line.seq < $0 } ?? true)
          }
          if query.admits == nil { page.unreadable += found.unreadable }
          stretch += query.visible(found.events())
          scanned += piece.count
          if query.admits != nil { lowest = lowest ?? found.firstSeq }
        }
        page.events += stretch.reversed()
        if page.cut(to: query.limit) { return page }
        // What lies behind the place at which the last page ended is read again, and gets nobody on.
        if query.admits != nil, scanned >= scanLimit, let lowest, query.before.map({ lowest < $0 }) ?? true {
          page.next = lowest
          return page
        }
      }
    }
    return page
  }

  /// The files that may hold what is wanted. Bounds by number are a search among the files; bounds by time are looked at one by one.
  private func candidates(_ query: EventQuery) -> ArraySlice<Segment> {
    let all = segments.all
    guard !all.isEmpty else { return [] }
    let first = query.after.flatMap { segments.index(ofSeq: $0, in: all) } ?? 0
    let last = query.before.flatMap { segments.index(ofSeq: $0, in: all) } ?? all.count - 1
    return first <= last ? all[first...last] : []
  }
}

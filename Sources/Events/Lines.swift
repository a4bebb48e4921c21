import Sys

/// The lines of one piece of a file that are wanted, and what was missing between them.
struct Lines {
  enum Verdict {
    case taken
    case passed
    /// Events from this number on are missing before the line.
    case gap(UInt64)
  }

  private let piece: ArraySlice<UInt8>
  private var starts: [Int32] = []
  private var lines: [EventLine] = []
  private var lengths: [Int32] = []
  /// Before which of `lines` something is missing.
  private var gaps: [(index: Int, range: ClosedRange<UInt64>)] = []
  private var takenBytes = 0
  private(set) var unreadable = 0

  init(_ piece: ArraySlice<UInt8>) { self.piece = piece }

  private mutating func add(_ line: EventLine, at start: Int, length: Int) {
    starts.append(Int32(start))
    lines.append(line)
    lengths.append(Int32(length))
    takenBytes += length
  }

  /// Looks at every line. After a gap the line is looked at again.
  mutating func take(
    _ judge: (EventLine, UnsafeRawBufferPointer) -> Verdict, onGap: (EventLine) -> Void
  ) {
    piece.withUnsafeBytes { bytes in
      forEachLine(bytes) { raw, at in
        guard let line = EventLine(raw) else {
          unreadable += 1
          return true
        }
        var verdict = judge(line, raw)
        if case .gap(let missing) = verdict {
          gaps.append((lines.count, missing...(line.seq - 1)))
          onGap(line)
          verdict = judge(line, raw)
        }
        if case .taken = verdict { add(line, at: at, length: raw.count) }
        return true
      }
    }
  }

  /// Looks for lines that the filter lets through. With a needle only lines that hold it are looked at.
  mutating func search(_ filter: EventFilter, _ needle: [UInt8]?, _ isWanted: (EventLine) -> Bool) {
    piece.withUnsafeBytes { bytes in
      func look(_ raw: UnsafeRawBufferPointer, _ at: Int) {
        guard let line = EventLine(raw) else { return unreadable += 1 }
        if isWanted(line), filter.matches(line, raw) { add(line, at: at, length: raw.count) }
      }
      guard let needle else {
        forEachLine(bytes) { raw, at in
          look(raw, at)
          return true
        }
        return
      }
      needle.withUnsafeBytes { needle in
        var from = 0
        while let hit = firstOffset(of: needle, in: bytes, from: from) {
          let start = lastOffset(of: 0x0A, in: bytes, before: hit).map { $0 + 1 } ?? 0
          forEachLine(UnsafeRawBufferPointer(rebasing: bytes[start...])) { raw, _ in
            look(raw, start)
            from = start + raw.count + 1
            return false
          }
        }
      }
    }
  }

  /// The number of the first line of the piece that can be read, whether it was taken or not.
  var firstSeq: UInt64? {
    var seq: UInt64?
    piece.withUnsafeBytes { bytes in
      forEachLine(bytes) { raw, _ in
        seq = EventLine(raw)?.seq
        return seq == nil
      }
    }
    return seq
  }

  /// The same of the last line.
  var lastSeq: UInt64? {
    piece.withUnsafeBytes { bytes in
      var end = bytes.count
      while end > 0 {
        if bytes[end - 1] == 0x0A { end -= 1 }
        let start = lastOffset(of: 0x0A, in: bytes, before: end).map { $0 + 1 } ?? 0
        if let line = EventLine(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) { return line.seq }
        end = start
      }
      return nil
    }
  }

  /// The lines taken, as a chunk that keeps no more memory than twice what they need.
  private func chunk() -> EventChunk {
    if takenBytes * 2 >= piece.count {
      return EventChunk(bytes: Array(piece), starts: starts, lines: lines)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(takenBytes)
    var moved: [Int32] = []
    for (start, length) in zip(starts, lengths) {
      moved.append(Int32(bytes.count))
      let from = piece.startIndex + Int(start)
      bytes += piece[from..<from + Int(length)]
    }
    return EventChunk(bytes: bytes, starts: moved, lines: lines)
  }

  func events() -> [StoredEvent] {
    guard !lines.isEmpty else { return [] }
    let chunk = chunk()
    return lines.indices.map { StoredEvent(chunk: chunk, index: $0) }
  }

  func items() -> [Followed] {
    var items: [Followed] = []
    let events = events()
    items.reserveCapacity(events.count + gaps.count)
    var gap = 0
    for (index, event) in events.enumerated() {
      while gap < gaps.count, gaps[gap].index == index {
        items.append(.gap(gaps[gap].range))
        gap += 1
      }
      items.append(.event(event))
    }
    for rest in gaps[gap...] { items.append(.gap(rest.range)) }
    return items
  }
}

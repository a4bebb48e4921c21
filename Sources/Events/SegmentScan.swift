import Formats
import Glibc
import Store
import Sys

extension Segment {
  /// Reads part of the file and tells what is there. `corrupt` hears of each corrupt line: its offset in the file and how long it is.
  static func scan(
    _ path: String, from start: Int, to end: Int, corrupt: (_ offset: Int, _ bytes: Int) -> Void = { _, _ in }
  ) throws(SystemError) -> Knowledge {
    var knowledge = Knowledge()
    knowledge.knownFrom = start
    knowledge.end = end
    var scanner = try LineScanner(path: path, from: start, to: end)
    while let (bytes, offset) = try scanner.piece() {
      bytes.withUnsafeBytes { piece in
        forEachLine(piece) { line, at in
          if let event = EventLine(line) {
            knowledge.note(event, at: offset + at)
          } else {
            knowledge.corruptLines += 1
            corrupt(offset + at, line.count)
          }
          return true
        }
      }
    }
    return knowledge
  }

  /// Learns about the part of the file that is not known yet: from the index beside it, or by reading it. Called by readers and the log
  /// alike; two that do it at once do it twice and agree.
  func learn() throws(SystemError) {
    let known = known
    if known.knownFrom == 0 { return }
    let earlier: Knowledge
    if known.events == 0, let stored = readIndex(), stored.end == known.end {
      earlier = stored
    } else {
      earlier = try Segment.scan(path, from: 0, to: known.knownFrom)
    }
    update { now in
      // The file may have grown meanwhile; what was learned since is at hand.
      if now.knownFrom == known.knownFrom { now = now.preceded(by: earlier) }
      now.knownFrom = 0
    }
  }

  // MARK: The index beside the file

  private static let version: UInt64 = 1

  /// Keeps what is known, so that a later server need not read the file to know it. Not synced: it can be made again.
  func writeIndex() {
    let known = known
    guard known.knownFrom == 0, known.events > 0 else { return }
    var words: [UInt64] = [
      Segment.version, UInt64(known.end), known.firstSeq, known.lastSeq, UInt64(bitPattern: known.minimumTime),
      UInt64(bitPattern: known.maximumTime), UInt64(known.events), UInt64(known.corruptLines),
    ]
    for mark in known.marks { words += [mark.seq, UInt64(mark.offset), UInt64(bitPattern: mark.latestBefore)] }
    var bytes: [UInt8] = []
    for word in words { withUnsafeBytes(of: word.littleEndian) { bytes += $0 } }
    let sum = bytes.withUnsafeBytes { crc32c($0) }
    withUnsafeBytes(of: UInt64(sum).littleEndian) { bytes += $0 }
    try? AtomicFile.writeIfChanged(bytes, to: indexPath)
  }

  /// What the index says, if it is whole.
  func readIndex() -> Knowledge? {
    guard let bytes = try? readRegularFile(indexPath, limit: 16 << 20), bytes.count >= 72, bytes.count % 8 == 0 else {
      return nil
    }
    let words = bytes.withUnsafeBytes { raw in
      (0..<raw.count / 8).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
    }
    let sum = bytes.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[..<($0.count - 8)])) }
    guard words[0] == Segment.version, words.last == UInt64(sum), words.count % 3 == 0,
      let end = Int(exactly: words[1]), let events = Int(exactly: words[6]), let corrupt = Int(exactly: words[7])
    else { return nil }
    var known = Knowledge()
    known.end = end
    known.firstSeq = words[2]
    known.lastSeq = words[3]
    known.minimumTime = Int64(bitPattern: words[4])
    known.maximumTime = Int64(bitPattern: words[5])
    known.events = events
    known.corruptLines = corrupt
    for place in stride(from: 8, to: words.count - 1, by: 3) {
      guard let offset = Int(exactly: words[place + 1]), offset < end else { return nil }
      known.marks.append(
        Mark(seq: words[place], offset: offset, latestBefore: Int64(bitPattern: words[place + 2])))
    }
    return known
  }
}

extension Segment {
  /// The number of the first event, read from the file when it is not known yet; `nil` for a file without one.
  func findFirstSeq() -> UInt64? {
    let known = known
    if known.knownFrom == 0 { return known.events > 0 ? known.firstSeq : nil }
    if known.events == 0, let stored = readIndex(), stored.end == known.end { return stored.firstSeq }
    guard var scanner = try? LineScanner(path: path, from: 0, to: known.end) else { return nil }
    while let (bytes, _) = (try? scanner.piece()) ?? nil {
      var first: UInt64?
      bytes.withUnsafeBytes { piece in
        forEachLine(piece) { line, _ in
          first = EventLine(line)?.seq
          return first == nil
        }
      }
      if let first { return first }
    }
    return nil
  }
}

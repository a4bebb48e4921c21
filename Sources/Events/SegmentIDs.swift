import Glibc
import Store
import Synchronization
import Sys

/// Where the events of one file stand by their ids: an id that the log does not hold is known to be none without reading the log.
///
/// Of an event 8 bytes are kept: half of a hash of its id, and its offset. Those of the file that grows are in memory (so many as one file
/// holds); beside every other file they stand sorted in a file of their own, which is searched where it is. A missing or damaged one is made
/// again from the events.
final class SegmentIDs: Sendable {
  private struct Growing {
    var entries: [UInt64] = []
    /// From where on `entries` hold all events.
    var from: Int
  }

  private enum State {
    case growing(Growing)
    /// In the file, which has been found whole.
    case stored
    case unknown
  }

  private let path: String
  private let idsPath: String
  private let state = Mutex<State>(.unknown)

  init(path: String, idsPath: String) {
    self.path = path
    self.idsPath = idsPath
  }

  // MARK: The file that grows

  /// The file will grow from here on.
  func begin(at offset: Int) { state.withLock { $0 = .growing(Growing(from: offset)) } }

  /// Takes note of lines that are on the disk: `starts` are their offsets in `bytes`, which stand at `base` in the file.
  func note(_ lines: [EventLine], _ starts: [Int32], in bytes: borrowing [UInt8], at base: Int) {
    state.withLock { state in
      guard case .growing(var growing) = state else { return }
      state = .unknown
      bytes.withUnsafeBytes { raw in
        for (line, start) in zip(lines, starts) {
          growing.entries.append(SegmentIDs.entry(of: line, in: raw, lineAt: Int(start), offset: base + Int(start)))
        }
      }
      state = .growing(growing)
    }
  }

  /// The file has stopped growing at `end`: what is known goes beside it, where it is whole.
  func finish(at end: Int) {
    state.withLock { state in
      guard case .growing(let growing) = state else { return }
      state = .unknown
      if growing.from == 0 { state = store(growing.entries, end: end) ? .stored : .unknown }
    }
  }

  // MARK: Looking up

  /// Offsets at which an event of that id may begin, the last first; `end` is how much of the file is known to be events.
  func offsets(of id: String, end: Int) throws(SystemError) -> [Int] {
    let half = SegmentIDs.hash(id.utf8) >> 32
    let found: Result<[UInt64], SystemError> = state.withLock { state in
      Result { () throws(SystemError) in
        switch state {
        case .growing(var growing):
          if growing.from > 0 {
            growing.entries = try earlier(than: growing.from) + growing.entries
            growing.from = 0
            state = .growing(growing)
          }
          return growing.entries.filter { $0 >> 32 == half }
        case .unknown:
          if !isWhole(end: end) {
            let entries = try SegmentIDs.scan(path, to: end)
            guard store(entries, end: end) else { return entries.filter { $0 >> 32 == half } }
          }
          state = .stored
          fallthrough
        case .stored:
          return search(half)
        }
      }
    }
    return try found.get().map { Int($0 & 0xFFFF_FFFF) }.sorted(by: >)
  }

  private func earlier(than end: Int) throws(SystemError) -> [UInt64] {
    if isWhole(end: end), let bytes = try? readRegularFile(idsPath, limit: SegmentIDs.maximumFile) {
      return SegmentIDs.words(bytes).dropFirst(SegmentIDs.headWords).dropLast()
    }
    return try SegmentIDs.scan(path, to: end)
  }

  private static func scan(_ path: String, to end: Int) throws(SystemError) -> [UInt64] {
    var entries: [UInt64] = []
    var scanner = try LineScanner(path: path, from: 0, to: end)
    while let (bytes, offset) = try scanner.piece() {
      bytes.withUnsafeBytes { piece in
        forEachLine(piece) { raw, at in
          if let line = EventLine(raw, checkingSum: false) {
            entries.append(entry(of: line, in: piece, lineAt: at, offset: offset + at))
          }
          return true
        }
      }
    }
    return entries
  }

  private static func entry(of line: EventLine, in bytes: UnsafeRawBufferPointer, lineAt start: Int, offset: Int)
    -> UInt64
  {
    let id = bytes[start + Int(line.id.lowerBound)..<start + Int(line.id.upperBound)]
    return (hash(id) & ~0xFFFF_FFFF) | UInt64(offset)
  }

  /// FNV-1a, 64 bits, with a last mixing. What collides costs a look at one line more.
  private static func hash(_ id: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in id { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    hash ^= hash >> 29
    return hash &* 0x9E37_79B9_7F4A_7C15
  }

  // MARK: The file beside

  /// Version, end of the events, number of entries; then the entries, and a checksum.
  private static let headWords = 3
  private static let version: UInt64 = 1
  /// The smallest events are some 300 bytes, and no file of events is larger than 4 GiB.
  private static let maximumFile = 512 << 20

  private static func words(_ bytes: [UInt8]) -> [UInt64] {
    bytes.withUnsafeBytes { raw in
      (0..<raw.count / 8).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
    }
  }

  /// Whether it could be written.
  private func store(_ entries: [UInt64], end: Int) -> Bool {
    var bytes: [UInt8] = []
    bytes.reserveCapacity((entries.count + SegmentIDs.headWords + 1) * 8)
    for word in [SegmentIDs.version, UInt64(end), UInt64(entries.count)] + entries.sorted() {
      withUnsafeBytes(of: word.littleEndian) { bytes += $0 }
    }
    let sum = bytes.withUnsafeBytes { crc32c($0) }
    withUnsafeBytes(of: UInt64(sum).littleEndian) { bytes += $0 }
    do throws(SystemError) {
      try AtomicFile.writeIfChanged(bytes, to: idsPath)
      return true
    } catch {
      return false
    }
  }

  private func isWhole(end: Int) -> Bool {
    guard let bytes = try? readRegularFile(idsPath, limit: SegmentIDs.maximumFile),
      bytes.count >= (SegmentIDs.headWords + 1) * 8, bytes.count % 8 == 0
    else { return false }
    let words = SegmentIDs.words(bytes)
    let sum = bytes.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[..<($0.count - 8)])) }
    return words[0] == SegmentIDs.version && words[1] == UInt64(end) && words.last == UInt64(sum)
      && words[2] == UInt64(words.count - SegmentIDs.headWords - 1)
  }

  /// The entries of that half of a hash, by halving the file. A file that has gone since is as empty as its events.
  private func search(_ half: UInt64) -> [UInt64] {
    let file = Descriptor(owning: (try? openRegularFile(idsPath, O_RDONLY)) ?? -1)
    guard file.raw >= 0 else { return [] }
    func word(_ index: Int) -> UInt64? {
      var word: UInt64 = 0
      return pread(file.raw, &word, 8, off_t(index * 8)) == 8 ? UInt64(littleEndian: word) : nil
    }
    guard let count = word(2).flatMap({ Int(exactly: $0) }) else { return [] }
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      guard let entry = word(SegmentIDs.headWords + middle) else { return [] }
      if entry >> 32 < half { low = middle + 1 } else { high = middle }
    }
    var found: [UInt64] = []
    while low < count, let entry = word(SegmentIDs.headWords + low), entry >> 32 == half {
      found.append(entry)
      low += 1
    }
    return found
  }
}

extension Segment {
  /// The event of that id in this file; the server's own before any other, the newer before the older. Blocks.
  func event(of id: String) throws(SystemError) -> StoredEvent? {
    var found: StoredEvent?
    let end = known.end
    for offset in try ids.offsets(of: id, end: end) {
      guard let event = try event(at: offset, before: end), event.id == id else { continue }
      if event.maker == .server { return event }
      if found == nil { found = event }
    }
    return found
  }

  private func event(at offset: Int, before end: Int) throws(SystemError) -> StoredEvent? {
    let file = Descriptor(owning: open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
    guard file.raw >= 0 else {
      if errno == ENOENT { return nil }
      throw .last("open \(path)")
    }
    // Most events are small; the longest fit in the second look.
    for window in [4096, EventLine.maximumBytes + 1] {
      let wanted = min(window, end - offset)
      let bytes = [UInt8](unsafeUninitializedCapacity: max(0, wanted)) { buffer, count in
        count = max(0, pread(file.raw, buffer.baseAddress, wanted, off_t(offset)))
      }
      guard let feed = bytes.firstIndex(of: 0x0A) else { continue }
      let line = bytes.withUnsafeBytes { EventLine(UnsafeRawBufferPointer(rebasing: $0[..<feed])) }
      guard let line else { return nil }
      return StoredEvent(chunk: EventChunk(bytes: Array(bytes[...feed]), starts: [0], lines: [line]), index: 0)
    }
    return nil
  }
}

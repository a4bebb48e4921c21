import Sys

/// The text that one command printed: all of it where there is room, else its beginning and its end.
///
/// A short text is in memory. A longer one is on a ``SpoolFile``, up to a bound; what is printed beyond that is forgotten but for the last
/// stretch, and so is all but the beginning and the end where there is no spool (a full disk does not make a command fail). Pieces that are
/// answered never begin or end inside a character. Belongs to one session, on whose loop it is used.
package final class CommandOutput {
  /// A text up to this long is kept in memory, and of a longer one that has no place on a spool this much of its beginning and end.
  package static let memoryBytes = 256 << 10
  /// Bytes of one text on a spool.
  package static let spoolBytes = 256 << 20
  /// The same where the spool is memory, because there is no folder for it, or none that takes a file.
  package static let memorySpoolBytes = 16 << 20

  /// A stretch of a text.
  package struct Piece: Sendable, Equatable {
    /// Where it begins: where it was asked for, or behind what was dropped there.
    package var offset: Int
    package var bytes: [UInt8]
    /// Where to go on reading; `nil` at the end.
    package var nextOffset: Int?
  }

  private let folder: String?
  private var spoolLimit: Int
  /// The whole text, until there is a spool; then nothing, or the beginning where no spool could be made.
  private var beginning: [UInt8] = []
  private var spool: SpoolFile?
  /// How much of the text is on the spool, from its beginning.
  private var spooled = 0
  private var isSpoolFull = false
  /// The last stretch of a text that is too long for memory.
  private var ending: [UInt8] = []
  private var settledBytes = 0
  private var settledLines = 0
  /// What stands behind the final text and may still change.
  private var provisional: [UInt8] = []
  package private(set) var isFinished = false

  /// `folder` is where a spool may be made; without one it is memory.
  package init(folder: String? = nil, spoolLimit: Int? = nil) {
    self.folder = folder
    self.spoolLimit = spoolLimit ?? CommandOutput.spoolBytes
  }

  /// Bytes of the text so far, those that were dropped included.
  package var totalBytes: Int { settledBytes + provisional.count }
  /// Lines that were ended.
  package var lines: Int { settledLines + provisional.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) } }
  /// Bytes between the beginning and the end that are no longer there.
  package var droppedBytes: Int { endingOffset - keptBeginning }
  /// Bytes that it takes on a spool.
  package var bytesOnSpool: Int { spool == nil ? 0 : spooled }

  /// How much of the text is there from its beginning on.
  private var keptBeginning: Int { spool == nil ? beginning.count : spooled }
  /// Where the stretch that is kept of its end begins.
  private var endingOffset: Int { max(settledBytes - ending.count, keptBeginning) }

  // MARK: writing

  /// Adds final text: whole characters, with so many line feeds.
  func append(_ bytes: UnsafeRawBufferPointer, lines: Int) {
    guard !bytes.isEmpty else { return }
    provisional = []
    settledLines += lines
    if settledBytes + bytes.count <= CommandOutput.memoryBytes {
      beginning.append(contentsOf: bytes)
      settledBytes += bytes.count
      return
    }
    if ending.isEmpty { outgrowMemory() }
    writeToSpool(bytes)
    ending.append(contentsOf: bytes)
    if ending.count > 2 * CommandOutput.memoryBytes { ending.removeFirst(ending.count - CommandOutput.memoryBytes) }
    settledBytes += bytes.count
  }

  /// The text so far goes to a spool, if there can be one.
  private func outgrowMemory() {
    ending.reserveCapacity(2 * CommandOutput.memoryBytes + OutputText.stagingBytes)
    ending.append(contentsOf: beginning)
    guard let file = SpoolFile(in: folder) else {
      isSpoolFull = true
      return
    }
    spool = file
    if file.isMemory { spoolLimit = min(spoolLimit, CommandOutput.memorySpoolBytes) }
    beginning.withUnsafeBytes { writeToSpool($0) }
    // What could not be written stays in memory.
    if spooled == settledBytes { beginning = [] } else { spool = nil }
  }

  private func writeToSpool(_ bytes: UnsafeRawBufferPointer) {
    guard let spool, !isSpoolFull else { return }
    var room = min(bytes.count, spoolLimit - spooled)
    while room > 0, room < bytes.count, bytes[room] & 0xC0 == 0x80 { room -= 1 }
    let written = spool.write(UnsafeRawBufferPointer(rebasing: bytes[..<room]), at: spooled)
    var kept = written
    while kept > 0, kept < bytes.count, bytes[kept] & 0xC0 == 0x80 { kept -= 1 }
    spooled += kept
    isSpoolFull = kept < bytes.count
  }

  /// What stands behind the final text at this moment; the next final text takes its place.
  func setProvisional(_ text: [UInt8]) { provisional = text }

  /// The text is complete.
  func finish() {
    provisional = []
    isFinished = true
    // With all of it on the spool, its end need not be in memory too.
    if spool != nil, spooled == settledBytes { ending = [] } else { ending = Array(ending) }
    beginning = Array(beginning)
  }

  /// Takes back a prompt with so many lines before its last.
  func dropPrompt(ofHeight height: Int) {
    var left = height
    dropEnd { byte in
      if byte == 0x0A { left -= 1 }
      return left >= 0
    }
    settledLines -= height - max(left, 0)
  }

  /// Takes back what stands behind the last byte that is not such.
  func dropEnd(_ isDropped: (UInt8) -> Bool) {
    let end = tail(bytes: OutputText.longestLine)
    let count = end.reversed().prefix(while: isDropped).count
    settledBytes -= count
    spooled = min(spooled, settledBytes)
    ending.removeLast(min(count, ending.count))
    if beginning.count > settledBytes { beginning.removeLast(beginning.count - settledBytes) }
  }

  /// Takes the last line back, if it is that one.
  func drop(lastLine line: String) {
    let line = Array(line.utf8) + [0x0A]
    let end = tail(bytes: line.count + 1)
    guard end.suffix(line.count).elementsEqual(line), end.count == line.count || end.first == 0x0A else { return }
    var left = line.count
    dropEnd { _ in
      left -= 1
      return left >= 0
    }
    settledLines -= 1
  }

  // MARK: reading

  /// The first bytes, at most so many.
  package func head(bytes: Int) -> [UInt8] {
    CommandOutput.cutEnd(raw(from: 0, count: max(0, bytes)), isWhole: bytes >= totalBytes)
  }

  /// The last bytes, at most so many.
  package func tail(bytes: Int) -> [UInt8] {
    let wanted = totalBytes - min(max(0, bytes), totalBytes)
    let start = droppedBytes > 0 ? max(wanted, endingOffset) : wanted
    return CommandOutput.cutStart(raw(from: start, count: totalBytes - start), isWhole: start == 0)
  }

  /// The first `head` and the last `tail` bytes, and how many are left out between them; one piece when everything fits.
  package func parts(head: Int, tail: Int) -> (head: [UInt8], tail: [UInt8], omitted: Int) {
    let (head, tail) = (max(0, head), max(0, tail))
    if droppedBytes == 0, totalBytes - min(head, totalBytes) <= tail {
      return (raw(from: 0, count: totalBytes), [], 0)
    }
    let first = self.head(bytes: head)
    let last = self.tail(bytes: tail)
    return (first, last, max(0, totalBytes - first.count - last.count))
  }

  /// Up to `limit` bytes from `offset` on, which counts from the end when it is negative. What was dropped is passed over.
  package func read(offset: Int, limit: Int) -> Piece {
    var start = offset >= 0 ? min(offset, totalBytes) : max(0, totalBytes + offset)
    if droppedBytes > 0, start >= keptBeginning, start < endingOffset { start = endingOffset }
    let limit = max(0, limit)
    // Room for a character that begins before the limit, and for the rest of one before `offset`.
    return CommandOutput.cut(
      raw(from: start, count: limit > Int.max - 8 ? limit : limit + 4), from: start, limit: limit, total: totalBytes)
  }

  /// The same of a text that is at hand.
  static func piece(of text: [UInt8], offset: Int, limit: Int) -> Piece {
    let start = offset >= 0 ? min(offset, text.count) : max(0, text.count + offset)
    return cut(Array(text[start...]), from: start, limit: max(0, limit), total: text.count)
  }

  /// The part of some bytes of a text that begins and ends with a character. `bytes` go a little further than the limit, if the text does.
  private static func cut(_ bytes: [UInt8], from start: Int, limit: Int, total: Int) -> Piece {
    var first = 0
    if start > 0 { while first < min(bytes.count, 3), bytes[first] & 0xC0 == 0x80 { first += 1 } }
    var end = limit < bytes.count - first ? first + limit : bytes.count
    if end < bytes.count {
      while end > first, bytes[end] & 0xC0 == 0x80 { end -= 1 }
      // At least one character, or nobody would come any further.
      if end == first, limit > 0 {
        end += 1
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
      }
    }
    let next = start + end
    return Piece(offset: start + first, bytes: Array(bytes[first..<end]), nextOffset: next < total ? next : nil)
  }

  /// Bytes as they lie there, up to the first that is not.
  private func raw(from offset: Int, count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var position = offset
    let end = count > totalBytes - offset ? totalBytes : offset + count
    if position < min(end, keptBeginning) {
      let last = min(end, keptBeginning)
      if let spool {
        bytes = spool.read(at: position, count: last - position)
      } else {
        bytes = Array(beginning[position..<last])
      }
      position += bytes.count
      guard position == last else { return bytes }
    }
    guard position < end, droppedBytes == 0 || position >= endingOffset else { return bytes }
    bytes.reserveCapacity(end - offset)
    if position < min(end, settledBytes) {
      let start = settledBytes - ending.count
      bytes += ending[(position - start)..<(min(end, settledBytes) - start)]
      position = min(end, settledBytes)
    }
    if position < end { bytes += provisional[(position - settledBytes)..<(end - settledBytes)] }
    return bytes
  }

  private static func cutEnd(_ bytes: [UInt8], isWhole: Bool) -> [UInt8] {
    guard !isWhole else { return bytes }
    var end = bytes.count
    // The beginning of the last character, which is whole or is not.
    var start = end
    while start > 0, end - start < 4 {
      start -= 1
      if bytes[start] & 0xC0 != 0x80 { break }
    }
    if start < end {
      let length = bytes[start] < 0x80 ? 1 : bytes[start] < 0xE0 ? 2 : bytes[start] < 0xF0 ? 3 : 4
      if start + length > end { end = start }
    }
    return Array(bytes[..<end])
  }

  private static func cutStart(_ bytes: [UInt8], isWhole: Bool) -> [UInt8] {
    guard !isWhole else { return bytes }
    var start = 0
    while start < bytes.count, bytes[start] & 0xC0 == 0x80 { start += 1 }
    return start == 0 ? bytes : Array(bytes[start...])
  }
}

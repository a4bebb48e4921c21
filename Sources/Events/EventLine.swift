import Sys

/// Where the parts of one stored event stand in its line.
///
/// A line is always written by ``EventEncoder``, its members in one order and everything before `data` free of escapes, so it is read by
/// walking from mark to mark rather than by a general parser. What does not look exactly so, or whose checksum is wrong, is corrupt.
package struct EventLine: Sendable {
  package let seq: UInt64
  package let time: EventTime
  /// Offsets into the line.
  let id: Range<Int32>
  let type: Range<Int32>
  let subject: Range<Int32>
  let serverID: Range<Int32>
  let originKind: Range<Int32>
  let originID: Range<Int32>
  let correlationID: Range<Int32>
  let causationID: Range<Int32>?
  /// With its quotation marks: a name that may hold escapes.
  let principal: Range<Int32>?
  let data: Range<Int32>
  /// How much of the line is the event: the rest is its checksum.
  let documentEnd: Int32

  /// `,"crc":"xxxxxxxx"}`
  static let trailerBytes = 18

  /// Reads a line without its line feed. `nil`: corrupt.
  init?(_ line: UnsafeRawBufferPointer, checkingSum: Bool = true) {
    let bytes = line.bindMemory(to: UInt8.self)
    guard bytes.count > EventLine.trailerBytes + 100, bytes.count <= EventLine.maximumBytes else { return nil }
    let end = bytes.count - EventLine.trailerBytes
    guard EventLine.has(bytes, at: end, ",\"crc\":\""), bytes[bytes.count - 2] == 0x22, bytes[bytes.count - 1] == 0x7D,
      let sum = EventLine.hex(bytes, at: end + 8)
    else { return nil }
    if checkingSum, crc32c(UnsafeRawBufferPointer(rebasing: line[..<end])) != sum { return nil }
    var walk = Walk(bytes: bytes, end: end)
    guard walk.pass("{\"id\":\""), let id = walk.text(), walk.pass(",\"seq\":"), let seq = walk.number(),
      walk.pass(",\"type\":\""), let type = walk.text(), walk.pass(",\"subject\":\""), let subject = walk.text(),
      walk.pass(",\"time\":\""), let time = walk.text(), walk.pass(",\"origin\":{\"server_id\":\""),
      let serverID = walk.text(), walk.pass(",\"kind\":\""), let kind = walk.text(), walk.pass(",\"id\":\""),
      let originID = walk.text(), walk.pass("},\"correlation_id\":\""), let correlation = walk.text(),
      let moment = EventTime(UnsafeBufferPointer(rebasing: bytes[Int(time.lowerBound)..<Int(time.upperBound)]))
    else { return nil }
    causationID = walk.pass(",\"causation_id\":\"") ? walk.text() : nil
    principal = walk.pass(",\"principal\":") ? walk.string() : nil
    guard walk.pass(",\"data\":") else { return nil }
    self.id = id
    self.seq = seq
    self.type = type
    self.subject = subject
    self.time = moment
    self.serverID = serverID
    originKind = kind
    self.originID = originID
    correlationID = correlation
    data = Int32(walk.at)..<Int32(end)
    documentEnd = Int32(end)
  }

  /// The largest event with its checksum, and room for the number and time that the log adds.
  static let maximumBytes = EventLog.maximumEventBytes + 256

  private static func has(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int, _ text: StaticString) -> Bool {
    var index = offset
    let count = text.utf8CodeUnitCount
    guard offset + count <= bytes.count else { return false }
    let start = text.utf8Start
    while index < offset + count {
      if bytes[index] != start[index - offset] { return false }
      index += 1
    }
    return true
  }

  private static func hex(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) -> UInt32? {
    var value: UInt32 = 0
    for byte in bytes[offset..<offset + 8] {
      switch byte {
      case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
      case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
      default: return nil
      }
    }
    return value
  }

  private struct Walk {
    let bytes: UnsafeBufferPointer<UInt8>
    let end: Int
    var at = 0

    mutating func pass(_ text: StaticString) -> Bool {
      guard EventLine.has(bytes, at: at, text) else { return false }
      at += text.utf8CodeUnitCount
      return at <= end
    }

    /// What stands before the next quotation mark.
    mutating func text() -> Range<Int32>? {
      let start = at
      while at < end, bytes[at] != 0x22 { at += 1 }
      guard at < end else { return nil }
      at += 1
      return Int32(start)..<Int32(at - 1)
    }

    /// A JSON string with its quotation marks.
    mutating func string() -> Range<Int32>? {
      let start = at
      guard at < end, bytes[at] == 0x22 else { return nil }
      at += 1
      while at < end, bytes[at] != 0x22 { at += bytes[at] == 0x5C ? 2 : 1 }
      guard at < end else { return nil }
      at += 1
      return Int32(start)..<Int32(at)
    }

    mutating func number() -> UInt64? {
      var value: UInt64 = 0
      let start = at
      while at < end, bytes[at] >= 0x30, bytes[at] <= 0x39, at - start < 19 {
        value = value * 10 + UInt64(bytes[at] & 15)
        at += 1
      }
      return at == start ? nil : value
    }
  }
}

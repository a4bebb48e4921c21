/// Room for one received packet. Its pages cost nothing until a packet that large has come.
final class PacketBuffer {
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: KeeperLimits.longestPacket, alignment: 16)

  deinit { bytes.deallocate() }
}

/// Builds the body of one packet: little-endian integers, byte strings with a 32-bit length before them.
struct PacketWriter {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ value: UInt8) { bytes.append(value) }

  mutating func append<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ value: Bool) { bytes.append(value ? 1 : 0) }

  mutating func append(_ value: [UInt8]) {
    append(UInt32(clamping: value.count))
    bytes.append(contentsOf: value)
  }

  mutating func append(_ value: String) {
    append(UInt32(clamping: value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  mutating func append(_ value: String?) {
    append(value != nil)
    if let value { append(value) }
  }

  mutating func append(_ values: [String]) {
    append(UInt32(clamping: values.count))
    for value in values { append(value) }
  }
}

/// Takes a packet apart. Every read checks what is left, so a length that lies can neither trap nor allocate.
struct PacketReader {
  struct Malformed: Error {}

  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(Malformed) -> Value {
    let size = MemoryLayout<Value>.size
    guard bytes.count - position >= size else { throw Malformed() }
    var value: Value = 0
    withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes[position..<position + size]) }
    position += size
    return Value(littleEndian: value)
  }

  mutating func bool() throws(Malformed) -> Bool {
    switch try integer(UInt8.self) {
    case 0: return false
    case 1: return true
    default: throw Malformed()
    }
  }

  mutating func blob(limit: Int) throws(Malformed) -> [UInt8] {
    let count = Int(try integer(UInt32.self))
    guard count <= limit, count <= bytes.count - position else { throw Malformed() }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  mutating func string(limit: Int = KeeperLimits.longestPacket) throws(Malformed) -> String {
    guard let text = String(validating: try blob(limit: limit), as: UTF8.self) else { throw Malformed() }
    return text
  }

  mutating func optionalString() throws(Malformed) -> String? {
    try bool() ? try string() : nil
  }

  mutating func strings() throws(Malformed) -> [String] {
    let count = Int(try integer(UInt32.self))
    // Each needs its length at least.
    guard count <= (bytes.count - position) / 4 else { throw Malformed() }
    var values: [String] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try string()) }
    return values
  }
}

/// Writes JSON (RFC 8259) straight into bytes.
///
/// For documents that are asked for often: a hand-written encode of a full screen costs about a tenth of a general encoder's.
/// The caller is trusted to pair `begin…` with `end…`; commas are placed by the writer.
package struct JSONWriter: ~Copyable {
  // Memory of its own rather than an array: an append is a comparison and a store, with no look at who else holds it.
  @usableFromInline package var start: UnsafeMutablePointer<UInt8>
  @usableFromInline package var capacity: Int
  /// Bytes written so far.
  @usableFromInline package var count = 0
  /// True when the next value or key in the current container must be preceded by a comma.
  @usableFromInline package var needsComma = false

  package init(reserving capacity: Int = 256) {
    self.capacity = max(capacity, 64)
    start = .allocate(capacity: self.capacity)
  }

  deinit { start.deallocate() }

  package consuming func finish() -> [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

  // MARK: bytes

  /// Makes room for `more` bytes and answers where they go; ``count`` is the caller's to move.
  @inlinable @inline(__always)
  package mutating func room(_ more: Int) -> UnsafeMutablePointer<UInt8> {
    if capacity - count < more { grow(more) }
    return start + count
  }

  @usableFromInline @inline(never)
  package mutating func grow(_ more: Int) {
    let larger = max(capacity * 2, count + more)
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    memory.update(from: start, count: count)
    start.deallocate()
    start = memory
    capacity = larger
  }

  @inlinable @inline(__always)
  package mutating func put(_ byte: UInt8) {
    room(1).pointee = byte
    count += 1
  }

  @inlinable @inline(__always)
  package mutating func put(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
    room(length).update(from: bytes, count: length)
    count += length
  }

  /// Writes what is at those places of the document once more: the caller knows that it fits here too.
  package mutating func repeatBytes(_ range: Range<Int>) {
    precondition(range.upperBound <= count, "only what has been written can be repeated")
    let target = room(range.count)
    target.update(from: start + range.lowerBound, count: range.count)
    count += range.count
    needsComma = true
  }

  @inlinable @inline(__always)
  package mutating func separate() {
    if needsComma { put(0x2C) }
    needsComma = true
  }

  @inlinable @inline(__always)
  package mutating func literal(_ text: StaticString) { put(text.utf8Start, text.utf8CodeUnitCount) }

  // MARK: structure

  @inlinable package mutating func beginObject() {
    separate()
    put(0x7B)
    needsComma = false
  }

  @inlinable package mutating func endObject() {
    put(0x7D)
    needsComma = true
  }

  @inlinable package mutating func beginArray() {
    separate()
    put(0x5B)
    needsComma = false
  }

  @inlinable package mutating func endArray() {
    put(0x5D)
    needsComma = true
  }

  /// A key known at compile time. It must need no escaping.
  @inlinable package mutating func key(_ name: StaticString) {
    separate()
    put(0x22)
    literal(name)
    literal("\":")
    needsComma = false
  }

  /// A key that comes from data.
  package mutating func key(text name: String) {
    string(name)
    put(0x3A)
    needsComma = false
  }

  // MARK: values

  package mutating func string(_ text: String) {
    var text = text
    text.withUTF8 { string(utf8: $0) }
  }

  /// A string given as UTF-8. Bytes that are not valid UTF-8 become U+FFFD, so that the document stays valid.
  package mutating func string(utf8: UnsafeBufferPointer<UInt8>) {
    separate()
    put(0x22)
    appendEscaped(utf8)
    put(0x22)
  }

  @inlinable package mutating func integer(_ value: some BinaryInteger) {
    separate()
    if let value = UInt64(exactly: value) {
      decimal(value)
    } else if let value = Int64(exactly: value) {
      put(0x2D)
      decimal(value.magnitude)
    } else {
      var text = String(value)
      text.withUTF8 { put($0.baseAddress!, $0.count) }
    }
  }

  @usableFromInline package mutating func decimal(_ value: UInt64) {
    if value < 10 { return put(0x30 &+ UInt8(truncatingIfNeeded: value)) }
    var digits = 1
    var bound: UInt64 = 10
    while value >= bound {
      digits += 1
      // 20 digits are the most a number of 64 bits has, and ten to the twentieth is beyond it.
      if digits == 20 { break }
      bound *= 10
    }
    let target = room(digits)
    var rest = value
    for index in stride(from: digits - 1, through: 0, by: -1) {
      target[index] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += digits
  }

  @inlinable package mutating func bool(_ value: Bool) {
    separate()
    if value { literal("true") } else { literal("false") }
  }

  @inlinable package mutating func null() {
    separate()
    literal("null")
  }

  /// A value that is JSON already.
  package mutating func raw(_ json: some Collection<UInt8>) {
    separate()
    let isCopied: Void? = json.withContiguousStorageIfAvailable {
      if let bytes = $0.baseAddress { put(bytes, $0.count) }
    }
    if isCopied == nil { for byte in json { put(byte) } }
  }

  // MARK: strings

  /// Runs without anything to escape are copied eight bytes at a time; the rest goes byte by byte.
  private mutating func appendEscaped(_ utf8: UnsafeBufferPointer<UInt8>) {
    guard let source = utf8.baseAddress else { return }
    let length = utf8.count
    var target = room(length)
    var index = 0
    while index < length {
      while index + 8 <= length {
        let eight = UnsafeRawPointer(source + index).loadUnaligned(as: UInt64.self)
        guard JSONWriter.isPlain(eight: eight) else { break }
        UnsafeMutableRawPointer(target).storeBytes(of: eight, as: UInt64.self)
        target += 8
        index += 8
      }
      while index < length, JSONWriter.isPlain(source[index]) {
        target.pointee = source[index]
        target += 1
        index += 1
      }
      guard index < length else { break }
      count = target - start
      index += appendSpecial(utf8, at: index)
      target = room(length - index)
    }
    count = target - start
  }

  /// Writes the character at `index`, which cannot stand as it is or is not ASCII; returns its length in the source.
  private mutating func appendSpecial(_ utf8: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
    let byte = utf8[index]
    if byte >= 0x80 {
      let start = utf8.baseAddress! + index
      let length = UTF8Sequence.length(at: start, before: start + (utf8.count - index))
      if length == 0 {
        literal("\u{FFFD}")
        return 1
      }
      put(start, length)
      return length
    }
    switch byte {
    case 0x22: literal("\\\"")
    case 0x5C: literal("\\\\")
    case 0x0A: literal("\\n")
    case 0x0D: literal("\\r")
    case 0x09: literal("\\t")
    default:
      literal("\\u00")
      put(hexDigit(byte >> 4))
      put(hexDigit(byte & 15))
    }
    return 1
  }

  @inline(__always) private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C
  }

  /// Whether all eight bytes are plain. (A byte is zero, or less than n, if subtracting borrows into its high bit.)
  @inline(__always) private static func isPlain(eight: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    let quote = eight ^ (ones &* 0x22)
    let backslash = eight ^ (ones &* 0x5C)
    let delete = eight ^ (ones &* 0x7F)
    let special =
      eight | (eight &- ones &* 0x20) | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
      | ((delete &- ones) & ~delete)
    return special & high == 0
  }
}

@inline(__always) func hexDigit(_ nibble: UInt8) -> UInt8 {
  nibble < 10 ? 0x30 &+ nibble : 0x57 &+ nibble
}

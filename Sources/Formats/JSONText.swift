/// A look into JSON text (RFC 8259) without decoding it: checks that the text is well formed, in UTF-8, and hands out slices of it.
///
/// Envelopes of messages are read with this: the method is taken out, `params` goes on to the operation as it is, and an `id` of any
/// type is echoed byte for byte. A keystroke is read with no general decoder in its way.
package struct JSONText {
  /// Deepest nesting accepted. Operations take a few levels; a message of a million brackets must not cost a stack.
  package static let maximumDepth = 64
  /// Most members of an object that ``members()`` hands out. No message has a dozen.
  package static let maximumMembers = 1024

  private let bytes: ArraySlice<UInt8>
  private var position: Int

  private init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  /// The members of the object that is the whole text, each value as its own text; `nil` when the text is not one well-formed object, or gives
  /// a member twice: another reader might take the other one.
  package static func members(of text: ArraySlice<UInt8>) -> [(name: String, value: ArraySlice<UInt8>)]? {
    var scanner = JSONText(text)
    return scanner.members()
  }

  /// The elements of the array that is the whole text; `nil` when the text is not one well-formed array.
  package static func elements(of text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
    var scanner = JSONText(text)
    return scanner.elements()
  }

  /// The string that is the whole text.
  package static func string(_ text: ArraySlice<UInt8>) -> String? { whole(text) { $0.readText() } }

  /// The string that is the whole text, as UTF-8.
  package static func utf8(_ text: ArraySlice<UInt8>) -> [UInt8]? { whole(text) { $0.readString() } }

  /// The whole number that is the whole text.
  package static func integer(_ text: ArraySlice<UInt8>) -> Int? { Int(String(decoding: trimmed(text), as: UTF8.self)) }

  package static func isNull(_ text: ArraySlice<UInt8>) -> Bool { trimmed(text).elementsEqual("null".utf8) }

  /// The first byte that is not white space: tells what kind of value the text is.
  package static func firstByte(_ text: ArraySlice<UInt8>) -> UInt8? { text.first { !JSONGrammar.isSpace($0) } }

  /// Whether the text is one well-formed value, its strings well-formed UTF-8.
  package static func isValid(_ text: ArraySlice<UInt8>) -> Bool { whole(text) { $0.skipValue() ? () : nil } != nil }

  /// A well-formed text without the white space between its parts, so on one line; `nil` when the text is not well formed UTF-8 or JSON.
  package static func compact(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard isValid(text) else { return nil }
    var compact: [UInt8] = []
    compact.reserveCapacity(text.count)
    var (isInString, isEscaped) = (false, false)
    for byte in text {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == 0x5C {
          isEscaped = true
        } else if byte == 0x22 {
          isInString = false
        }
      } else if JSONGrammar.isSpace(byte) {
        continue
      } else if byte == 0x22 {
        isInString = true
      }
      compact.append(byte)
    }
    return compact
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text.drop(while: JSONGrammar.isSpace)
    while let last = text.last, JSONGrammar.isSpace(last) { text.removeLast() }
    return text
  }

  // MARK: Scanning

  /// What is read, where nothing but white space is around it.
  private static func whole<Value>(_ text: ArraySlice<UInt8>, _ read: (inout JSONText) -> Value?) -> Value? {
    var scanner = JSONText(text)
    scanner.skipSpace()
    guard let value = read(&scanner) else { return nil }
    scanner.skipSpace()
    return scanner.isAtEnd ? value : nil
  }

  private var isAtEnd: Bool { position == bytes.endIndex }
  private var current: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

  private mutating func skipSpace() { while let byte = current, JSONGrammar.isSpace(byte) { position += 1 } }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    position += 1
    return true
  }

  private mutating func members() -> [(name: String, value: ArraySlice<UInt8>)]? {
    var members: [(name: String, value: ArraySlice<UInt8>)] = []
    var names = MemberNames()
    skipSpace()
    guard take(0x7B) else { return nil }
    skipSpace()
    if !take(0x7D) {
      repeat {
        skipSpace()
        guard members.count < JSONText.maximumMembers, let name = readText(), names.insert(name) else {
          return nil
        }
        skipSpace()
        guard take(0x3A) else { return nil }
        skipSpace()
        let start = position
        guard skipValue(levels: JSONText.maximumDepth - 1) else { return nil }
        members.append((name, bytes[start..<position]))
        skipSpace()
      } while take(0x2C)
      guard take(0x7D) else { return nil }
    }
    skipSpace()
    return isAtEnd ? members : nil
  }

  private mutating func elements() -> [ArraySlice<UInt8>]? {
    var elements: [ArraySlice<UInt8>] = []
    skipSpace()
    guard take(0x5B) else { return nil }
    skipSpace()
    if !take(0x5D) {
      repeat {
        skipSpace()
        let start = position
        guard skipValue(levels: JSONText.maximumDepth - 1) else { return nil }
        elements.append(bytes[start..<position])
        skipSpace()
      } while take(0x2C)
      guard take(0x5D) else { return nil }
    }
    skipSpace()
    return isAtEnd ? elements : nil
  }

  /// Passes one value; false when it is malformed or too deep.
  private mutating func skipValue(levels: Int = JSONText.maximumDepth) -> Bool {
    skip { JSONGrammar.end(ofValueAt: $0, before: $1, levels: levels) }
  }

  private mutating func skipString() -> Bool {
    guard current == 0x22 else { return false }
    return skip { JSONGrammar.end(ofStringAt: $0, before: $1) }
  }

  private mutating func skip(_ end: (JSONGrammar.Place, JSONGrammar.Place) -> JSONGrammar.Place?) -> Bool {
    let start = position - bytes.startIndex
    let passed = bytes.withUnsafeBufferPointer { bytes -> Int? in
      guard let base = bytes.baseAddress else { return nil }
      return end(base + start, base + bytes.count).map { $0 - base }
    }
    guard let passed else { return false }
    position = bytes.startIndex + passed
    return true
  }

  /// One string, escapes resolved. A lone surrogate becomes U+FFFD.
  private mutating func readText() -> String? {
    guard let (inner, isPlain) = skipText() else { return nil }
    return String(decoding: isPlain ? inner : resolved(inner)[...], as: UTF8.self)
  }

  /// One string as UTF-8, escapes resolved. A lone surrogate becomes U+FFFD, so that the result is always well formed.
  private mutating func readString() -> [UInt8]? {
    guard let (inner, isPlain) = skipText() else { return nil }
    return isPlain ? Array(inner) : resolved(inner)
  }

  /// Passes one string: what is between its quotes, and whether that stands for itself.
  private mutating func skipText() -> (inner: ArraySlice<UInt8>, isPlain: Bool)? {
    let start = position
    guard skipString() else { return nil }
    let inner = bytes[(start + 1)..<(position - 1)]
    return (inner, !inner.contains(0x5C))
  }

  /// What a string with escapes stands for.
  private func resolved(_ inner: ArraySlice<UInt8>) -> [UInt8] {
    var scanner = JSONText(inner)
    return scanner.resolve()
  }

  private mutating func resolve() -> [UInt8] {
    let end = bytes.endIndex
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    while position < end {
      let byte = bytes[position]
      position += 1
      guard byte == 0x5C else {
        output.append(byte)
        continue
      }
      let escaped = bytes[position]
      position += 1
      switch escaped {
      case 0x62: output.append(0x08)
      case 0x66: output.append(0x0C)
      case 0x6E: output.append(0x0A)
      case 0x72: output.append(0x0D)
      case 0x74: output.append(0x09)
      case 0x75: appendUnicode(to: &output)
      default: output.append(escaped)
      }
    }
    return output
  }

  private mutating func appendUnicode(to output: inout [UInt8]) {
    guard let first = readHex() else { return }
    var value = first
    if (0xD800...0xDBFF).contains(first), bytes[position...].starts(with: [0x5C, 0x75]) {
      let before = position
      position += 2
      if let second = readHex(), (0xDC00...0xDFFF).contains(second) {
        value = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
      } else {
        position = before
      }
    }
    output.append(contentsOf: UTF8.encode(Unicode.Scalar(value) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter)
  }

  private mutating func readHex() -> UInt32? {
    guard bytes.endIndex - position >= 4 else { return nil }
    var value: UInt32 = 0
    for _ in 0..<4 {
      switch bytes[position] {
      case 0x30...0x39: value = value << 4 | UInt32(bytes[position] - 0x30)
      case 0x41...0x46: value = value << 4 | UInt32(bytes[position] - 0x37)
      case 0x61...0x66: value = value << 4 | UInt32(bytes[position] - 0x57)
      default: return nil
      }
      position += 1
    }
    return value
  }
}

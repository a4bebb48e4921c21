extension Cause {
  /// A UUID (RFC 9562 §4) in lower case; `nil` for any other text.
  package static func correlationID(_ text: String) -> String? {
    var text = text
    return text.withUTF8 { bytes -> String? in
      guard bytes.count == 36 else { return nil }
      for (index, byte) in bytes.enumerated() {
        let isDash = index == 8 || index == 13 || index == 18 || index == 23
        if isDash ? byte != UInt8(ascii: "-") : !isHexadecimal(byte | 0x20) { return nil }
      }
      return String(unsafeUninitializedCapacity: 36) { target in
        // The only capitals are A to F; a dash has that bit already.
        for (index, byte) in bytes.enumerated() { target[index] = byte | 0x20 }
        return 36
      }
    }
  }

  /// The `traceparent` of W3C Trace Context, level 1 (§3.2): version, trace id, parent id and flags. `nil` when it is not well-formed, which
  /// is to be treated as if there were none (§4.2). Of a later version the fields of this one are taken, as §3.2.4 has it.
  package static func traceParent(_ text: String) -> String? {
    let bytes = Array(text.utf8.prefix(56))
    guard bytes.count >= 55, [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }) else { return nil }
    func isField(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy(isHexadecimal) }
    func isZero(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy { $0 == UInt8(ascii: "0") } }
    guard isField(0..<2), isField(3..<35), isField(36..<52), isField(53..<55), !isZero(3..<35), !isZero(36..<52) else {
      return nil
    }
    switch (bytes[0], bytes[1]) {
    case (UInt8(ascii: "0"), UInt8(ascii: "0")): return bytes.count == 55 ? text : nil
    case (UInt8(ascii: "f"), UInt8(ascii: "f")): return nil
    default:
      if bytes.count > 55, bytes[55] != UInt8(ascii: "-") { return nil }
      return "00" + String(decoding: bytes[2..<55], as: UTF8.self)
    }
  }

  /// In lower case, as both formats write it.
  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}

import Glibc

/// Which addresses this server may connect to (`[ip_access]`). What is on the blocklist is never connected to; with an allowlist nothing
/// else is. Checked after name resolution, at every connect.
package struct IPAccess: Sendable, Equatable {
  package var blocklist: [IPRange]
  /// Empty: everything that is not blocked.
  package var allowlist: [IPRange]

  package init(blocklist: [IPRange] = [], allowlist: [IPRange] = []) {
    self.blocklist = blocklist
    self.allowlist = allowlist
  }

  /// Whether a numeric address may be connected to. What is none may not.
  package func allows(_ address: String) -> Bool {
    if blocklist.isEmpty, allowlist.isEmpty { return IPNumber(address) != nil }
    guard let number = IPNumber(address), !blocklist.contains(where: { $0.contains(number) }) else { return false }
    return allowlist.isEmpty || allowlist.contains { $0.contains(number) }
  }
}

/// A range of addresses, such as `10.0.0.0/8`, `fd00::/8`, `192.168.1.7`. Ranges of one family contain none of the other; IPv4 mapped into
/// IPv6 (RFC 4291 §2.5.5.2) is IPv4.
package struct IPRange: Sendable, Hashable, CustomStringConvertible {
  private let first: IPNumber
  /// Of the 128 bits.
  private let bits: Int

  /// `nil` for what is no address, a length that does not fit, or bits set behind the length: `10.0.0.1/8` is more likely a mistake than meant.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPNumber(String(parts[0])), !text.contains("%") else { return nil }
    var bits = 128
    if parts.count == 2 {
      guard parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let length = Int(parts[1])
      else { return nil }
      // What is written as IPv6 counts its bits as IPv6, a mapped address too.
      let isWrittenAsFour = !parts[0].contains(":")
      guard length <= (isWrittenAsFour ? 32 : 128) else { return nil }
      bits = isWrittenAsFour ? 96 + length : length
      guard !address.isFour || bits >= 96 else { return nil }
    }
    guard address == address.masked(to: bits) else { return nil }
    first = address
    self.bits = bits
  }

  func contains(_ address: IPNumber) -> Bool {
    address.isFour == first.isFour && address.masked(to: bits) == first
  }

  package var description: String {
    bits == 128 ? first.text : "\(first.text)/\(first.isFour ? bits - 96 : bits)"
  }
}

/// An address as a number of 128 bits, IPv4 mapped into IPv6.
struct IPNumber: Sendable, Hashable {
  private let high: UInt64
  private let low: UInt64

  private init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads a numeric address, in its strict forms only. The zone of a link-local address is left out.
  init?(_ text: String) {
    guard text.utf8.count <= 64, !text.utf8.contains(0) else { return nil }
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      self.init(high: 0, low: 0xffff_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr)))
      return
    }
    var six = in6_addr()
    let withoutZone = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    guard inet_pton(AF_INET6, String(withoutZone[0]), &six) == 1 else { return nil }
    let (high, low) = withUnsafeBytes(of: &six) {
      (
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    self.init(high: high, low: low)
  }

  var isFour: Bool { high == 0 && low >> 32 == 0xffff }

  /// Neither an address of anybody nor one that can be connected to: `0.0.0.0`, `::`.
  var isUnspecified: Bool { high == 0 && (low == 0 || low == 0xffff_0000_0000) }

  func masked(to bits: Int) -> IPNumber {
    func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }
    return IPNumber(high: high & mask(bits), low: low & mask(bits - 64))
  }

  /// In its shortest form (RFC 5952); IPv4 as IPv4.
  var text: String {
    if isFour { return [24, 16, 8, 0].map { String(low >> UInt64($0) & 0xff) }.joined(separator: ".") }
    var six = in6_addr()
    withUnsafeMutableBytes(of: &six) {
      $0.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
      $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(AF_INET6, &six, &buffer, socklen_t(buffer.count)) != nil else { return "::" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

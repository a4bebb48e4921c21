import Glibc

/// What counts as one address when somebody is to be slowed down, or has a share of what there is.
package enum AddressKey: Hashable, Sendable {
  case ipv4(UInt32)
  /// The /64 network, all of which is usually one customer's.
  case ipv6(UInt64)
  case other(String)

  package init(_ address: String) {
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, address, &four) == 1 {
      self = .ipv4(UInt32(bigEndian: four.s_addr))
    } else if inet_pton(AF_INET6, String(address.prefix { $0 != "%" }), &six) == 1 {
      let (high, low) = withUnsafeBytes(of: six) { bytes in
        (
          UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
          UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
      }
      // An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2).
      self = high == 0 && low >> 32 == 0xFFFF ? .ipv4(UInt32(truncatingIfNeeded: low)) : .ipv6(high)
    } else {
      self = .other(address)
    }
  }

  /// The same as text.
  package var text: String {
    switch self {
    case .ipv4(let address): "4:\(address)"
    case .ipv6(let network): "6:\(network)"
    case .other(let name): name
    }
  }
}

extension AddressKey {
  package init(_ peer: PeerAddress) {
    switch peer {
    case .unix(let uid, _): self = .other("unix:\(uid)")
    case .ip(let address, _): self.init(address)
    }
  }
}

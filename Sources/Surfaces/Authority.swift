import Glibc

/// A host with an optional port, as in the `Host` header or after the scheme of an origin (RFC 3986 §3.2).
struct Authority: Sendable, Hashable {
  /// Lower case, without a trailing dot; an IPv6 address without its brackets.
  let host: String
  let port: Int?
  private let isBracketed: Bool

  /// `nil` for anything that is not `host`, `host:port`, `[address]` or `[address]:port`.
  init?(_ text: some StringProtocol) {
    // By bytes: every request has a host, and what may stand in one is ASCII.
    let text = Substring(text).utf8
    var host: Substring.UTF8View
    var rest: Substring.UTF8View
    if text.first == 0x5B {
      guard let end = text.firstIndex(of: 0x5D) else { return nil }
      host = text[text.startIndex..<end].dropFirst()
      rest = text[end...].dropFirst()
      isBracketed = true
      guard Authority.isIPv6(String(Substring(host))) else { return nil }
    } else {
      let end = text.firstIndex(of: 0x3A) ?? text.endIndex
      host = text[..<end]
      rest = text[end...]
      isBracketed = false
      if host.last == 0x2E { host.removeLast() }
      let isPlain = host.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }
      guard !host.isEmpty, isPlain else { return nil }
    }
    if rest.isEmpty {
      port = nil
    } else {
      guard rest.removeFirst() == 0x3A, !rest.isEmpty, rest.count <= 5,
        rest.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = Int(Substring(rest)), number <= 65535
      else { return nil }
      port = number
    }
    self.host = Substring(host).lowercased()
  }

  /// The authority of an origin such as `http://name:8080` (RFC 6454 §6.1); `nil` for `null` and every scheme but HTTP's two.
  init?(origin: String) {
    let lowered = origin.lowercased()
    for scheme in ["http://", "https://"] where lowered.hasPrefix(scheme) {
      self.init(lowered.dropFirst(scheme.count))
      return
    }
    return nil
  }

  var isAddress: Bool { isBracketed || Authority.isIPv4(host) }

  /// `localhost` or an address of the loopback interface.
  var isLoopback: Bool {
    host == "localhost" || host == "::1" || (Authority.isIPv4(host) && host.hasPrefix("127."))
  }

  static func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
  }

  static func isIPv6(_ text: String) -> Bool {
    var address = in6_addr()
    return inet_pton(AF_INET6, text, &address) == 1
  }
}

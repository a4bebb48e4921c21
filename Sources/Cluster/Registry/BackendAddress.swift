import Formats

/// Where a backend is reached: `http://host[:port][/prefix]`, or the same with `https`. Two texts that mean the same place are one address.
package struct BackendAddress: Sendable, Hashable, CustomStringConvertible {
  /// Longest text that is read; longer ones are no addresses.
  package static let longest = 1024
  /// As long as a server's own `--base-prefix` may be.
  private static let longestPrefix = 256
  /// RFC 1035 §2.3.4.
  private static let longestHost = 253

  /// With TLS.
  package let isSecure: Bool
  /// Lower case; a numeric IPv6 address is without brackets and in its shortest form (RFC 5952).
  package let host: String
  package let port: Int
  /// Empty, or `/p`, `/p/q`: what everything that the server serves is below.
  package let prefix: String

  /// Reads an address. The error never repeats what could hold a secret.
  package init(_ text: String) throws(RegistryError) {
    guard text.utf8.count <= BackendAddress.longest else {
      throw BackendAddress.refusal("it is longer than \(BackendAddress.longest) bytes")
    }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw BackendAddress.refusal(
        "it has spaces, control characters or letters beyond ASCII (write an international name in its xn-- form)")
    }
    guard let colon = text.firstRange(of: "://") else {
      let isPlain = !text.isEmpty && !text.contains { "@?#\\".contains($0) }
      throw BackendAddress.refusal("it has no scheme; write http://\(isPlain ? text : "HOST[:PORT]")")
    }
    switch text[..<colon.lowerBound].lowercased() {
    case "http": isSecure = false
    case "https": isSecure = true
    default: throw BackendAddress.refusal("its scheme must be http or https")
    }
    let rest = text[colon.upperBound...]
    if rest.contains("@") {
      throw BackendAddress.refusal("it must not hold a user or a password; give the token by itself")
    }
    if rest.contains("?") || rest.contains("#") {
      throw BackendAddress.refusal("it must not have a query or a fragment")
    }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    (host, port) = try BackendAddress.authority(rest[..<slash], standardPort: isSecure ? 443 : 80)
    prefix = try BackendAddress.prefix(rest[slash...])
  }

  /// The normal form, which names the address in answers and in the registry.
  package var text: String { "\(isSecure ? "https" : "http")://\(authority)\(prefix)" }

  package var description: String { text }

  /// Whether it names this machine, so that what is said there goes over no network.
  package var isLoopback: Bool {
    host == "localhost" || host.hasSuffix(".localhost") || host == "::1"
      || host.hasPrefix("127.") && IPNumber(host) != nil
  }

  /// What the `Host` header says: without the port when it is the scheme's own.
  package var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  private static func authority(_ text: Substring, standardPort: Int) throws(RegistryError) -> (String, Int) {
    var host = text
    var port = standardPort
    // The colon before a port is behind the bracket of an IPv6 address.
    let end = text.hasPrefix("[") ? text.firstIndex(of: "]") : text.startIndex
    guard let end else { throw refusal("the bracket of its IPv6 address is not closed") }
    if let colon = text[end...].firstIndex(of: ":") {
      let digits = text[text.index(after: colon)...]
      guard !digits.contains(":") else { throw refusal("an IPv6 address goes into brackets: http://[::1]:8080") }
      guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = Int(digits), (1...65535).contains(number)
      else { throw refusal("its port must be a number from 1 to 65535") }
      port = number
      host = text[..<colon]
    }
    return (try self.host(host), port)
  }

  private static func host(_ text: Substring) throws(RegistryError) -> String {
    guard !text.isEmpty else { throw refusal("it has no host") }
    let number: IPNumber
    if text.hasPrefix("[") {
      guard text.hasSuffix("]"), !text.contains("%"), text.contains(":"),
        let six = IPNumber(String(text.dropFirst().dropLast()))
      else { throw refusal("there is no IPv6 address in its brackets") }
      number = six
    } else if let four = IPNumber(String(text)) {
      number = four
    } else {
      return try name(text.lowercased())
    }
    guard !number.isUnspecified else {
      throw refusal("\(number.text) is where a server listens, not where it is reached; name the machine")
    }
    return number.text
  }

  private static func name(_ text: String) throws(RegistryError) -> String {
    let name = text.hasSuffix(".") ? String(text.dropLast()) : text
    let labels = name.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
    guard name.utf8.count <= longestHost, labels.allSatisfy({ (1...63).contains($0.count) }),
      name.utf8.allSatisfy({ byte in
        switch byte {
        case 0x30...0x39, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }), let last = labels.last
    else { throw refusal("its host is no name of a machine") }
    // `127.1`, `0x7f000001` and `0` are addresses to the resolver; what is meant is written in full.
    if last.allSatisfy({ (0x30...0x39).contains($0) }) || last.starts(with: "0x".utf8) {
      throw refusal("its host is neither a name nor a full IPv4 address such as 192.168.1.7")
    }
    return name
  }

  private static func prefix(_ text: Substring) throws(RegistryError) -> String {
    let path = text.hasSuffix("/") ? text.dropLast() : text
    if path.isEmpty { return "" }
    guard path.utf8.count <= longestPrefix else { throw refusal("its path is longer than \(longestPrefix) bytes") }
    for segment in path.utf8.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false) {
      let isPlain = segment.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
      }
      guard isPlain, !segment.isEmpty, !segment.elementsEqual(".".utf8), !segment.elementsEqual("..".utf8) else {
        throw refusal("its path may have letters, digits and - . _ ~ between single slashes, and no . or .. alone")
      }
    }
    return String(path)
  }

  private static func refusal(_ reason: String) -> RegistryError {
    RegistryError(.invalidAddress, "That is no address of a server: \(reason).")
  }
}

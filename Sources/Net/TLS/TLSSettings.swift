/// How a client makes sure that it talks to whom it means. A client without any speaks plain text.
package struct TLSClientSettings: Sendable, Hashable {
  package enum Verification: Sendable, Hashable {
    /// By the certificate authorities that this machine trusts.
    case system
    /// By the certificates in a PEM file: authorities, or the server's own.
    case caFile(String)
    /// By the server's certificate itself, which must be this one; who signed it, for whom and until when is not looked at.
    case pinned(CertificateFingerprint)
  }

  /// The name or address that the certificate must be for, also told to the server (RFC 6066 §3); nil takes the endpoint's host.
  package var serverName: String?
  package var verification: Verification

  package init(serverName: String? = nil, verification: Verification = .system) {
    self.serverName = serverName
    self.verification = verification
  }
}

/// The SHA-256 of a certificate's DER form.
package struct CertificateFingerprint: Sendable, Hashable, CustomStringConvertible {
  package static let byteCount = 32

  let bytes: [UInt8]

  init?(bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  /// Reads `SHA256:` and 64 hexadecimal digits, with or without colons between the bytes; also as `openssl x509 -fingerprint -sha256`
  /// prints it (`sha256 Fingerprint=AB:CD:…`), and the digits alone.
  package init?(_ text: String) {
    var digits = text[...]
    for prefix in ["sha256:", "sha256 fingerprint="] where digits.lowercased().hasPrefix(prefix) {
      digits = digits.dropFirst(prefix.count)
    }
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in digits.utf8 where character != UInt8(ascii: ":") {
      let nibble: UInt8
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = character - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = character - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): nibble = character - UInt8(ascii: "A") + 10
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | nibble)
        high = nil
      } else {
        high = nibble
      }
      guard bytes.count <= Self.byteCount else { return nil }
    }
    guard high == nil else { return nil }
    self.init(bytes: bytes)
  }

  /// `SHA256:` and lower-case digits.
  package var description: String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return "SHA256:" + String(decoding: text, as: UTF8.self)
  }
}

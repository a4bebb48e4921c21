import CCrypto
import CUV
import Glibc

/// A certificate that a server makes for itself, for clients that know its fingerprint.
package struct SelfSignedCertificate: Sendable {
  /// Long: what clients trust is the fingerprint, which a new certificate would change.
  package static let defaultValidity: Duration = .seconds(3650 * 24 * 3600)
  /// A clock that is behind must not make it look like one from the future.
  private static let headStart = -24 * 3600

  /// PEM.
  package let certificate: [UInt8]
  /// PEM, not encrypted (PKCS #8). Secret.
  package let key: [UInt8]

  /// Makes a key on P-256 and a certificate for it. `names` are host names and numeric addresses; what is neither is left out.
  /// - Parameter begins: seconds from now to the first moment of its validity.
  package init(
    names: [String], validity: Duration = SelfSignedCertificate.defaultValidity, begins: Int? = nil
  ) throws(NetError) {
    let begins = begins ?? Self.headStart
    ERR_clear_error()
    guard let key = ccrypto_new_p256_key() else { throw Self.failure }
    defer { EVP_PKEY_free(key) }
    guard let certificate = X509_new() else { throw Self.failure }
    defer { X509_free(certificate) }
    var serial: UInt64 = 0
    withUnsafeMutableBytes(of: &serial) { bytes in
      _ = RAND_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), CInt(bytes.count))
    }
    // Positive (RFC 5280 §4.1.2.2).
    serial = serial >> 1 | 1
    let subject = X509_get_subject_name(certificate)
    let names = names.compactMap(Self.alternativeName)
    guard X509_set_version(certificate, 2) == 1,  // which means 3
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1,
      X509_gmtime_adj(X509_getm_notBefore(certificate), begins) != nil,
      X509_gmtime_adj(X509_getm_notAfter(certificate), begins + Int(validity.components.seconds)) != nil,
      X509_set_pubkey(certificate, key) == 1,
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, "Roost", -1, -1, 0) == 1,
      X509_set_issuer_name(certificate, subject) == 1
    else { throw Self.failure }
    try Self.add(NID_basic_constraints, "critical,CA:FALSE", to: certificate)
    try Self.add(NID_key_usage, "critical,digitalSignature", to: certificate)
    try Self.add(NID_ext_key_usage, "serverAuth", to: certificate)
    if !names.isEmpty { try Self.add(NID_subject_alt_name, names.joined(separator: ","), to: certificate) }
    guard X509_sign(certificate, key, EVP_sha256()) > 0 else { throw Self.failure }
    self.certificate = try Self.text { PEM_write_bio_X509($0, certificate) }
    self.key = try Self.text { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) }
  }

  /// The addresses by which this machine may be reached, in numbers; those of links, which mean nothing elsewhere, left out.
  package static var ownAddresses: [String] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var found: [String] = []
    var next = list
    while let entry = next {
      next = entry.pointee.ifa_next
      guard let address = entry.pointee.ifa_addr else { continue }
      let length: Int
      switch CInt(address.pointee.sa_family) {
      case AF_INET: length = MemoryLayout<sockaddr_in>.size
      case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
      default: continue
      }
      guard let host = SocketAddress(copying: address, length: socklen_t(length))?.numeric?.host,
        !host.hasPrefix("fe80"), !found.contains(host)
      else { continue }
      found.append(host)
    }
    return found
  }

  private static var failure: NetError {
    NetError(.tlsConfiguration, "no certificate could be made: \(TLSError.reason)")
  }

  /// The library reads a small language here, so only plain names get in.
  private static func alternativeName(_ name: String) -> String? {
    if SocketAddress(numeric: name, port: 0) != nil { return "IP:\(name)" }
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    return isPlain && !name.isEmpty && name.utf8.count <= 253 ? "DNS:\(name)" : nil
  }

  private static func add(_ kind: CInt, _ value: String, to certificate: OpaquePointer) throws(NetError) {
    guard let field = X509V3_EXT_conf_nid(nil, nil, kind, value) else { throw failure }
    defer { X509_EXTENSION_free(field) }
    guard X509_add_ext(certificate, field, -1) == 1 else { throw failure }
  }

  private static func text(_ write: (OpaquePointer) -> CInt) throws(NetError) -> [UInt8] {
    guard let memory = BIO_new(BIO_s_mem()) else { throw failure }
    defer { BIO_free(memory) }
    guard write(memory) == 1 else { throw failure }
    var bytes: UnsafeMutablePointer<CChar>?
    let count = ccrypto_bio_memory(memory, &bytes)
    guard let bytes, count > 0 else { throw failure }
    return Array(UnsafeRawBufferPointer(start: bytes, count: count))
  }
}

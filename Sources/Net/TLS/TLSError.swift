import CCrypto
import Glibc
import Sys

/// What the library says of its failures, in our words.
enum TLSError {
  /// The earliest failure that this thread has not looked at, in the library's words; all are forgotten.
  static var reason: String {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return "no reason given" }
    return String(cString: text)
  }

  static func checkReadable(_ path: String) throws(NetError) {
    if let what = irregularity(of: path) { throw NetError(.tlsConfiguration, "\(path) \(what)") }
    guard access(path, R_OK) == 0 else {
      throw NetError(.tlsConfiguration, "\(path): \(String(cString: strerror(errno)))")
    }
  }

  static func fingerprint(_ certificate: OpaquePointer) -> CertificateFingerprint? {
    var bytes = [UInt8](repeating: 0, count: CertificateFingerprint.byteCount)
    var count = UInt32(bytes.count)
    guard X509_digest(certificate, EVP_sha256(), &bytes, &count) == 1 else { return nil }
    return CertificateFingerprint(bytes: bytes)
  }

  /// Why a chain was refused (`X509_verify_cert`), and what to do about it.
  static func refusal(_ status: CInt, of fingerprint: CertificateFingerprint, name: String) -> NetError {
    let seen = fingerprint.description
    switch status {
    case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
      let state = status == X509_V_ERR_CERT_HAS_EXPIRED ? "has expired" : "is not valid yet"
      return NetError(
        .tlsExpired(fingerprint: seen),
        "the certificate of \(name), or one that vouches for it, \(state): have it renewed, or look at this machine's clock"
      )
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
      return NetError(
        .tlsWrongHost(fingerprint: seen),
        "the certificate is not for \(name): use a name that it is for, or trust it by its fingerprint \(seen)")
    default:
      let why = X509_verify_cert_error_string(Int(status)).map { String(cString: $0) } ?? "not trusted"
      return NetError(
        .tlsUntrusted(fingerprint: seen),
        "nobody whom this machine trusts vouches for the certificate of \(name) (\(why)): give the file of its authority, or, if \(seen) is the fingerprint that the server itself names, trust that"
      )
    }
  }

  /// Why a session failed, from the library's queue of errors, which is emptied.
  static func failure(isServer: Bool, isSecured: Bool) -> (error: NetError, isPlainHTTP: Bool) {
    let code = ERR_peek_error()
    let number = ccrypto_error_library(code) == ERR_LIB_SSL ? ccrypto_error_reason(code) : 0
    let text = reason
    if isServer, number == SSL_R_HTTP_REQUEST || number == SSL_R_HTTPS_PROXY_REQUEST {
      return (NetError(.tlsFailed, "a plain HTTP request came to a port that speaks TLS"), true)
    }
    if !isServer, !isSecured, [SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG].contains(number) {
      return (
        NetError(.tlsFailed, "the server does not speak TLS on this port (\(text)): use http:// if that is meant"),
        false
      )
    }
    let what = isSecured ? "the TLS connection broke" : "no TLS connection came about"
    return (NetError(.tlsFailed, "\(what): \(text)"), false)
  }
}

import CCrypto
import Glibc
import Synchronization

/// What the connections of one client or one listening socket have in common: certificates, and what is asked of the peer's.
final class TLSContext: @unchecked Sendable {
  // Unchecked: nothing changes after `init`, and the library counts references to it under locks of its own.

  let pointer: OpaquePointer
  /// Whom to trust; nil on a server's side.
  let settings: TLSClientSettings?

  /// The one application protocol there is (RFC 7301), with its length in front.
  static let protocols: [UInt8] = [8] + Array("http/1.1".utf8)

  fileprivate init(_ method: OpaquePointer?, _ settings: TLSClientSettings?) throws(NetError) {
    self.settings = settings
    _ = TLSContext.libraryIsReady
    ERR_clear_error()
    guard let pointer = SSL_CTX_new(method) else {
      throw NetError(.tlsConfiguration, "TLS cannot be set up: \(TLSError.reason)")
    }
    self.pointer = pointer
    guard ccrypto_ssl_ctx_harden(pointer) == 1 else {
      throw NetError(.tlsConfiguration, "TLS cannot be set up: \(TLSError.reason)")
    }
  }

  deinit { SSL_CTX_free(pointer) }

  // Without the library's own tidying at exit, which other threads may still be in the way of.
  private static let libraryIsReady: Bool = OPENSSL_init_ssl(UInt64(OPENSSL_INIT_NO_ATEXIT), nil) == 1
}

extension TLSContext {
  /// Where systems keep the authorities they trust, when the library's own place has none (a program linked on one system may run on another).
  private static let bundles = [
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
  ]

  /// A client's side.
  convenience init(_ settings: TLSClientSettings) throws(NetError) {
    try self.init(TLS_client_method(), settings)
    SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
    SSL_CTX_set_cert_verify_callback(pointer, { store, _ in TLSSession.verify(store) }, nil)
    guard SSL_CTX_set_alpn_protos(pointer, TLSContext.protocols, UInt32(TLSContext.protocols.count)) == 0 else {
      throw NetError(.tlsConfiguration, "TLS cannot be set up: \(TLSError.reason)")
    }
    switch settings.verification {
    case .system:
      let hasOwnPlace = [X509_get_default_cert_file_env(), X509_get_default_cert_dir_env()].contains { name in
        name.map { getenv($0) != nil } ?? false
      }
      let isUsual = [X509_get_default_cert_file(), X509_get_default_cert_dir()].contains { path in
        path.map { access($0, R_OK) == 0 } ?? false
      }
      if !hasOwnPlace, !isUsual, let bundle = Self.bundles.first(where: { access($0, R_OK) == 0 }) {
        SSL_CTX_load_verify_file(pointer, bundle)
      } else {
        SSL_CTX_set_default_verify_paths(pointer)
      }
    case .caFile(let path):
      try TLSError.checkReadable(path)
      guard SSL_CTX_load_verify_file(pointer, path) == 1 else {
        throw NetError(.tlsConfiguration, "\(path): no PEM certificates in it (\(TLSError.reason))")
      }
      // The server's own certificate is as good as that of its authority.
      X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(pointer), UInt(X509_V_FLAG_PARTIAL_CHAIN))
    case .pinned:
      break
    }
  }
}

/// A server's side: its certificate and key, which may become others while it serves.
package final class TLSServerContext: Sendable {
  private struct Identity {
    let context: TLSContext
    let fingerprint: CertificateFingerprint
    let warning: String?
  }

  private let identity: Mutex<Identity>

  /// For connections that begin now; each keeps its own for as long as it lasts.
  var context: TLSContext { identity.withLock { $0.context } }
  /// Of the certificate that clients see.
  package var fingerprint: CertificateFingerprint { identity.withLock { $0.fingerprint } }
  /// What is wrong with the certificate but no reason not to serve: that it has expired, or is not valid yet.
  package var warning: String? { identity.withLock { $0.warning } }

  /// Takes the certificate and key of another one for the connections that begin from now on. Any thread.
  package func adopt(_ other: TLSServerContext) {
    let new = other.identity.withLock { $0 }
    identity.withLock { $0 = new }
  }

  /// Reads PEM files: the certificate followed by those that lead to its authority, and its key, without a password.
  /// Errors: `.tlsConfiguration`, with a sentence that names the file.
  package init(certificateFile: String, keyFile: String) throws(NetError) {
    try TLSError.checkReadable(certificateFile)
    try TLSError.checkReadable(keyFile)
    let certificate = try Self.certificate(certificateFile)
    defer { X509_free(certificate) }
    let key = try Self.key(keyFile)
    defer { EVP_PKEY_free(key) }
    guard X509_check_private_key(certificate, key) == 1 else {
      throw NetError(.tlsConfiguration, "\(keyFile): not the key of the certificate in \(certificateFile)")
    }
    guard let fingerprint = TLSError.fingerprint(certificate) else {
      throw NetError(.tlsConfiguration, "\(certificateFile): \(TLSError.reason)")
    }
    let warning: String?
    if X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 {
      warning = "the certificate in \(certificateFile) has expired: clients that check it will refuse to connect"
    } else if X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 {
      warning = "the certificate in \(certificateFile) is not valid yet: clients that check it will refuse to connect"
    } else {
      warning = nil
    }
    let context = try TLSContext(TLS_server_method(), nil)
    let pointer = context.pointer
    guard SSL_CTX_use_certificate_chain_file(pointer, certificateFile) == 1, SSL_CTX_use_PrivateKey(pointer, key) == 1
    else {
      throw NetError(.tlsConfiguration, "\(certificateFile): \(TLSError.reason)")
    }
    SSL_CTX_set_alpn_select_cb(
      pointer,
      { _, chosen, chosenCount, offered, offeredCount, _ in
        let own = TLSContext.protocols
        // Points into what the peer offered: that is what the library wants to be given.
        let status = SSL_select_next_proto(
          UnsafeMutableRawPointer(OpaquePointer(chosen))?.assumingMemoryBound(to: UnsafeMutablePointer<UInt8>?.self),
          chosenCount, own, UInt32(own.count), offered, offeredCount)
        return status == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL
      }, nil)
    identity = Mutex(Identity(context: context, fingerprint: fingerprint, warning: warning))
  }

  private static func certificate(_ path: String) throws(NetError) -> OpaquePointer {
    ERR_clear_error()
    let file = BIO_new_file(path, "r")
    defer { BIO_free(file) }
    guard let certificate = PEM_read_bio_X509_AUX(file, nil, { _, _, _, _ in -1 }, nil) else {
      throw NetError(.tlsConfiguration, "\(path): no PEM certificate in it (\(TLSError.reason))")
    }
    return certificate
  }

  private static func key(_ path: String) throws(NetError) -> OpaquePointer {
    ERR_clear_error()
    let file = BIO_new_file(path, "r")
    defer { BIO_free(file) }
    // Nobody is there to be asked for a password.
    guard let key = PEM_read_bio_PrivateKey(file, nil, { _, _, _, _ in -1 }, nil) else {
      throw NetError(
        .tlsConfiguration, "\(path): no PEM private key in it that can be read without a password (\(TLSError.reason))")
    }
    return key
  }
}

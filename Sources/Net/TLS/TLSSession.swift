import CCrypto

/// One end of one TLS connection (RFC 8446; RFC 5246): makes of what the network brings what the peer said, and of what we say what
/// goes to the network. It knows of no descriptor and no loop, so it moves from one loop to another with its socket.
final class TLSSession {
  /// The most that one record carries (RFC 8446 §5.1).
  static let maxRecordBytes = 16 * 1024

  enum Event {
    /// The handshake is over: who is at the other end is known, and from here on bytes go both ways.
    case secured
    /// So many bytes were put into the buffer.
    case bytes(Int)
    /// All that has come in was worked through.
    case wantsMore
    /// The peer says that it will send nothing more.
    case ended
    case failed(NetError)
  }

  let isServer: Bool
  private(set) var isSecured = false
  /// The network has nothing more for us.
  var inputHasEnded = false
  /// The peer began with an HTTP request in plain text.
  private(set) var metPlainHTTP = false
  /// For the network. Whoever calls something here sends it and empties it.
  private(set) var output = OutputBuffer()

  private let ssl: OpaquePointer
  private let context: TLSContext
  private let name: String
  /// What came in and was not yet worked through: first what was kept from earlier, then what is only lent to us.
  private var kept: [UInt8] = []
  private var keptTaken = 0
  private var lent = UnsafeRawBufferPointer(start: nil, count: 0)
  /// What is to be told once the bytes that came before it were.
  private var ending: Event?
  /// Why the peer's certificate was refused.
  private var refusal: NetError?

  convenience init(server context: TLSServerContext) throws(NetError) {
    try self.init(context.context, name: "", isServer: true)
    SSL_set_accept_state(ssl)
  }

  /// - Parameter host: the name or the numeric address that the certificate must be for.
  convenience init(client context: TLSContext, host: String) throws(NetError) {
    var name = context.settings?.serverName ?? host
    if name.hasSuffix(".") { name.removeLast() }
    try self.init(context, name: name, isServer: false)
    SSL_set_connect_state(ssl)
    SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    if SocketAddress(numeric: name, port: 0) != nil {
      guard X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1 else { throw Self.noName(name) }
    } else {
      // An empty name would be one that is not checked.
      guard !name.isEmpty, !name.utf8.contains(0), SSL_set1_host(ssl, name) == 1,
        ccrypto_ssl_set_server_name(ssl, name) == 1
      else { throw Self.noName(name) }
    }
  }

  private static func noName(_ name: String) -> NetError {
    ERR_clear_error()
    return NetError(.invalidArgument, "'\(name)' is no name that a certificate could be for")
  }

  private init(_ context: TLSContext, name: String, isServer: Bool) throws(NetError) {
    ERR_clear_error()
    guard let ssl = SSL_new(context.pointer) else { throw NetError(.exhausted, "TLS: \(TLSError.reason)") }
    self.ssl = ssl
    self.context = context
    self.name = name
    self.isServer = isServer
    guard let bio = BIO_new(Self.method) else { throw NetError(.exhausted, "TLS: \(TLSError.reason)") }
    // Unretained: the library's part ends in our deinit.
    BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    ccrypto_ssl_set_owner(ssl, Unmanaged.passUnretained(self).toOpaque())
    // One reference, for reading and writing both.
    SSL_set_bio(ssl, bio, bio)
  }

  deinit {
    SSL_free(ssl)
    output.free()
  }

  // MARK: What the network brings

  /// Lends what came in until `keepRest()`.
  func feed(_ bytes: UnsafeRawBufferPointer) {
    if hasKept { kept.append(contentsOf: bytes) } else { lent = bytes }
  }

  /// Copies what is still lent.
  func keepRest() {
    if keptTaken > 0 {
      kept.removeFirst(keptTaken)
      keptTaken = 0
    }
    kept.append(contentsOf: lent)
    lent = .init(start: nil, count: 0)
  }

  private var hasKept: Bool { keptTaken < kept.count }

  /// Is there something to be had without the network?
  var hasUnread: Bool { hasKept || !lent.isEmpty || ending != nil || SSL_has_pending(ssl) == 1 || !isSecured }

  /// Works on what came in, up to a bufferful.
  func next(into buffer: UnsafeMutableRawBufferPointer) -> Event {
    if let ending { return ending }
    ERR_clear_error()
    if !isSecured {
      let status = SSL_do_handshake(ssl)
      if status == 1 {
        isSecured = true
        return .secured
      }
      return verdict(status)
    }
    var count = 0
    while count < buffer.count, let base = buffer.baseAddress {
      var taken = 0
      let status = SSL_read_ex(ssl, base + count, buffer.count - count, &taken)
      if status == 1 {
        count += taken
        continue
      }
      let event = verdict(status)
      if count == 0 { return event }
      break
    }
    return .bytes(count)
  }

  private func verdict(_ status: CInt) -> Event {
    switch SSL_get_error(ssl, status) {
    case SSL_ERROR_WANT_READ:
      return .wantsMore
    case SSL_ERROR_ZERO_RETURN:
      ending = .ended
      return .ended
    default:
      let (error, isPlainHTTP) = TLSError.failure(isServer: isServer, isSecured: isSecured)
      metPlainHTTP = isPlainHTTP
      let event = Event.failed(refusal ?? error)
      ending = event
      return event
    }
  }

  // MARK: What we say

  /// Puts bytes into records for the network. False when the session is broken.
  func seal(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes
    while let base = rest.baseAddress, rest.count > 0 {
      ERR_clear_error()
      var written = 0
      guard SSL_write_ex(ssl, base, rest.count, &written) == 1, written > 0 else { return false }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
    return true
  }

  /// Tells the peer that nothing more will come (RFC 8446 §6.1).
  func sayGoodbye() {
    guard isSecured else { return }
    ERR_clear_error()
    SSL_shutdown(ssl)
    ERR_clear_error()
  }

  func emptyOutput() { output.free() }

  // MARK: Who the peer is

  static func verify(_ store: OpaquePointer?) -> CInt {
    guard let store, let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
      let owner = ccrypto_ssl_owner(OpaquePointer(ssl))
    else { return 0 }
    return Unmanaged<TLSSession>.fromOpaque(owner).takeUnretainedValue().accepts(store) ? 1 : 0
  }

  private func accepts(_ store: OpaquePointer) -> Bool {
    guard let settings = context.settings, let leaf = X509_STORE_CTX_get0_cert(store),
      let fingerprint = TLSError.fingerprint(leaf)
    else { return false }
    if case .pinned(let wanted) = settings.verification {
      if CRYPTO_memcmp(wanted.bytes, fingerprint.bytes, CertificateFingerprint.byteCount) == 0 { return true }
      X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
      refusal = NetError(
        .tlsWrongPin(fingerprint: fingerprint.description),
        "\(name) shows a certificate with the fingerprint \(fingerprint), not the expected \(wanted): somebody may be in between; if the server was given a new one, trust that instead"
      )
      return false
    }
    if X509_verify_cert(store) == 1 { return true }
    refusal = TLSError.refusal(X509_STORE_CTX_get_error(store), of: fingerprint, name: name)
    return false
  }

  // MARK: The library's side

  /// Copies what came in to the library.
  private func take(_ destination: UnsafeMutableRawPointer, _ room: Int) -> Int {
    if hasKept {
      let count = min(room, kept.count - keptTaken)
      kept.withUnsafeBytes { destination.copyMemory(from: $0.baseAddress! + keptTaken, byteCount: count) }
      keptTaken += count
      if !hasKept {
        kept = []
        keptTaken = 0
      }
      return count
    }
    guard let base = lent.baseAddress, !lent.isEmpty else { return 0 }
    let count = min(room, lent.count)
    destination.copyMemory(from: base, byteCount: count)
    lent = UnsafeRawBufferPointer(rebasing: lent[count...])
    return count
  }

  // Unsafe in name only: made once, never changed.
  nonisolated(unsafe) private static let method: OpaquePointer? = {
    let method = BIO_meth_new(BIO_get_new_index() | ccrypto_bio_type_source_sink(), "roost socket")
    BIO_meth_set_create(method) { bio in
      BIO_set_init(bio, 1)
      return 1
    }
    BIO_meth_set_read(method) { bio, destination, room in
      guard let bio, let destination, room > 0, let session = TLSSession.of(bio) else { return 0 }
      let count = session.take(UnsafeMutableRawPointer(destination), Int(room))
      // Nothing is there now, which is not the end: we know of that before the library does.
      if count > 0 { ccrypto_bio_clear_retry(bio) } else { ccrypto_bio_retry_read(bio) }
      return count > 0 ? CInt(count) : -1
    }
    BIO_meth_set_write(method) { bio, source, count in
      guard let bio, let source, count > 0, let session = TLSSession.of(bio) else { return 0 }
      ccrypto_bio_clear_retry(bio)
      session.output.append(UnsafeRawBufferPointer(start: source, count: Int(count)))
      return count
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }()

  private static func of(_ bio: OpaquePointer) -> TLSSession? {
    BIO_get_data(bio).map { Unmanaged<TLSSession>.fromOpaque($0).takeUnretainedValue() }
  }
}

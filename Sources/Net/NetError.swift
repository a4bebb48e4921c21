import CUV
import Glibc

/// What went wrong on a socket, in a name lookup, or in a protocol the peer should have kept to.
package struct NetError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A closed set: callers switch over it, and `name` is stable.
  package enum Code: Sendable, Equatable {
    /// Nobody listens there.
    case connectionRefused
    /// No such socket file, or no such host name.
    case notFound
    /// No route to the host or network, or no name server answers.
    case unreachable
    case timedOut
    /// The connection ended before the work was done.
    case closed
    /// The calling task was cancelled.
    case cancelled
    case addressInUse
    case permissionDenied
    /// The peer broke HTTP or WebSocket rules.
    case protocolViolation
    /// A WebSocket handshake was answered with an ordinary response.
    case upgradeRefused(status: Int, body: [UInt8])
    /// A message or response larger than the caller's bound.
    case tooLarge
    /// Nobody whom this machine trusts vouches for the server's certificate. As with the next three, `fingerprint` is that of the
    /// certificate that was seen (``CertificateFingerprint`` reads it).
    case tlsUntrusted(fingerprint: String)
    /// The certificate, or one that vouches for it, has expired or is not valid yet.
    case tlsExpired(fingerprint: String)
    /// The certificate is for another name.
    case tlsWrongHost(fingerprint: String)
    /// The certificate is not the one that was expected.
    case tlsWrongPin(fingerprint: String)
    /// The TLS handshake failed for another reason, or the session broke.
    case tlsFailed
    /// Certificates or keys that cannot be used: the message names the file.
    case tlsConfiguration
    /// Every address of the host was refused by the client's filter; nothing was connected to.
    case addressRefused
    /// An argument that cannot work, such as a socket path that is too long.
    case invalidArgument
    /// Out of descriptors or memory.
    case exhausted
    /// Any other failure of a system call; the message names it.
    case system

    package var name: String {
      switch self {
      case .connectionRefused: "connection-refused"
      case .notFound: "not-found"
      case .unreachable: "unreachable"
      case .timedOut: "timed-out"
      case .closed: "closed"
      case .cancelled: "cancelled"
      case .addressInUse: "address-in-use"
      case .permissionDenied: "permission-denied"
      case .protocolViolation: "protocol-violation"
      case .upgradeRefused: "upgrade-refused"
      case .tooLarge: "too-large"
      case .tlsUntrusted: "tls-untrusted"
      case .tlsExpired: "tls-expired"
      case .tlsWrongHost: "tls-wrong-host"
      case .tlsWrongPin: "tls-wrong-pin"
      case .tlsFailed: "tls-failed"
      case .tlsConfiguration: "tls-configuration"
      case .addressRefused: "address-refused"
      case .invalidArgument: "invalid-argument"
      case .exhausted: "exhausted"
      case .system: "system"
      }
    }
  }

  package var code: Code
  package var message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { "\(code.name): \(message)" }
}

extension NetError {
  /// From a libuv status (a negated errno on Unix, or one of libuv's own numbers).
  init(uv status: CInt, _ call: String) {
    let text = String(cString: uv_strerror(status))
    self.init(NetError.code(uv: status), "\(call): \(text)")
  }

  /// From `errno`; read it at once after the failed call.
  init(errno number: CInt, _ call: String) {
    self.init(uv: -number, call)
  }

  private static func code(uv status: CInt) -> Code {
    switch status {
    case UV_ECONNREFUSED.rawValue: .connectionRefused
    case UV_ENOENT.rawValue, UV_EAI_NONAME.rawValue, UV_EAI_NODATA.rawValue: .notFound
    case UV_EHOSTUNREACH.rawValue, UV_ENETUNREACH.rawValue, UV_ENETDOWN.rawValue, UV_EADDRNOTAVAIL.rawValue,
      UV_EAI_AGAIN.rawValue:
      .unreachable
    case UV_ETIMEDOUT.rawValue: .timedOut
    case UV_EOF.rawValue, UV_ECONNRESET.rawValue, UV_EPIPE.rawValue, UV_ENOTCONN.rawValue, UV_ECONNABORTED.rawValue:
      .closed
    case UV_ECANCELED.rawValue: .cancelled
    case UV_EADDRINUSE.rawValue: .addressInUse
    case UV_EACCES.rawValue, UV_EPERM.rawValue: .permissionDenied
    case UV_EINVAL.rawValue, UV_ENAMETOOLONG.rawValue: .invalidArgument
    case UV_EMFILE.rawValue, UV_ENFILE.rawValue, UV_ENOMEM.rawValue, UV_ENOBUFS.rawValue: .exhausted
    default: .system
    }
  }
}

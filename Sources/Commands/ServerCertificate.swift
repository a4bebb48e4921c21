import Glibc
import Net
import Store
import Sys

/// The certificate with which a server speaks TLS.
enum ServerCertificate {
  /// Reads it, making it first when the server is to have one of its own and has none. Nil when plain text is spoken.
  static func load(_ options: ServeOptions, _ paths: Paths, hostname: String) throws -> TLSServerContext? {
    switch options.transport {
    case .plain: return nil
    case .files(let certificate, let key): return try TLSServerContext(certificateFile: certificate, keyFile: key)
    case .selfSigned:
      // One without the other is what is left when making them was interrupted.
      if access(paths.ownCertificate, F_OK) != 0 || access(paths.ownCertificateKey, F_OK) != 0 {
        try make(paths, names: [hostname, Host.hostname, "localhost"] + options.binds.map(\.host))
      }
      do throws(NetError) {
        return try TLSServerContext(certificateFile: paths.ownCertificate, keyFile: paths.ownCertificateKey)
      } catch {
        throw CommandFailure(
          .failed,
          "the server's own certificate: \(error.message); remove \(paths.ownCertificate) and \(paths.ownCertificateKey) for a new one"
        )
      }
    }
  }

  private static func make(_ paths: Paths, names: [String]) throws {
    var unique: [String] = []
    for name in names + ["127.0.0.1", "::1"] + SelfSignedCertificate.ownAddresses where !unique.contains(name) {
      // What stands for every address is none itself.
      if name != "0.0.0.0", name != "::" { unique.append(name) }
    }
    let made = try SelfSignedCertificate(names: unique)
    try paths.prepareState()
    try AtomicFile.write(made.key, to: paths.ownCertificateKey)
    try AtomicFile.write(made.certificate, to: paths.ownCertificate, mode: 0o644)
  }
}

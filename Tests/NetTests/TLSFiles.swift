import Glibc
import Synchronization

@testable import Net

/// A certificate and its key, made for a test and gone with it.
final class TLSFiles: Sendable {
  static let shared: TLSFiles = {
    do {
      return try TLSFiles()
    } catch {
      fatalError("no certificate for the tests: \(error)")
    }
  }()

  private static let number = Atomic<Int>(0)

  let certificate: String
  let key: String
  let context: TLSServerContext

  init(
    names: [String] = ["localhost", "127.0.0.1"], validity: Duration = .seconds(3600), begins: Int = -60
  ) throws {
    let made = try SelfSignedCertificate(names: names, validity: validity, begins: begins)
    let base = "/tmp/roost-net-tests-\(getpid())-\(TLSFiles.number.wrappingAdd(1, ordering: .relaxed).newValue)"
    certificate = base + ".crt"
    key = base + ".key"
    try TLSFiles.write(made.certificate, to: certificate)
    try TLSFiles.write(made.key, to: key)
    context = try TLSServerContext(certificateFile: certificate, keyFile: key)
  }

  deinit {
    unlink(certificate)
    unlink(key)
  }

  var pinned: TLSClientSettings { TLSClientSettings(verification: .pinned(context.fingerprint)) }
  func trusted(as name: String? = nil) -> TLSClientSettings {
    TLSClientSettings(serverName: name, verification: .caFile(certificate))
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0, Glibc.write(file, bytes, bytes.count) == bytes.count else { throw RawClient.Failure.read(errno) }
    close(file)
  }
}

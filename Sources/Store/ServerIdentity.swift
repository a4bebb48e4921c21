import Glibc
import Sys

/// Who this server is: a random UUID (RFC 9562 version 4) made once and kept in the state folder, and the machine's
/// name as it is now.
package struct ServerIdentity: Sendable, Equatable {
  package let id: String
  package let hostname: String

  /// A new one.
  package init() {
    self.init(id: makeUUID(), hostname: Host.hostname)
  }

  private init(id: String, hostname: String) {
    self.id = id
    self.hostname = hostname
  }

  /// Reads the id, or makes it durable first. A file that holds no UUID is refused rather than replaced: other servers
  /// know us by it.
  package static func load(_ paths: Paths) throws(StoreError) -> ServerIdentity {
    if let known = try read(paths) { return known }
    let new = ServerIdentity()
    try new.store(paths)
    return new
  }

  /// What an earlier server stored; nil when there was none.
  package static func read(_ paths: Paths) throws(StoreError) -> ServerIdentity? {
    let bytes: [UInt8]
    if let what = irregularity(of: paths.identityFile) {
      throw StoreError(code: .corrupt, message: "\(paths.identityFile) \(what); restore it, or remove it for a new id")
    }
    do throws(SystemError) {
      bytes = try readRegularFile(paths.identityFile, limit: 64)
    } catch {
      if error.code == ENOENT { return nil }
      // It may well be there: another one in its place would make this another server.
      throw StoreError(code: .systemFailure, message: "\(paths.identityFile) cannot be read: \(error.reason)")
    }
    let id = String(decoding: bytes, as: UTF8.self).filter { $0 != "\n" }
    guard isUUID(id) else {
      throw StoreError(
        code: .corrupt, message: "\(paths.identityFile) does not hold a UUID; restore it, or remove it for a new one")
    }
    return ServerIdentity(id: id, hostname: Host.hostname)
  }

  /// Makes the id durable, which waits for the disk.
  package func store(_ paths: Paths) throws(StoreError) {
    try paths.prepareState()
    do {
      try AtomicFile.write(Array((id + "\n").utf8), to: paths.identityFile)
    } catch {
      throw StoreError(error, "the server's id could not be stored: \(error)")
    }
  }
}

/// Whether a text is a UUID in lower case (RFC 9562 §4), of whatever version.
package func isUUID(_ text: String) -> Bool {
  text.utf8.count == 36
    && text.utf8.enumerated().allSatisfy { index, byte in
      switch (index, byte) {
      case (8, _), (13, _), (18, _), (23, _): byte == UInt8(ascii: "-")
      case (_, UInt8(ascii: "0")...UInt8(ascii: "9")), (_, UInt8(ascii: "a")...UInt8(ascii: "f")): true
      default: false
      }
    }
}

/// A random UUID, lower case.
package func makeUUID() -> String {
  var bytes = randomBytes(16)
  bytes[6] = bytes[6] & 0x0f | 0x40
  bytes[8] = bytes[8] & 0x3f | 0x80
  func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") - 10 + nibble }
  return String(unsafeUninitializedCapacity: 36) { text in
    var end = 0
    for (index, byte) in bytes.enumerated() {
      if index == 4 || index == 6 || index == 8 || index == 10 {
        text[end] = UInt8(ascii: "-")
        end += 1
      }
      text[end] = digit(byte >> 4)
      text[end + 1] = digit(byte & 15)
      end += 2
    }
    return end
  }
}

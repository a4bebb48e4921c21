import Glibc
import Sys

/// What may be a bearer token, and the files that hold one.
package enum BackendToken {
  /// A tenth of what a server takes as one header; tokens of ours have 38 bytes.
  package static let longest = 1024

  /// Checks a token; nothing of it is in the error. Surrounding white space, which files and pasted texts have, is left out.
  package static func checked(_ text: String) throws(RegistryError) -> String {
    var bytes = Array(text.utf8)[...]
    while let last = bytes.last, last == 0x0A || last == 0x0D || last == 0x20 || last == 0x09 { bytes.removeLast() }
    while let first = bytes.first, first == 0x0A || first == 0x0D || first == 0x20 || first == 0x09 {
      bytes.removeFirst()
    }
    guard (1...longest).contains(bytes.count), bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw RegistryError(
        .invalidRequest, "A token is one word of 1 to \(longest) printable ASCII characters; this is none.")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Reads the token out of a file that must be ours and readable by nobody else. Throws `config_invalid` with a sentence that says what to do.
  package static func read(_ path: String) throws(RegistryError) -> String {
    // Without blocking: somebody may have put a FIFO there.
    let opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard opened >= 0 else {
      throw RegistryError(
        .configInvalid, "The token file \(path) cannot be opened: \(SystemError.last("open").reason).")
    }
    let file = Descriptor(owning: opened)
    var status = stat()
    guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw RegistryError(.configInvalid, "The token file \(path) is no ordinary file.")
    }
    guard status.st_uid == geteuid() else {
      throw RegistryError(.configInvalid, "The token file \(path) belongs to another user (uid \(status.st_uid)).")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw RegistryError(.configInvalid, "The token file \(path) can be read by others; run: chmod 600 \(path)")
    }
    var buffer = [UInt8](repeating: 0, count: longest + 64)
    let count = Glibc.read(file.raw, &buffer, buffer.count)
    guard count >= 0 else {
      throw RegistryError(.configInvalid, "The token file \(path) cannot be read: \(SystemError.last("read").reason).")
    }
    do throws(RegistryError) {
      return try checked(String(decoding: buffer[..<count], as: UTF8.self))
    } catch {
      throw RegistryError(
        .configInvalid, "The token file \(path) must hold one token of 1 to \(longest) printable ASCII characters.")
    }
  }
}

package import Glibc
import Sys

/// A folder of its own for one test, removed with the files in it (not with folders of its own).
package final class ScratchFolder: Sendable {
  package let path: String

  package init() throws {
    var template = Array("/tmp/roost-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.last("mkdtemp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        unlink("\(path)/\(name)")
      }
      closedir(directory)
    }
    rmdir(path)
  }

  /// Writes a file there. Returns its path.
  package func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
    let file = Descriptor(owning: open("\(path)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, mode))
    try writeAll(file.raw, Array(text.utf8))
    return "\(path)/\(name)"
  }
}

/// How long a test waits for what must happen, in milliseconds; reached only when it fails.
package let patience: CInt = 20_000

package func waitReadable(_ descriptor: CInt, milliseconds: CInt = patience) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&entry, 1, milliseconds) == 1
}

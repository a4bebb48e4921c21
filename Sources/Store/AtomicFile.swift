import Glibc
package import Sys

/// Replaces files so that a reader, and the disk after a power cut, has either the old or the new contents whole.
package enum AtomicFile {
  /// Writes beside the file, makes that durable, renames it over the file and makes the name durable.
  package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(SystemError) {
    let suffix = randomBytes(6).map { String($0, radix: 16) }.joined()
    let temporary = "\(path).\(suffix).tmp"
    let opened = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard opened >= 0 else { throw .last("open \(temporary)") }
    do throws(SystemError) {
      let file = Descriptor(owning: opened)
      try writeAll(file.raw, bytes)
      guard fsync(file.raw) == 0 else { throw SystemError.last("fsync \(temporary)") }
      guard rename(temporary, path) == 0 else { throw SystemError.last("rename \(path)") }
    } catch {
      unlink(temporary)
      throw error
    }
    try syncFolder(of: path)
  }

  /// Writes only when the contents differ, and without waiting for the disk: for files that can be made again.
  package static func writeIfChanged(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(SystemError) {
    if let present = try? readRegularFile(path, limit: bytes.count + 1), present == bytes { return }
    let temporary = "\(path).\(getpid()).tmp"
    // What an earlier process of that number has left, or another one put there.
    unlink(temporary)
    let opened = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard opened >= 0 else { throw .last("open \(temporary)") }
    let file = Descriptor(owning: opened)
    try writeAll(file.raw, bytes)
    guard rename(temporary, path) == 0 else { throw .last("rename \(path)") }
  }

  private static func syncFolder(of path: String) throws(SystemError) {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw .last("open \(folder)") }
    let descriptor = Descriptor(owning: opened)
    guard fsync(descriptor.raw) == 0 else { throw .last("fsync \(folder)") }
  }
}

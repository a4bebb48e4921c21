import CSys
import Glibc

/// Tells when something is taken out of a folder, or the folder itself goes (inotify(7)). What was taken is for its owner to find out:
/// names and counts are not kept.
package struct FolderWatch: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// Nil when the folder is not there, or the user has no watches left (`fs.inotify.max_user_instances`).
  package init?(_ path: String) {
    let opened = csys_watch_folder(path)
    guard opened >= 0 else { return nil }
    descriptor = Descriptor(owning: opened)
  }

  /// Readable when something has happened. Stays owned here.
  package var raw: CInt { descriptor.raw }

  /// Takes the descriptor out; the caller closes it.
  package consuming func release() -> CInt { descriptor.release() }

  /// Takes what has been told so far, so that the descriptor tells the next.
  package func drain() { FolderWatch.drain(descriptor.raw) }

  package static func drain(_ descriptor: CInt) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case .bytes(let count) = buffer.withUnsafeMutableBytes({ readBytes(descriptor, into: $0) }), count > 0 {}
  }
}

/// Which file a path names now; two are the same only if it is the very same file.
package struct FileIdentity: Sendable, Equatable {
  private let device: UInt64
  private let node: UInt64

  /// Nil when there is none. A link is not followed.
  package init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    (device, node) = (UInt64(status.st_dev), UInt64(status.st_ino))
  }

  /// The file that a process of ours has open under that number; nil when it has none, or it is not ours to know.
  package init?(open number: CInt, of pid: ProcessID) {
    var status = stat()
    guard stat("/proc/\(pid)/fd/\(number)", &status) == 0 else { return nil }
    (device, node) = (UInt64(status.st_dev), UInt64(status.st_ino))
  }

  /// The open file.
  package init?(descriptor: CInt) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    (device, node) = (UInt64(status.st_dev), UInt64(status.st_ino))
  }
}

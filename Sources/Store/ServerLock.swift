import Glibc
import Sys

/// Held for a server's life so that there is one server of a name. The kernel lets go of it however the server ends,
/// so nothing stale is ever left behind.
package final class ServerLock: Sendable {
  private let descriptor: CInt

  /// Takes the lock at once or fails with `alreadyRunning`. The runtime folder must exist.
  package init(paths: Paths) throws(StoreError) {
    let opened = open(paths.lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard opened >= 0 else {
      throw StoreError(code: .systemFailure, message: "\(SystemError.last("open \(paths.lock)"))")
    }
    // The file is never removed: two servers could otherwise hold locks on two files of the same name.
    guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
      let failure = SystemError.last("flock \(paths.lock)")
      let holder = (try? readFile(paths.lock, limit: 32)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      close(opened)
      guard failure.code == EWOULDBLOCK else { throw StoreError(code: .systemFailure, message: "\(failure)") }
      let pid = Int(holder.filter { $0 != "\n" }).map { " (pid \($0))" } ?? ""
      throw StoreError(
        code: .alreadyRunning,
        message: "a server named \"\(paths.serverName)\" is already running\(pid); give this one another name")
    }
    // For people and for the message above only; the lock itself is what counts.
    ftruncate(opened, 0)
    try? writeAll(opened, Array("\(getpid())\n".utf8))
    descriptor = opened
  }

  deinit { close(descriptor) }
}

import CSys
import Glibc

/// Locks on whole files that belong to the open file (fcntl(2), "open file description locks"): the kernel lets go of one when its last
/// descriptor is closed, however the process ends.
package enum FileLock {
  /// Takes it at once; false when another has it.
  package static func take(_ file: CInt) throws(SystemError) -> Bool {
    if csys_lock_file(file) == 0 { return true }
    guard errno == EAGAIN || errno == EACCES else { throw .last("fcntl") }
    return false
  }

  /// Whether another open file has it. Asking keeps nobody from taking it.
  package static func isTaken(_ file: CInt) -> Bool { csys_is_file_locked(file) == 1 }
}

import CSys
import Glibc

/// How a child ended.
package enum ExitStatus: Sendable, Equatable {
  /// By itself, with this exit status (0...255).
  case exited(Int32)
  /// By this signal.
  case signaled(Int32)
}

/// The exit status of our own child once it has ended, which also removes its zombie; nil while it runs.
/// A pidfd becomes readable when there is something to reap (pidfd_open(2)).
package func reap(pidfd: CInt) throws(SystemError) -> ExitStatus? {
  var code: CInt = 0
  var status: CInt = 0
  switch csys_reap(pidfd, &code, &status) {
  case 0: return nil
  case 1: return code == csys_cld_exited ? .exited(status) : .signaled(status)
  default: throw .last("waitid")
  }
}

/// A pidfd of any process: readable when it has ended.
package func openPidfd(_ pid: ProcessID) throws(SystemError) -> Descriptor {
  let opened = csys_pidfd_open(pid)
  guard opened >= 0 else { throw .last("pidfd_open") }
  return Descriptor(owning: opened)
}

func sendSignalToPidfd(_ pidfd: CInt, _ signal: CInt) -> CInt {
  csys_pidfd_send_signal(pidfd, signal)
}

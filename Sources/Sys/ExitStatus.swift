import CSys
import Glibc

/// How a child ended.
package enum ExitStatus: Sendable, Equatable {
  /// By itself, with this exit status (0...255).
  case exited(Int32)
  /// By this signal.
  case signaled(Int32)
  /// It has ended, and nobody can tell how: whoever could have reaped it is gone.
  case unknown
}

extension ExitStatus {
  /// What wait(2) gives.
  init(waitStatus status: CInt) {
    let number = status & 0x7F
    self = number == 0 ? .exited(status >> 8 & 0xFF) : .signaled(number)
  }

  /// How a process ended that another process has reaped or is to reap; nil while nothing tells. Linux keeps it with the pidfd since 6.15; of
  /// one that has not been reaped /proc tells it (proc(5), `exit_code`).
  package static func told(by pidfd: CInt, of pid: ProcessID) -> ExitStatus? {
    var status: CInt = 0
    if csys_exit_info(pidfd, &status) == 1 { return ExitStatus(waitStatus: status) }
    // The pidfd is readable, so that a zombie of that number is the process: no other has it before it has been reaped.
    guard let code = ProcessStatus.exitCode(ofZombie: pid) else { return nil }
    return ExitStatus(waitStatus: code)
  }
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

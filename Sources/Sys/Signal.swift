import Glibc

/// A signal number with its name (signal(7)).
package struct Signal: Sendable, Hashable, CustomStringConvertible {
  package let number: CInt

  /// Any number that the kernel knows: 1...64.
  package init?(number: CInt) {
    guard (1...64).contains(number) else { return nil }
    self.number = number
  }

  private init(known number: CInt) { self.number = number }

  package static let hangUp = Signal(known: SIGHUP)
  package static let interrupt = Signal(known: SIGINT)
  package static let kill = Signal(known: SIGKILL)
  package static let terminate = Signal(known: SIGTERM)
  package static let stop = Signal(known: SIGSTOP)
  package static let `continue` = Signal(known: SIGCONT)

  /// "TERM", "SIGTERM", "term" or "15".
  package init?(_ text: String) {
    if let number = CInt(text) {
      self.init(number: number)
      return
    }
    var name = text.uppercased()
    if name.hasPrefix("SIG") { name.removeFirst(3) }
    guard let found = Self.names.first(where: { $0.name == name }) else { return nil }
    self.init(known: found.number)
  }

  /// "SIGTERM"; "SIG34" for one without a name.
  package var description: String {
    "SIG" + (Self.names.first { $0.number == number }?.name ?? String(number))
  }

  private static let names: [(name: String, number: CInt)] = [
    ("HUP", SIGHUP), ("INT", SIGINT), ("QUIT", SIGQUIT), ("ILL", SIGILL), ("TRAP", SIGTRAP), ("ABRT", SIGABRT),
    ("BUS", SIGBUS), ("FPE", SIGFPE), ("KILL", SIGKILL), ("USR1", SIGUSR1), ("SEGV", SIGSEGV), ("USR2", SIGUSR2),
    ("PIPE", SIGPIPE), ("ALRM", SIGALRM), ("TERM", SIGTERM), ("STKFLT", SIGSTKFLT), ("CHLD", SIGCHLD),
    ("CONT", SIGCONT), ("STOP", SIGSTOP), ("TSTP", SIGTSTP), ("TTIN", SIGTTIN), ("TTOU", SIGTTOU), ("URG", SIGURG),
    ("XCPU", SIGXCPU), ("XFSZ", SIGXFSZ), ("VTALRM", SIGVTALRM), ("PROF", SIGPROF), ("WINCH", SIGWINCH),
    ("IO", SIGIO), ("PWR", SIGPWR), ("SYS", SIGSYS),
  ]
}

/// Where a signal goes.
package enum SignalTarget: Sendable, Equatable {
  case process(ProcessID)
  case group(ProcessID)
  /// Cannot hit a later process that got the same pid.
  case pidfd(CInt)
}

/// Sends a signal. A target that is gone is not an error: false says so.
@discardableResult
package func sendSignal(_ signal: Signal, to target: SignalTarget) throws(SystemError) -> Bool {
  let result: CInt
  switch target {
  case .process(let pid):
    guard pid > 0 else { throw SystemError(code: EINVAL, call: "kill") }
    result = kill(pid, signal.number)
  case .group(let group):
    // kill(-1) is everybody, kill(0) is ourselves: neither is a group somebody can have meant here.
    guard group > 1 else { throw SystemError(code: EINVAL, call: "kill") }
    result = kill(-group, signal.number)
  case .pidfd(let pidfd):
    result = sendSignalToPidfd(pidfd, signal.number)
  }
  if result == 0 { return true }
  guard errno == ESRCH else { throw .last("kill") }
  return false
}

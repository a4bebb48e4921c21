/// One program that runs in one process: another after every `exec`, the same in no two processes.
package struct ProcessImage: Sendable, Equatable {
  package let pid: ProcessID
  /// Where its stack begins, which the kernel chooses anew for each program that it starts.
  private let stack: UInt64

  /// What the process runs now; nil when it is gone, or the kernel does not tell.
  package init?(_ pid: ProcessID) {
    guard let stack = ProcessStatus.stackStart(pid) else { return nil }
    self.pid = pid
    self.stack = stack
  }
}

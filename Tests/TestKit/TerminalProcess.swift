package import Glibc
package import Sys

/// A program on a PTY, as a person at a terminal has it: keys go in, what would be on the screen comes out.
///
/// Output is read all the time by a thread, so that a program which writes much is never held up by a test that does
/// not look.
package final class TerminalProcess: @unchecked Sendable {
  // Safe to share: the mutable state is behind `mutex`, and the descriptors are closed only when nobody has us.

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var received: [UInt8] = []
  private var isAtEnd = false
  /// How much of the output `expect` has consumed.
  private var consumed = 0
  private var status: ExitStatus?

  package let pid: pid_t
  private let master: CInt
  private let pidfd: CInt

  /// Starts a program on a new terminal.
  package init(
    _ executable: String, _ arguments: [String], environment: [String: String], rows: Int = 24, columns: Int = 80,
    directory: String? = nil
  ) throws {
    let spec = ChildSpec(
      arguments: [executable] + arguments, executable: executable,
      environment: environment.map { "\($0.key)=\($0.value)" }, directory: directory,
      size: WindowSize(rows: UInt16(clamping: rows), columns: UInt16(clamping: columns)))
    (master, pid, pidfd) = try spawn(spec).release()
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
    startReading()
  }

  deinit {
    _ = Glibc.kill(pid, SIGKILL)
    _ = try? reap(pidfd: pidfd)
    close(pidfd)
    close(master)
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(changed)
    mutex.deallocate()
    changed.deallocate()
  }

  // MARK: Keys and size

  package func type(_ text: String) throws {
    try writeAll(master, Array(text.utf8))
  }

  package func type(bytes: [UInt8]) throws {
    try writeAll(master, bytes)
  }

  package func resize(rows: Int, columns: Int) throws {
    try PseudoTerminal.setSize(master, WindowSize(rows: UInt16(clamping: rows), columns: UInt16(clamping: columns)))
  }

  /// Whether the terminal's line discipline is as a shell leaves it: lines, echo, signals.
  package var isCooked: Bool {
    guard let mode = PseudoTerminal.lineMode(of: master) else { return false }
    return mode.canonical && mode.echo && mode.signals
  }

  package func signal(_ number: CInt) {
    Glibc.kill(pid, number)
  }

  // MARK: Output

  /// Everything that came so far.
  package var output: String { String(decoding: bytes, as: UTF8.self) }

  package var bytes: [UInt8] { locked { received } }

  /// Waits for the text in the output that no earlier `expect` has passed, and passes it.
  /// - Returns: what came before it.
  @discardableResult
  package func expect(_ text: String, within duration: Duration = Deadline.standard) async throws -> String {
    let needle = Array(text.utf8)
    return try await onThread { [self] in
      let deadline = Deadline(duration)
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      var searched = consumed
      while true {
        if let found = find(needle, in: received, from: searched) {
          defer { consumed = found + needle.count }
          return String(decoding: received[consumed..<found], as: UTF8.self)
        }
        // The text may be half there; what is before that need not be looked at again.
        searched = max(searched, received.count - needle.count)
        if isAtEnd || deadline.isOver {
          let reason = isAtEnd ? "the program has closed its terminal" : "not within \(duration)"
          let rest = String(decoding: received[consumed...], as: UTF8.self).debugDescription
          throw TestFailure("\(reason): \(text.debugDescription) in \(rest)")
        }
        wait(deadline)
      }
    }
  }

  private func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    bytes.withUnsafeBytes { bytes -> Int? in
      guard let base = bytes.baseAddress, let first = needle.first else { return nil }
      var index = start
      while bytes.count - index >= needle.count {
        guard let candidate = memchr(base + index, CInt(first), bytes.count - index - needle.count + 1) else {
          return nil
        }
        if memcmp(candidate, needle, needle.count) == 0 { return UnsafeRawPointer(candidate) - base }
        index = UnsafeRawPointer(candidate) - base + 1
      }
      return nil
    }
  }

  /// Waits for the end of the program, and for all that it wrote. (The end of a session's leader hangs its terminal up,
  /// whoever else has it open.)
  package func waitForExit(within duration: Duration = Deadline.standard) async throws -> ExitStatus {
    try await onThread { [self] in
      let deadline = Deadline(duration)
      while true {
        if let status = locked({ self.status }) { return status }
        if let status = try reap(pidfd: pidfd) {
          locked {
            self.status = status
            while !isAtEnd, !deadline.isOver { wait(deadline) }
          }
          return status
        }
        var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        if poll(&entry, 1, deadline.milliseconds) <= 0, deadline.isOver {
          throw TestFailure("not finished within \(duration); output: \(output.debugDescription)")
        }
      }
    }
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  private func wait(_ deadline: Deadline) {
    var until = timespec()
    clock_gettime(CLOCK_REALTIME, &until)
    let milliseconds = Int(deadline.milliseconds)
    until.tv_sec += milliseconds / 1000
    until.tv_nsec += milliseconds % 1000 * 1_000_000
    if until.tv_nsec >= 1_000_000_000 {
      until.tv_sec += 1
      until.tv_nsec -= 1_000_000_000
    }
    pthread_cond_timedwait(changed, mutex, &until)
  }

  private func startReading() {
    // The thread has a descriptor of its own and only a weak hold of us, so that it keeps neither alive.
    guard let own = try? duplicateDescriptor(master) else { return }
    let target = Weak(self)
    Task {
      try? await onThread {
        defer { close(own) }
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while case .bytes(let count) = buffer.withUnsafeMutableBytes({ readBytes(own, into: $0) }) {
          guard let process = target.process else { return }
          process.append(Array(buffer[..<count]))
        }
        target.process?.noteEnd()
      }
    }
  }

  private struct Weak: Sendable {
    weak let process: TerminalProcess?

    init(_ process: TerminalProcess) {
      self.process = process
    }
  }

  private func append(_ bytes: [UInt8]) {
    locked { received += bytes }
    pthread_cond_broadcast(changed)
  }

  private func noteEnd() {
    locked { isAtEnd = true }
    pthread_cond_broadcast(changed)
  }
}

import CSys
import Glibc
import Synchronization

/// Starting a long-lived process that outlives us, and learning whether it came up.
package enum Launch {
  /// The descriptor on which a launched process announces itself.
  package static let readinessDescriptor: CInt = 3
  /// Where a copy of this process finds the descriptor that it was handed.
  package static let handedDescriptor: CInt = 3
  /// The longest announcement that is read.
  private static let longestLine = 4096

  package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable { case notStarted = "not_started", ended, timedOut = "timed_out" }
    package var code: Code
    package var message: String
    package var description: String { message }
  }

  package struct Launched: ~Copyable, Sendable {
    /// It is a child of ours until we exit: reap it through the pidfd when that becomes readable.
    package var pid: ProcessID
    package var pidfd: Descriptor
    /// What it announced, without the line's end.
    package var line: String

    /// Takes the pidfd out; the caller closes it.
    package consuming func releasePidfd() -> CInt { pidfd.release() }
  }

  /// Starts `executable` in a session of its own, standard streams on /dev/null (errors appended to `log` when given),
  /// nothing inherited but the readiness descriptor, and waits until it has announced one line there. Blocks the
  /// calling thread for as long as that takes: a few milliseconds for a program that comes up.
  package static func detached(
    executable: String, arguments: [String], environment: [String], directory: String? = "/", log: String? = nil,
    timeout: Duration = .seconds(10)
  ) throws(Failure) -> Launched {
    let started: Started
    do {
      started = try start(log: log) { (null, log, writer) throws(SystemError) in
        try execute(executable, arguments, environment, directory, null: null, log: log, announceOn: writer)
      }
    } catch {
      throw Failure(code: .notStarted, message: "\(executable) could not be started: \(error)")
    }
    return try awaitAnnouncement(of: executable, started, timeout: timeout)
  }

  /// The same with our own program: `run` is what its `main` does with the arguments after the name. A copy of this
  /// process runs it where that is safe, which is where nothing has started a thread yet: loading and linking the
  /// program once more would take longer than all the rest of its start. Elsewhere the program is executed.
  package static func ourselves(
    arguments: [String], environment: [String], log: String? = nil, timeout: Duration = .seconds(10),
    run: ([String]) -> CInt
  ) throws(Failure) -> Launched {
    guard canCopy else {
      return try detached(
        executable: Host.executablePath, arguments: arguments, environment: environment, log: log, timeout: timeout)
    }
    let started: Started
    do {
      started = try start(log: log) { (null, log, writer) throws(SystemError) in
        try copy(arguments, environment, null: null, error: log, extra: writer) { run(Array(arguments.dropFirst())) }
      }
    } catch {
      throw Failure(code: .notStarted, message: "\(arguments.joined(separator: " ")) could not be started: \(error)")
    }
    return try awaitAnnouncement(of: arguments.prefix(2).joined(separator: " "), started, timeout: timeout)
  }

  /// Whether a copy of this process could be made: only of one in which no other thread runs, for in the copy that
  /// thread would be missing in the middle of what it did.
  ///
  /// Nor of one that holds secrets: the copy would have them in its memory for as long as it lives.
  package static var canCopy: Bool { !holdsSecrets.load(ordering: .relaxed) && csys_is_single_threaded() == 1 }

  private static let holdsSecrets = Atomic<Bool>(false)

  /// This process has been told a secret: from now on others are started by executing the program, with an environment without them.
  package static func keepSecrets() { holdsSecrets.store(true, ordering: .relaxed) }

  /// Lets a copy of this process, detached like the others and with a duplicate of `handing` as `handedDescriptor`, run
  /// the body and exit with its result. Traps unless `canCopy`. Does not wait for anything.
  /// - Returns: The pidfd, which the caller closes.
  package static func copy(
    arguments: [String], environment: [String], handing descriptor: CInt, _ body: () -> CInt
  ) throws(SystemError) -> CInt {
    precondition(canCopy, "a process with threads cannot be copied")
    let null = try openNull()
    return try copy(arguments, environment, null: null.raw, error: null.raw, extra: descriptor, body).pidfd
  }

  private static func copy(
    _ arguments: [String], _ environment: [String], null: CInt, error: CInt, extra: CInt, _ body: () -> CInt
  ) throws(SystemError) -> (pid: ProcessID, pidfd: CInt) {
    let pid = csys_fork_detached(null, null, error, extra)
    guard pid >= 0 else { throw .last("fork") }
    if pid == 0 {
      // What of the parent's is on the stack is never come back to: nothing of it is closed or freed twice.
      withCStrings(arguments) { arguments in
        withCStrings(environment) { _ = csys_rename_process(arguments, $0) }
      }
      exit(body())
    }
    return (pid, try openPidfd(of: pid))
  }

  private static func awaitAnnouncement(
    of executable: String, _ started: Started, timeout: Duration
  ) throws(Failure) -> Launched {
    let pidfd = Descriptor(owning: started.pidfd)
    let reader = Descriptor(owning: started.reader)
    switch readLine(reader.raw, timeout: timeout) {
    case .line(let line):
      return Launched(pid: started.pid, pidfd: pidfd, line: line)
    case .closed:
      // It is about to end or has closed the descriptor unannounced: both are failures, and neither may linger.
      var entry = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
      if poll(&entry, 1, 1000) != 1 { _ = csys_pidfd_send_signal(pidfd.raw, SIGKILL) }
      poll(&entry, 1, 1000)
      let status = (try? reap(pidfd: pidfd.raw)).flatMap { $0 }
      let how =
        switch status {
        case .exited(let code)?: "exit status \(code)"
        case .signaled(let number)?: Signal(number: number)?.description ?? "signal \(number)"
        case .unknown?: "no exit status"
        case nil: "no exit status"
        }
      throw Failure(code: .ended, message: "\(executable) ended before it was ready (\(how))")
    case .timedOut:
      _ = csys_pidfd_send_signal(pidfd.raw, SIGKILL)
      var entry = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
      poll(&entry, 1, 1000)
      _ = try? reap(pidfd: pidfd.raw)
      throw Failure(code: .timedOut, message: "\(executable) was not ready within \(timeout)")
    }
  }

  /// For the launched process: writes the line and closes the descriptor. Does nothing when the launcher is gone.
  package static func announce(_ line: String, on descriptor: CInt = readinessDescriptor) {
    // The launcher may have given up: its end closed must not kill us.
    signal(SIGPIPE, SIG_IGN)
    try? writeAll(descriptor, Array((line + "\n").utf8))
    close(descriptor)
  }

  private typealias Started = (pid: ProcessID, pidfd: CInt, reader: CInt)

  /// Opens what a detached process begins with, and the pipe that it announces itself on.
  private static func start(
    log path: String?,
    _ body: (_ null: CInt, _ log: CInt, _ writer: CInt) throws(SystemError) -> (pid: ProcessID, pidfd: CInt)
  ) throws(SystemError) -> Started {
    let null = try openNull()
    let logOpened = path.map { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600) } ?? -1
    guard path == nil || logOpened >= 0 else { throw .last("open \(path ?? "")") }
    defer { if logOpened >= 0 { close(logOpened) } }
    let pipe = try makePipe()
    let writer = Descriptor(owning: pipe.write)
    let reader = Descriptor(owning: pipe.read)
    let (pid, pidfd) = try body(null.raw, logOpened >= 0 ? logOpened : null.raw, writer.raw)
    return (pid, pidfd, reader.release())
  }

  private static func execute(
    _ executable: String, _ arguments: [String], _ environment: [String], _ directory: String?, null: CInt, log: CInt,
    announceOn writer: CInt
  ) throws(SystemError) -> (pid: ProcessID, pidfd: CInt) {
    var pid: ProcessID = 0
    let failure = withCStrings(arguments) { arguments in
      withCStrings(environment) { environment in
        let start = { (directory: UnsafePointer<CChar>?) in
          csys_spawn_detached(executable, arguments, environment, directory, null, null, log, writer, &pid)
        }
        return directory.map { $0.withCString(start) } ?? start(nil)
      }
    }
    guard failure == 0 else { throw SystemError(code: failure, call: "posix_spawn") }
    return (pid, try openPidfd(of: pid))
  }

  private static func openNull() throws(SystemError) -> Descriptor {
    let opened = open("/dev/null", O_RDWR | O_CLOEXEC)
    guard opened >= 0 else { throw .last("open /dev/null") }
    return Descriptor(owning: opened)
  }

  /// Of a child that nobody else reaps: its number cannot have been used again.
  private static func openPidfd(of pid: ProcessID) throws(SystemError) -> CInt {
    let pidfd = csys_pidfd_open(pid)
    guard pidfd >= 0 else { throw .last("pidfd_open") }
    return pidfd
  }

  private enum Announcement { case line(String), closed, timedOut }

  private static func readLine(_ descriptor: CInt, timeout: Duration) -> Announcement {
    let milliseconds = timeout.components.seconds * 1000 + timeout.components.attoseconds / 1_000_000_000_000_000
    let deadline = Clock.monotonic + UInt64(clamping: milliseconds) * 1_000_000
    var line: [UInt8] = []
    while line.count < longestLine {
      let now = Clock.monotonic
      guard now < deadline else { return .timedOut }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, CInt(clamping: (deadline - now) / 1_000_000 + 1)) == 1 else { continue }
      var chunk = [UInt8](repeating: 0, count: 512)
      guard case .bytes(let count) = chunk.withUnsafeMutableBytes({ readBytes(descriptor, into: $0) }) else {
        return .closed
      }
      line.append(contentsOf: chunk[..<count])
      if let end = line.firstIndex(of: UInt8(ascii: "\n")) {
        return .line(String(decoding: line[..<end], as: UTF8.self))
      }
    }
    return .closed
  }
}

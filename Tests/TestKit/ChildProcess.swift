import Glibc
package import Sys

/// What a program left behind.
package struct ProcessResult: Sendable, CustomStringConvertible {
  package var output: [UInt8]
  package var errors: [UInt8]
  package var status: ExitStatus

  package var text: String { String(decoding: output, as: UTF8.self) }
  package var errorText: String { String(decoding: errors, as: UTF8.self) }
  /// Nil when a signal ended it.
  package var exitCode: Int32? {
    if case .exited(let code) = status { code } else { nil }
  }

  package var description: String {
    "\(status)\n--- standard output\n\(text)\n--- standard error\n\(errorText)"
  }
}

/// Runs a program to its end, with its streams captured.
/// - Parameters:
///   - environment: the whole environment.
///   - timeout: after it the program and its process group are killed, and the call throws.
package func runProcess(
  _ executable: String, _ arguments: [String], environment: [String: String], input: [UInt8] = [],
  directory: String? = nil, timeout: Duration = Deadline.standard
) async throws -> ProcessResult {
  try await onThread {
    try CapturedProcess(executable, arguments, environment: environment, directory: directory)
      .finish(input: input, timeout: timeout)
  }
}

/// A child with pipes for its streams.
private final class CapturedProcess {
  private let commandLine: String
  private let pid: pid_t
  private let pidfd: Descriptor
  private var input: CInt
  private let output: CInt
  private let errors: CInt

  init(
    _ executable: String, _ arguments: [String], environment: [String: String], directory: String?
  ) throws {
    var words = [executable] + arguments
    commandLine = words.joined(separator: " ")
    if let directory {
      words = ["/bin/sh", "-c", #"cd "$1" && shift && exec "$@""#, "sh", directory] + words
    }
    let standardInput = try makePipe()
    let standardOutput = try makePipe()
    let standardErrors = try makePipe()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, standardInput.read, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, standardOutput.write, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, standardErrors.write, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A group of its own, so that a timeout ends its children too; and signals as a shell would leave them.
    var defaults = sigset_t()
    sigfillset(&defaults)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
    var started = pid_t()
    let failure = withStrings(words) { arguments in
      withStrings(environment.map { "\($0.key)=\($0.value)" }) { environment in
        posix_spawnp(&started, words[0], &actions, &attributes, arguments, environment)
      }
    }
    close(standardInput.read)
    close(standardOutput.write)
    close(standardErrors.write)
    input = standardInput.write
    output = standardOutput.read
    errors = standardErrors.read
    pid = started
    guard failure == 0 else {
      for descriptor in [input, output, errors] { close(descriptor) }
      throw TestFailure("\(executable) did not start: \(String(cString: strerror(failure)))")
    }
    pidfd = try openPidfd(started)
    try setNonBlocking(input)
  }

  func finish(input bytes: [UInt8], timeout: Duration) throws -> ProcessResult {
    let deadline = Deadline(timeout)
    var result = ProcessResult(output: [], errors: [], status: .exited(0))
    var written = 0
    var outputIsOpen = true
    var errorsAreOpen = true
    closeInput(ifAll: bytes.isEmpty)
    defer {
      closeInput(ifAll: true)
      close(output)
      close(errors)
    }
    while outputIsOpen || errorsAreOpen {
      var entries = [
        pollfd(fd: outputIsOpen ? output : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: errorsAreOpen ? errors : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
      ]
      guard poll(&entries, 3, deadline.milliseconds) > 0 else {
        if deadline.isOver { try giveUp(result, timeout) }
        continue
      }
      if entries[0].revents != 0 { outputIsOpen = readMore(output, into: &result.output) }
      if entries[1].revents != 0 { errorsAreOpen = readMore(errors, into: &result.errors) }
      if entries[2].revents != 0 {
        let sent = bytes.withUnsafeBytes { writeBytes(input, from: UnsafeRawBufferPointer(rebasing: $0[written...])) }
        if case .bytes(let count) = sent { written += count }
        // A program that does not read its input is no failure.
        if case .failed = sent { written = bytes.count }
        closeInput(ifAll: written == bytes.count)
      }
    }
    while true {
      if let status = try reap(pidfd: pidfd.raw) {
        result.status = status
        return result
      }
      var entry = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
      if poll(&entry, 1, deadline.milliseconds) <= 0, deadline.isOver { try giveUp(result, timeout) }
    }
  }

  private func closeInput(ifAll isDone: Bool) {
    guard isDone, input >= 0 else { return }
    close(input)
    input = -1
  }

  private func readMore(_ descriptor: CInt, into bytes: inout [UInt8]) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    guard case .bytes(let count) = buffer.withUnsafeMutableBytes({ readBytes(descriptor, into: $0) }) else {
      return false
    }
    bytes += buffer[..<count]
    return true
  }

  private func giveUp(_ result: ProcessResult, _ timeout: Duration) throws -> Never {
    Glibc.kill(-pid, SIGKILL)
    var entry = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
    poll(&entry, 1, 5000)
    _ = try? reap(pidfd: pidfd.raw)
    throw TestFailure("not finished within \(timeout): \(commandLine)\n\(result)")
  }
}

/// A null-terminated array of C strings, as `exec` and its relatives take it.
func withStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
  pointers.append(nil)
  defer { for pointer in pointers { free(pointer) } }
  return body(pointers)
}

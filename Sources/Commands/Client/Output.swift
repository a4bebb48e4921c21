import Formats
import Glibc
import Sys

/// Where a command writes: standard output for what was asked for, standard error for remarks and failures.
struct Output: Sendable {
  let isTerminal: Bool
  let style: TextStyle
  let errorStyle: TextStyle
  /// Columns of the terminal; nil when standard output is none.
  let width: Int?
  /// Failures are JSON too.
  let usesJSON: Bool
  /// The id under which the server logged what the command asked of it; part of a failure as JSON.
  var correlationID: String?

  init(environment: [String: String], usesJSON: Bool = false) {
    isTerminal = isatty(STDOUT_FILENO) == 1
    style = TextStyle(isTerminal: isTerminal, environment: environment)
    errorStyle = TextStyle(isTerminal: isatty(STDERR_FILENO) == 1, environment: environment)
    width =
      isTerminal ? PseudoTerminal.size(of: STDOUT_FILENO).map { Int($0.columns) }.flatMap { $0 > 0 ? $0 : nil } : nil
    self.usesJSON = usesJSON
  }

  /// Writes as it is. A reader that has gone away ends the process quietly, as SIGPIPE would.
  func write(_ text: String) {
    write(bytes: Array(text.utf8))
  }

  func write(bytes: [UInt8]) {
    var written = 0
    while written < bytes.count {
      let result = bytes.withUnsafeBytes { all in
        writeBytes(STDOUT_FILENO, from: UnsafeRawBufferPointer(rebasing: all[written...]))
      }
      switch result {
      case .bytes(let count):
        written += count
      case .wouldBlock:
        // Whoever gave us this descriptor has made it non-blocking.
        var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
        poll(&entry, 1, -1)
      case .endOfFile:
        exit(128 + SIGPIPE)
      case .failed(let error):
        note("standard output: \(error)")
        exit(ExitCode.failed.rawValue)
      }
    }
  }

  func line(_ text: String) {
    write(text + "\n")
  }

  /// Indented for people, on one line for programs.
  func json(_ value: JSON) {
    line(isTerminal ? shownJSON(value.prettyText) : value.text)
  }

  /// A document as the server gave it, on a line.
  func json(document: [UInt8]) {
    write(bytes: (isTerminal ? Array(shownJSON(String(decoding: document, as: UTF8.self)).utf8) : document) + [0x0A])
  }

  /// A remark for people.
  func note(_ text: String) {
    try? writeAll(STDERR_FILENO, Array("\(text)\n".utf8))
  }

  func fail(_ failure: CommandFailure, commandLine: String = "roost") {
    if usesJSON {
      let code = failure.serverCode ?? "exit_\(failure.exitCode.rawValue)"
      let error: JSON = .object([
        "code": .string(code), "message": .string(failure.message), "correlation_id": correlationID.map { .string($0) },
        "server_path": failure.serverPath.isEmpty ? nil : JSON(strings: failure.serverPath),
        "failed_hop": failure.failedHop.map { .string($0) },
      ])
      note(shownJSON(JSON.object(["error": error]).text))
      return
    }
    note("\(errorStyle.red("\(commandLine):")) \(printableLines(failure.message))")
    if let hint = failure.hint { note(printableLines(hint)) }
  }
}

import Formats
import Glibc
import Sys

/// Waits without a limit are made of waits that the server takes.
private let longestRunWait = 24 * 3600 * 1000

/// `roost run`: gives the command, answers what it asks from standard input, prints what it wrote.
func runCommand(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let session = try invocation.required(Arguments.session)
  if invocation.has(Options.new) { try await makeIfMissing(session, context) }
  let limit = invocation.milliseconds(Options.runTimeout)
  let deadline = limit.map { ContinuousClock.now + .milliseconds($0) }
  let most = invocation.integer(Options.maxOutput).map { JSON.integer($0) }
  var input = StandardInputLines()
  var printed = PrintedOutput(context)
  let body = JSON.object([
    "command": .string(shellCommandLine(invocation.arguments(Arguments.commandLine))),
    "timeout_ms": .integer(limit ?? longestRunWait), "max_output_bytes": most,
    "queue": invocation.has(Options.noQueue) ? nil : true,
    "in": invocation.has(Options.inShell) ? "shell" : nil,
  ])
  var answer = try await context.client.call("POST", ServerClient.sessionPath(session, "run"), body: body)
  while let reason = answer["reason"].string, reason == "input" || reason == "password",
    let command = answer["command_id"].integer
  {
    printed.show(answer)
    guard let bytes = input.next(isHidden: reason == "password") else {
      throw CommandFailure(
        .failed, "the command asks for input and standard input has ended",
        hint: howToGoOn(command, in: session))
    }
    do {
      _ = try await context.client.send(
        "POST", ServerClient.sessionPath(session, "input"), query: [("exact", "true")], body: bytes,
        contentType: "application/octet-stream")
    } catch {
      guard error.serverCode == "line_too_long" || error.serverCode == "invalid_request" else { throw error }
      // The line was refused, and the command still waits for one.
      var refused = error
      refused.hint = howToGoOn(command, in: session)
      throw refused
    }
    let rest = deadline.map { max(0, ContinuousClock.now.duration(to: $0).wholeMilliseconds) } ?? longestRunWait
    answer = try await context.client.call(
      "POST", ServerClient.sessionPath(session, "commands/\(command)/wait"),
      body: .object(["timeout_ms": .integer(rest), "max_output_bytes": most]))
  }
  printed.finish(answer)
  guard let status = answer["exit_status"].integer else {
    if answer["reason"].string == "exit" {
      let ended = try await context.client.call("GET", ServerClient.sessionPath(session))
      throw CommandFailure(.failed, "the command's exit status is not known: \(howShellEnded(ended))")
    }
    throw CommandFailure(
      .failed, "the command has finished, but its exit status is not known",
      hint: "The shell ran nothing (it could not read the command), or reports no status.")
  }
  return ExitCode(rawValue: Int32(truncatingIfNeeded: status & 0xff))
}

private func howToGoOn(_ command: Int, in session: String) -> String {
  let session = printable(session)
  return
    "It goes on as command \(command), and waits for input: answer it with 'roost attach \(session)', or end it with 'roost runs \(session) --cancel active'."
}

private func howShellEnded(_ session: JSON) -> String {
  guard session["exit_signal"].isNull else {
    return "the shell was killed by signal \(session["exit_signal"].plainText)"
  }
  return session["state"].string == "exited" ? "the shell has ended with it" : "the shell that ran it has ended with it"
}

/// What the command has printed so far, each part once.
private struct PrintedOutput {
  private let context: ClientContext
  private var shown = ""

  init(_ context: ClientContext) { self.context = context }

  mutating func show(_ answer: JSON) {
    guard !context.usesJSON else { return }
    let output = answer["output"].string ?? ""
    // Of an output that was cut, or whose last line was written over, no part is known to have been shown.
    context.output.write(printableLines(output.hasPrefix(shown) ? String(output.dropFirst(shown.count)) : output))
    shown = output
  }

  mutating func finish(_ answer: JSON) {
    if context.usesJSON { return context.output.json(answer) }
    show(answer)
    // A program that reads it gets what the command printed, and no byte more.
    if !shown.isEmpty, !shown.hasSuffix("\n"), context.output.isTerminal { context.output.write("\n") }
    if answer["truncated"].bool == true {
      context.output.note(
        "roost run: the output is longer; 'roost output' prints all of it\(answer["command_id"].integer.map { " (command \($0))" } ?? "")"
      )
    }
  }
}

/// Standard input, a line at a time, for ``Session/writeExactly(_:)``.
private struct StandardInputLines {
  /// The longest line that is read; the server says which is too long for the terminal.
  private static let longestLine = 64 << 10

  private var pending: [UInt8] = []
  private var hasEnded = false

  /// The next line, with its end if it has one, or nothing once, which is the end of input; `nil` after that.
  mutating func next(isHidden: Bool) -> [UInt8]? {
    if hasEnded { return nil }
    if isHidden, isatty(STDIN_FILENO) == 1 {
      guard let line = try? readHiddenLine(prompt: "", limit: Self.longestLine) else { return nil }
      return Array(line.utf8) + [0x0A]
    }
    while true {
      if let end = pending.firstIndex(of: 0x0A) {
        defer { pending.removeFirst(end + 1) }
        return Array(pending[...end])
      }
      guard pending.count <= Self.longestLine else { return pending }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = read(STDIN_FILENO, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        hasEnded = pending.isEmpty
        defer { pending = [] }
        return pending
      }
      pending += buffer[..<count]
    }
  }
}

extension CommandTable {
  static let runs = CommandDefinition(
    name: "runs", summary: "list the run in progress in a session and those that wait for their turn",
    section: .driving, arguments: [Arguments.session], options: [Options.cancelRun],
    examples: [
      CommandExample("roost runs build", "what runs, and what comes next"),
      CommandExample(
        "roost runs build --cancel 12", "take run 12 out of the queue; 'active' interrupts the one in progress"),
    ],
    action: .client { context async throws(CommandFailure) in
      let path = ServerClient.sessionPath(try context.invocation.required(Arguments.session), "runs")
      if let run = context.invocation.text(Options.cancelRun) {
        _ = try await context.client.call("DELETE", path + "/" + PercentEncoding.encode(run))
        context.show([:]) { "" }
        return .ok
      }
      let runs = try await context.client.call("GET", path)
      context.show(runs) {
        var table = Table(["RUN", "WAITED", "WHO", "COMMAND"], style: context.output.style)
        for run in runs.array ?? [] {
          table.add([
            Table.Cell(run["run"].integer.map(String.init) ?? "active"),
            Table.Cell(run["waited_ms"].integer.map { briefDuration(milliseconds: $0) } ?? ""),
            Table.Cell(run["principal"].plainText), Table.Cell(run["command"].plainText),
          ])
        }
        return table.text(width: context.output.width)
      }
      return .ok
    })

  static let integrate = CommandDefinition(
    name: "integrate", summary: "type the shell integration into the shell that reads a session's terminal",
    discussion: """
      For a shell inside the session's shell ('bash', 'sudo -i'), and for one somewhere else ('ssh host', 'docker exec'), \
      which has to be named. 'run', 'commands' and 'wait --prompt' then know its prompts and commands. It returns when the first prompt with marks stands.
      """,
    section: .driving, arguments: [Arguments.session], options: [Options.remoteShell, Options.integrateTimeout],
    examples: [
      CommandExample("roost integrate build", "the shell that was started in it"),
      CommandExample("roost integrate build --shell bash", "the bash at the other end of ssh"),
    ],
    action: .client { context async throws(CommandFailure) in
      let path = ServerClient.sessionPath(try context.invocation.required(Arguments.session), "integrate")
      let answer = try await context.client.call(
        "POST", path,
        body: .object([
          "shell": context.invocation.text(Options.remoteShell).map { .string($0) },
          "timeout_ms": context.invocation.milliseconds(Options.integrateTimeout).map { .integer($0) },
        ]))
      context.show(answer) { "" }
      return .ok
    })
}

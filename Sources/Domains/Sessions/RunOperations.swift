import Formats
import Operations
package import Sessions
import Store

// Runs: a command, its end, and what can be done meanwhile.
extension SessionOperations {
  static let defaultRun = Duration.seconds(120)
  /// The most of an output that an error carries.
  private static let detailedOutput = 8 << 10

  var running: [OperationBinding] {
    [
      SessionContract.run.on { call, input in
        let bounds = try input.bounds()
        let options = RunOptions(
          timeout: input.timeoutMs?.duration ?? Self.defaultRun, queues: input.queue ?? false,
          inShell: input.in == .shell, answersQuestions: input.questions ?? true, head: bounds.head, tail: bounds.tail)
        return try await tell(of: input.session, for: call) { session in
          let result: CommandResult
          do {
            result = try await session.run(input.command, options: options)
          } catch let error as SessionError where error.code == .runTimeout {
            // It has not come to its turn.
            throw await overtime(OperationError(error), of: session, commandID: nil)
          }
          return try await answer(result, of: session, command: input.command, options.timeout)
        }
      },
      SessionContract.runWait.on { call, input in
        let bounds = try OutputBounds(input.head, input.tail, input.maxOutputBytes)
        let options = RunOptions(
          timeout: input.timeoutMs?.duration ?? Self.defaultRun, answersQuestions: input.questions ?? true,
          head: bounds.head, tail: bounds.tail)
        return try await tell(of: input.session, for: call) { session in
          let result = try await session.waitForCommand(input.id, options: options)
          return try await answer(result, of: session, command: nil, options.timeout)
        }
      },
      SessionContract.integrate.on { call, input in
        try await tell(of: input.session, for: call) { session in
          let before = await session.generation
          try await session.integrate(input.shell, timeout: input.timeoutMs?.duration ?? SessionLimits.integrationTime)
          return GenerationOutput(generation: before)
        }
      },
      SessionContract.runs.on { call, input in
        await (try session(input.session, for: call)).runsInProgress.map(QueuedRunOutput.init)
      },
      SessionContract.runCancel.on { call, input in
        guard input.run == "active" || Int(input.run) != nil else {
          throw OperationError(.invalidRequest, "Invalid request: 'run' is a number from 'session.runs', or 'active'.")
        }
        try await reach(input.session, for: call) { try await $0.cancelRun(Int(input.run)) }
      },
    ]
  }

  private func answer(
    _ result: CommandResult, of session: Session, command: String?, _ timeout: Duration
  ) async throws -> RunOutput {
    let output = RunOutput(result, session: await session.name.text, command: command)
    guard result.reason == .timeout else { return output }
    let time = timeout.milliseconds
    let goesOn =
      output.commandID.map { "it goes on as command \($0); wait for it with 'run.wait', or send ctrl+c" }
      ?? "it has not begun yet, but was given to the shell and runs as soon as that reads it; 'session.runs' lists it"
    // The rest of a long output can be asked for by the number.
    let soFar = result.tail.suffix(SessionOperations.detailedOutput).drop { $0 & 0xC0 == 0x80 }
    throw await overtime(
      OperationError(.runTimeout, "The command did not end within \(time) ms in \(output.session): \(goesOn)."),
      of: session, commandID: output.commandID, output: String(decoding: soFar, as: UTF8.self),
      isTruncated: output.truncated || soFar.count < result.tail.count)
  }

  /// The error with what can be said of the session and of the run when the time was over.
  private func overtime(
    _ error: OperationError, of session: Session, commandID: Int?, output: String = "", isTruncated: Bool = false
  ) async -> OperationError {
    let (state, generation) = await (session.state(), session.generation)
    return error.with(details: [
      "state": .string(state.state.rawValue), "evidence": .string(state.evidence.rawValue),
      "command_id": commandID.map { .integer($0) } ?? .null, "output": .string(output),
      "truncated": .bool(isTruncated), "generation": .integer(Int(clamping: generation)),
    ])
  }
}

/// How much of an output is answered: its first and its last bytes.
struct OutputBounds: Sendable {
  static let meanings = [
    FieldMeaning("max_output_bytes", "The last bytes of a longer output: another word for tail; not with head or tail"),
    FieldMeaning("head", "How many bytes of the beginning of a longer output are answered", standard: 0),
    FieldMeaning(
      "tail",
      "How many bytes of the end of a longer output are answered, up to \(SessionLimits.runOutputLimit); without it \(SessionLimits.runOutputBytes), or none beside a head"
    ),
  ]

  let head: Int
  let tail: Int

  init(_ head: Int?, _ tail: Int?, _ most: Int?) throws(OperationError) {
    let limit = 0...SessionLimits.runOutputLimit
    for (name, value) in [("head", head), ("tail", tail), ("max_output_bytes", most)] {
      guard let value, !limit.contains(value) else { continue }
      throw OperationError(
        .invalidRequest, "Invalid request: '\(name)' must be 0 to \(SessionLimits.runOutputLimit).")
    }
    guard most == nil || head == nil && tail == nil else {
      throw OperationError(.invalidRequest, "Invalid request: give 'max_output_bytes', or 'head' and 'tail'.")
    }
    self.head = head ?? 0
    // The end of an output tells more than its beginning.
    self.tail = tail ?? most ?? (head == nil ? SessionLimits.runOutputBytes : 0)
  }
}

struct RunInput: Decodable, Sendable, MeaningTelling {
  static let time = FieldMeaning(
    "timeout_ms", "How long is waited for the end of the command, in milliseconds; it goes on after that")
  static let questioning = FieldMeaning(
    "questions", "Whether it answers as soon as the command asks for something", standard: true)
  static let meanings =
    [
      FieldMeaning.session,
      FieldMeaning("command", "The command line, as one would type it; it may have several lines"),
      time,
      FieldMeaning(
        "queue", "Whether it waits for its turn where the shell is busy, and is not refused", standard: false),
      FieldMeaning("in", "'shell' where a shell reads the terminal that cannot be seen from here, such as behind ssh"),
      questioning,
    ] + OutputBounds.meanings

  var session: SessionName
  var command: String
  var timeoutMs: Milliseconds?
  /// The last bytes of a longer output; the same as `tail`.
  var maxOutputBytes: Int?
  var head: Int?
  var tail: Int?
  /// Whether it waits for its turn where the shell is busy.
  var queue: Bool?
  /// `shell`: a POSIX shell or fish reads the terminal, though it cannot be seen from here.
  var `in`: RunPlace?
  /// Whether it answers as soon as the command asks for something (the default).
  var questions: Bool?

  func bounds() throws(OperationError) -> OutputBounds {
    guard !command.isEmpty, !command.utf8.contains(0) else {
      throw OperationError(.invalidRequest, "Invalid request: 'command' is empty or contains NUL.")
    }
    return try OutputBounds(head, tail, maxOutputBytes)
  }
}

enum RunPlace: String, Codable, Sendable, CaseIterable, SchemaDescribing {
  case shell
  static let sample = RunPlace.shell
}

extension ShellIntegration.Shell: SchemaDescribing, Decodable {
  package static let sample = ShellIntegration.Shell.bash
}

struct IntegrateInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.session,
    FieldMeaning(
      "shell", "What reads the terminal, where that cannot be seen from here; without it the shell that is seen"),
    FieldMeaning("timeout_ms", "How long the first prompt with marks may take, in milliseconds"),
  ]

  var session: SessionName
  /// What reads the terminal, where that cannot be seen from here.
  var shell: ShellIntegration.Shell?
  /// How long the first prompt with marks may take.
  var timeoutMs: Milliseconds?
}

struct RunWaitInput: Decodable, Sendable, MeaningTelling {
  static let meanings =
    [FieldMeaning.session, FieldMeaning("id", "The number of the command"), RunInput.time, RunInput.questioning]
    + OutputBounds.meanings

  var session: SessionName
  var id: Int
  var timeoutMs: Milliseconds?
  var maxOutputBytes: Int?
  var head: Int?
  var tail: Int?
  var questions: Bool?
}

struct RunCancelInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.session, FieldMeaning("run", "A number from session.runs, or 'active' for the one in progress"),
  ]

  var session: SessionName
  var run: String
}

extension CommandResult.Reason: SchemaDescribing {
  package static let sample = CommandResult.Reason.command
}

/// What a run answers. Of a longer output `head` is the beginning and `output` the end; `command_output` has all of it.
struct RunOutput: Codable, Sendable {
  var session: String
  /// Why it answers now.
  var reason: CommandResult.Reason
  /// The number of its record, by which `run.wait` and `command_output` know it.
  var commandID: Int?
  var command: String?
  var exitStatus: Int?
  var head: String?
  var output: String
  var omittedBytes: Int?
  var truncated: Bool
  var durationMs: Int?
  var startedAt: Timestamp?
  var endedAt: Timestamp?
  var cwd: String?
  var evidence: Evidence
  var generation: UInt64

  init(_ result: CommandResult, session: String, command: String?) {
    self.session = session
    reason = result.reason
    let record = result.record
    commandID = record?.id
    self.command = record?.command ?? command
    exitStatus = result.exitStatus
    truncated = result.omitted > 0
    head = result.head.isEmpty ? nil : String(decoding: result.head, as: UTF8.self)
    output = String(decoding: result.tail, as: UTF8.self)
    omittedBytes = truncated ? result.omitted : nil
    durationMs = record.flatMap { record in
      record.endedAt.map { Int($0.milliseconds - record.startedAt.milliseconds) }
    }
    startedAt = record?.startedAt
    endedAt = record?.endedAt
    cwd = record?.directory
    evidence = result.evidence
    generation = result.generation
  }
}

/// A run in progress, or one that waits for its turn.
struct QueuedRunOutput: Codable, Sendable {
  /// Absent for the one in progress.
  var run: Int?
  var command: String
  var principal: String?
  /// The record of the one in progress.
  var commandID: Int?
  var waitedMs: Int?

  init(_ run: RunInProgress) {
    self.run = run.number
    command = run.command
    principal = run.principal
    commandID = run.record
    waitedMs = run.waited?.milliseconds
  }
}

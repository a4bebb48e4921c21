import Causality
package import Formats
package import TerminalEngine

/// One command that a shell ran, as its own marks told it (OSC 133 and 633).
package struct CommandRecord: Sendable, Equatable {
  /// Counts from 1 within the session.
  package let id: Int
  /// The command line, when the shell reported it.
  package internal(set) var command: String?
  package internal(set) var directory: String?
  package let startedAt: Timestamp
  package internal(set) var endedAt: Timestamp?
  /// Absent while it runs, and for shells that do not report it.
  package internal(set) var exitStatus: Int?
  /// Where its output begins and ends: absolute line and column, the end behind the last character.
  package internal(set) var outputStart: LinePosition
  package internal(set) var outputEnd: LinePosition?
  /// Which dialect reported it; ``Evidence/marker`` where ``CommandMarker`` had to.
  package internal(set) var evidence: Evidence
  /// Who typed the line last, when that is known.
  package internal(set) var principal: String?
  /// The correlation id of the call that typed it.
  package internal(set) var correlationID: String?
}

/// Follows a shell's marks and keeps the records of its commands. Pure: times come in as values.
struct CommandLog {
  /// Enough for a day of work; an older record's output has left the history long before.
  static let maximumRecords = 512

  /// Where the shell is.
  enum Phase: Equatable {
    /// No mark yet: a program that is not a shell, or one without integration.
    case unknown
    /// The prompt is being printed.
    case prompting
    /// The prompt stands and waits for a line. `at` is where the line begins.
    case atPrompt(at: LinePosition)
    /// A command runs.
    case running
    /// A command has ended and the next prompt has not begun.
    case betweenCommands
  }

  private(set) var phase = Phase.unknown
  private(set) var records: [CommandRecord] = []
  /// The session's generation when the last prompt came to stand.
  private(set) var promptGeneration: UInt64 = 0
  /// The status that the shell reported last, of a command or of a line that never became one.
  private(set) var lastExitStatus: Int?
  /// Who typed last, and so the line that runs next.
  var typist: Cause?
  private var nextID = 1
  /// The command line that runs next: what the shell announced, or what somebody typed for a shell that announces nothing.
  var announcedCommand: String?
  /// The nonce that the integration scripts were given; marks that carry another one are not believed about command lines.
  let nonce: String?
  /// Whether the shell signs its marks with the nonce (`aid`). From the first signed one on, no other is believed.
  private var isSigned = false
  /// Where the last prompt came to stand.
  private var lastPrompt: LinePosition?
  private var lastPromptID = 0

  init(nonce: String?) { self.nonce = nonce }

  /// Takes one mark. Returns the record that it completed, if any.
  @discardableResult
  mutating func take(_ mark: Mark, directory: String?, generation: UInt64, at time: Timestamp) -> CommandRecord? {
    let position = LinePosition(line: mark.line, column: mark.column)
    if let nonce, mark.kind != .commandLine {
      if mark.options["aid"] == nonce { isSigned = true } else if isSigned { return nil }
    }
    switch mark.kind {
    case .promptStart:
      // A shell that lost its command to an interrupt prints a prompt without having said D.
      let interrupted = finish(exitStatus: nil, at: position, time: time)
      phase = .prompting
      return interrupted
    case .promptEnd:
      // A prompt that is painted again where it stood is no new one.
      if lastPrompt?.line != position.line || lastPromptID != lastID { promptGeneration = generation }
      lastPrompt = position
      lastPromptID = lastID
      phase = .atPrompt(at: position)
      return nil
    case .commandLine:
      if nonce == nil || mark.nonce == nonce { announcedCommand = mark.text }
      return nil
    case .outputStart:
      let command = announcedCommand ?? (mark.text.isEmpty ? nil : mark.text)
      announcedCommand = nil
      records.append(
        CommandRecord(
          id: nextID, command: command, directory: directory, startedAt: time, outputStart: position,
          evidence: mark.options[CommandMarker.option] != nil ? .marker : mark.dialect == .osc633 ? .osc633 : .osc133,
          principal: typist?.principal, correlationID: typist?.correlationID))
      nextID += 1
      typist = nil
      if records.count > CommandLog.maximumRecords { records.removeFirst(records.count - CommandLog.maximumRecords) }
      phase = .running
      return nil
    case .commandEnd:
      lastExitStatus = mark.exitStatus
      let finished = finish(exitStatus: mark.exitStatus, at: position, time: time)
      phase = .betweenCommands
      return finished
    case .property:
      return nil
    }
  }

  private mutating func finish(exitStatus: Int?, at position: LinePosition, time: Timestamp) -> CommandRecord? {
    guard phase == .running, let last = records.indices.last, records[last].endedAt == nil else { return nil }
    records[last].endedAt = time
    records[last].exitStatus = exitStatus
    records[last].outputEnd = position
    return records[last]
  }

  /// The number of the latest command; 0 before the first.
  var lastID: Int { nextID - 1 }

  /// The first command with at least this number, once it has ended.
  func ended(from id: Int) -> CommandRecord? { records.first { $0.id >= id && $0.endedAt != nil } }

  /// The session's program is gone: what ran has ended with it.
  @discardableResult
  mutating func end(exitStatus: Int?, at time: Timestamp, position: LinePosition) -> CommandRecord? {
    defer { phase = .unknown }
    guard finish(exitStatus: exitStatus, at: position, time: time) != nil else { return nil }
    records[records.count - 1].evidence = .exit
    return records.last
  }

  /// The screen was cleared: what the command that runs prints begins anew at its top.
  mutating func cleared(line: Int) {
    guard phase == .running, let last = records.indices.last else { return }
    records[last].outputStart = LinePosition(line: line, column: 0)
  }
}

extension CommandLog: HoldsPositions {
  mutating func visitPositions(_ body: (inout LinePosition) -> Void) {
    for index in records.indices {
      body(&records[index].outputStart)
      if var end = records[index].outputEnd {
        body(&end)
        records[index].outputEnd = end
      }
    }
    if case .atPrompt(var position) = phase {
      body(&position)
      phase = .atPrompt(at: position)
    }
    if var position = lastPrompt {
      body(&position)
      lastPrompt = position
    }
  }
}

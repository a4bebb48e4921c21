import TerminalEngine

/// Which command of a session is meant.
package enum CommandReference: Sendable, Equatable {
  case latest
  /// The number of its record.
  case id(Int)
}

/// A part of what a command printed.
package struct CommandOutputPage: Sendable {
  /// The number of the command's record.
  package var id: Int
  package var piece: CommandOutput.Piece
  /// Bytes of the whole text so far, those that were dropped included.
  package var totalBytes: Int
  /// Bytes of the middle that are no longer kept.
  package var droppedBytes: Int
  /// Some of it is missing: what was dropped, or what has left the history.
  package var isTruncated: Bool
  package var isRunning: Bool

  /// Bytes of one page when the caller names no limit.
  package static let standardBytes = 256 << 10
  /// The most it may name: as JSON it may become six times as long, and must fit into one message of a link.
  package static let mostBytes = 1 << 20
}

extension Session {
  /// Outputs that are too long for memory go to unnamed files in that folder.
  func keepOutputs(in folder: String?) { outputs.folder = folder }

  /// What a command printed, from `offset` on (from the end, when it is negative).
  ///
  /// Of a command that `run` ran it is the text that it printed. Of one that was typed, or `asScreen`, it is what the screen and its history
  /// show of it: lines joined where they were wrapped, TABs as blanks.
  package func commandOutput(
    of reference: CommandReference, offset: Int, limit: Int, asScreen: Bool
  ) throws(SessionError) -> CommandOutputPage {
    let record: CommandRecord? =
      switch reference {
      case .latest: commands.records.last
      case .id(let id): commands.records.last { $0.id == id }
      }
    guard let record else {
      throw SessionError(.commandNotFound, unknownCommand(reference))
    }
    let isRunning = record.endedAt == nil
    if !asScreen, let output = outputs.output(for: record.id) {
      return CommandOutputPage(
        id: record.id, piece: output.read(offset: offset, limit: limit), totalBytes: output.totalBytes,
        droppedBytes: output.droppedBytes, isTruncated: output.droppedBytes > 0, isRunning: isRunning)
    }
    let end = record.outputEnd ?? cursorPosition
    let text = record.outputStart < end ? terminal.text(from: record.outputStart, to: end) : []
    return CommandOutputPage(
      id: record.id, piece: CommandOutput.piece(of: text, offset: offset, limit: limit), totalBytes: text.count,
      droppedBytes: 0, isTruncated: record.outputStart.line < terminal.firstLine, isRunning: isRunning)
  }

  private func unknownCommand(_ reference: CommandReference) -> String {
    switch reference {
    case .latest: "The shell of \(name) has reported no command; 'roost commands \(name)' lists those that it has."
    case .id(let id):
      "There is no command \(id) in \(name), or it is no longer kept; 'roost commands \(name)' lists those that are."
    }
  }
}

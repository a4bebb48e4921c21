/// What the runs of one session printed: of the run in progress, and of the latest ones that have ended.
package struct CapturedOutputs: ~Copyable {
  /// Runs whose output is kept; the oldest goes first.
  package static let maximumRuns = 16
  /// Bytes that they may take on spools together; the oldest go first, but the latest is kept whole.
  package static let maximumBytes = 512 << 20

  /// The run in progress, which is fed with what the terminal's program prints.
  package var running: RunCapture?
  /// The record of the command that it runs, once the shell has begun it.
  package var runningRecord: Int?
  /// Where outputs that are too long for memory may be put; memory without one.
  var folder: String?
  private var kept: [(record: Int, output: CommandOutput)] = []

  package init() {}

  /// A place for what the next run prints.
  func makeOutput() -> CommandOutput { CommandOutput(folder: folder) }

  /// Keeps what a command printed. The same output may be kept while it grows and again at its end.
  package mutating func keep(_ output: CommandOutput, for recordID: Int) {
    kept.removeAll { $0.record == recordID }
    kept.append((recordID, output))
    var bytes = kept.reduce(0) { $0 + $1.output.bytesOnSpool }
    while kept.count > 1, kept.count > CapturedOutputs.maximumRuns || bytes > CapturedOutputs.maximumBytes {
      bytes -= kept.removeFirst().output.bytesOnSpool
    }
  }

  /// What the command with that record printed, up to this moment; `nil` when it was not run (but typed), or no longer kept.
  package mutating func output(for recordID: Int) -> CommandOutput? {
    if runningRecord == recordID, running != nil {
      running?.settle()
      return running?.output
    }
    return kept.last { $0.record == recordID }?.output
  }
}

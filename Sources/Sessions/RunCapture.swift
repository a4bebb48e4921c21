/// What one run printed, taken from the raw bytes of its terminal between the marks that carry the run's own number.
///
/// Before the first mark of the beginning (``RunMark``) nothing is taken, and nothing after that of the end; a shell may say several
/// times that the output begins (bash does for each line of a command), and only the first counts. Marks of other runs, of nobody, or with
/// another number are not seen.
package struct RunCapture: ~Copyable {
  package enum State: Sendable, Equatable {
    case waiting
    case capturing
    case ended
  }

  /// The number that the run's marks carry.
  package let id: UInt64
  package private(set) var state = State.waiting
  /// What the mark of the end said of how the command ended.
  package private(set) var exitStatus: Int?
  /// What was printed; behind the bytes that were fed until ``settle()`` was called.
  package var output: CommandOutput { text.output }
  private let run: [UInt8]
  /// What the marks of the shells carry that the run's own shell was started in: they tell that it is gone.
  private let outer: [[UInt8]]
  /// The shell that was given the run by its line editor.
  private let shell: Shell?
  private var text: OutputText

  /// A shell that signs its marks. A prompt of it with a greater number than those before the run comes behind the run's command, whatever
  /// became of the mark of its end (ctrl+c may take that away).
  package struct Shell {
    /// `aid=…`
    let sign: [UInt8]
    let prompt: UInt64

    package init(nonce: String, prompt: UInt64) {
      sign = Array("aid=\(nonce)".utf8)
      self.prompt = prompt
    }
  }

  /// `columns` only says how far the cursor can be sent to the right; lines are not wrapped there.
  package init(
    id: UInt64, rows: Int, columns: Int = OutputText.longestLine, output: CommandOutput = CommandOutput(),
    outer: [String] = [], shell: Shell? = nil
  ) {
    self.id = id
    self.shell = shell
    self.outer = outer.map { Array($0.utf8) }
    run = Array(String(id).utf8)
    text = OutputText(rows: rows, columns: columns, output: output)
    text.isMuted = true
  }

  /// Takes what was read from the terminal, cut anywhere.
  package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    guard state != .ended, let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    var index = 0
    while index < bytes.count {
      index = text.feed(base, index, bytes.count)
      guard text.command else { continue }
      if !outer.isEmpty && RunMark.isEnd(text.string, of: outer)
        || state == .capturing
          && shell.map({ RunMark.isPrompt(text.string, of: $0.sign, after: $0.prompt) }) == true
      {
        finish()
        return
      }
      guard let mark = RunMark(text.string, run: run) else { continue }
      switch mark.kind {
      case .outputStart:
        guard state == .waiting else { continue }
        state = .capturing
        text.isMuted = false
      case .commandEnd(let status, let isPadded):
        exitStatus = status
        finish()
        if isPadded { output.dropEnd { $0 == 0x20 } }
        // `set -v` shows the prompt command that tells the end.
        for line in ShellIntegration.bashPromptCommands { output.drop(lastLine: line) }
        return
      }
    }
  }

  /// The terminal has another size.
  package mutating func resize(rows: Int, columns: Int) {
    guard state != .ended else { return }
    text.resize(rows: rows, columns: columns)
  }

  /// Makes ``output`` tell everything printed so far, what the program may still write over included.
  package mutating func settle() {
    guard state == .capturing else { return }
    text.settle()
  }

  /// Nothing more will come, with or without a mark of the end: the session's program has ended, or the run was given up.
  package mutating func finish() {
    guard state != .ended else { return }
    state = .ended
    text.finish()
  }
}

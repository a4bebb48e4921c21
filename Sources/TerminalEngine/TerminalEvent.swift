/// Something a program told its terminal that is not text.
package enum TerminalEvent: Sendable, Equatable {
  /// BEL.
  case bell
  case title(String)
  case iconName(String)
  /// OSC 7: the URI as it was sent, usually `file://host/path`.
  case workingDirectory(String)
  /// OSC 52 with data: the selections named (`c`, `p`, …) and the text still in base64. Queries are never answered.
  case clipboard(selection: String, base64: [UInt8])
  /// OSC 9;4: state 0 none, 1 normal, 2 error, 3 indeterminate, 4 paused; percent 0…100.
  case progress(state: Int, percent: Int)
  /// OSC 9, OSC 777;notify and OSC 99.
  case notification(title: String?, body: String)
  /// OSC 133 and OSC 633: where a prompt, a command or its output begins or ends.
  case mark(Mark)
  /// The alternate screen was entered (`true`) or left.
  case alternateScreen(Bool)
  /// RIS: everything was reset.
  case reset
  /// The whole main screen was erased; what comes now begins at this absolute line.
  case cleared(line: Int)
  /// A program asked for another window size (`CSI 8 t`, DECCOLM, DECSLPP). The host decides.
  case sizeRequested(TerminalSize)

  /// What the event holds besides its own 100 bytes or so.
  var payloadBytes: Int {
    switch self {
    case .title(let text), .iconName(let text), .workingDirectory(let text): text.utf8.count
    case .clipboard(let selection, let base64): selection.utf8.count + base64.count
    case .notification(let title, let body): (title?.utf8.count ?? 0) + body.utf8.count
    case .mark(let mark):
      mark.options.reduce(mark.text.utf8.count + (mark.nonce?.utf8.count ?? 0)) {
        $0 + $1.key.utf8.count + $1.value.utf8.count
      }
    default: 0
    }
  }
}

/// A semantic mark (OSC 133 of FinalTerm, OSC 633 of VS Code).
package struct Mark: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// `A` (also `N` of OSC 133).
    case promptStart
    /// `B` (also `I` of OSC 133).
    case promptEnd
    /// `C`.
    case outputStart
    /// `D`.
    case commandEnd
    /// `E` of OSC 633.
    case commandLine
    /// `P`.
    case property
  }

  package enum Dialect: Sendable, Equatable {
    case osc133
    case osc633
  }

  package var kind: Kind
  package var dialect: Dialect
  /// The absolute line and the column of the cursor when the mark came.
  package var line: Int
  package var column: Int
  /// Of `D`, when it was given.
  package var exitStatus: Int? = nil
  /// The command line of `E` and of `C;cmdline=` or `C;cmdline_url=`, the `Cwd=…` of `P`; unescaped.
  package var text = ""
  /// The last field of `E` in OSC 633.
  package var nonce: String? = nil
  /// The `key=value` fields, at most `Terminal.markOptionLimit`.
  package var options: [String: String] = [:]

  package init(kind: Kind, dialect: Dialect, line: Int, column: Int) {
    self.kind = kind
    self.dialect = dialect
    self.line = line
    self.column = column
  }
}

/// A queue of events bounded in number and in bytes: a program that floods loses its oldest events and nothing else.
struct EventQueue {
  /// No reader that looks once per read of the PTY misses fewer than this many events of one read.
  static let countLimit = 1024
  /// Two clipboard texts of the greatest size, and room for the rest.
  static let byteLimit = 4 << 20

  private var ring: [TerminalEvent] = []
  private var head = 0
  private var bytes = 0
  /// Events lost to the bounds since the terminal was made.
  private(set) var dropped = 0

  var isEmpty: Bool { ring.count == head }
  var bytesHeld: Int { ring.capacity * MemoryLayout<TerminalEvent>.stride + bytes }

  mutating func append(_ event: TerminalEvent) {
    ring.append(event)
    bytes += event.payloadBytes
    while ring.count - head > Self.countLimit || bytes > Self.byteLimit, head < ring.count - 1 {
      bytes -= ring[head].payloadBytes
      ring[head] = .bell
      head += 1
      dropped += 1
    }
    // The dead front is given back only when it is as long as the queue may be, so that an append stays cheap.
    if head > Self.countLimit {
      ring.removeFirst(head)
      head = 0
    }
  }

  mutating func take() -> [TerminalEvent] {
    let taken = head == 0 ? ring : Array(ring[head...])
    ring = []
    head = 0
    bytes = 0
    return taken
  }
}

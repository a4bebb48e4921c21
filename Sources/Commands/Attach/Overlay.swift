/// What has the keyboard instead of the session, for a while. What the session writes meanwhile is not shown: it is painted anew afterwards.
enum Overlay: Sendable {
  /// A new name for the session.
  case rename(PromptLine)
  /// Whether the session is really to be ended.
  case kill(question: String)
  case picker(SessionPicker)
  case history(HistoryView)
  case help(top: Int)
  /// A sentence; any key takes it away.
  case message(String)
  /// Something is being fetched; only leaving is possible.
  case waiting(String)

  /// What is to be done when a key has been pressed.
  enum Outcome: Sendable {
    case goesOn
    case over
    case rename(to: String)
    case kill
    case show(SessionEntry)
  }

  mutating func press(_ key: KeyPress, rows: Int) -> Outcome {
    switch self {
    case .rename(var line):
      let outcome = line.press(key)
      self = .rename(line)
      switch outcome {
      case .goesOn: return .goesOn
      case .cancelled: return .over
      case .entered(let name): return name.isEmpty ? .over : .rename(to: name)
      }
    case .kill: return key == .text("y") || key == .text("Y") ? .kill : .over
    case .picker(var picker):
      let outcome = picker.press(key, rows: rows)
      self = .picker(picker)
      switch outcome {
      case .goesOn: return .goesOn
      case .cancelled: return .over
      case .chosen(let entry): return .show(entry)
      }
    case .history(var view):
      let outcome = view.press(key, rows: rows)
      self = .history(view)
      return outcome == .left ? .over : .goesOn
    case .help(let top):
      switch key {
      case .down, .text("j"), .pageDown, .text(" "): self = .help(top: top + 1)
      case .up, .text("k"), .pageUp: self = .help(top: max(0, top - 1))
      default: return .over
      }
      return .goesOn
    case .message: return .over
    case .waiting: return [.escape, .text("q"), .control("c")].contains(key) ? .over : .goesOn
    }
  }

  /// - Parameter help: the list of the keys.
  mutating func picture(rows: Int, columns: Int, help: [String]) -> OverlayPicture {
    switch self {
    case .rename(let line):
      let row = line.row(columns: columns)
      return OverlayPicture(lines: nil, bottom: row.text, cursor: row.cursor)
    case .kill(let question):
      let text = clipped(question, to: columns)
      return OverlayPicture(lines: nil, bottom: text, cursor: min(displayWidth(text), columns - 1))
    case .picker(var picker):
      let picture = picker.picture(rows: rows, columns: columns)
      self = .picker(picker)
      return picture
    case .history(let view): return view.picture(rows: rows, columns: columns)
    case .help(let top):
      let first = max(0, min(top, help.count - (rows - 1)))
      self = .help(top: first)
      let lines = help[first...].prefix(max(0, rows - 1)).map { OverlayPicture.Line(clipped($0, to: columns)) }
      let more = help.count > rows - 1 ? "; the arrows show the rest" : ""
      return OverlayPicture(lines: lines, bottom: clipped("any key goes back\(more)", to: columns), cursor: nil)
    case .message(let text), .waiting(let text):
      return OverlayPicture(lines: nil, bottom: clipped(printable(text), to: columns), cursor: nil)
    }
  }

  /// The list of the keys.
  static func help(prefix: KeyName?, detachKey: DetachKey?) -> [String] {
    var lines: [String] = []
    if let prefix {
      lines.append("Press \(prefix.text), let it go, and then:")
      lines.append("")
      for command in AttachCommand.allCases {
        lines.append("  " + padded(command.keys.joined(separator: " or "), to: 10) + command.summary)
      }
      lines.append("")
    }
    if let detachKey { lines.append("\(detachKey.text) leaves the session, too.") }
    if let prefix {
      lines.append(
        detachKey?.keys == [prefix, prefix]
          ? "Pressed once, and nothing after it for a second, \(prefix.text) goes to the session."
          : "Pressed twice, \(prefix.text) goes to the session.")
    }
    return lines
  }
}

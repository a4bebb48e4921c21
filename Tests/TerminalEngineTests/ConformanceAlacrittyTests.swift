import TerminalEngine
import Testing

/// Alacritty's reference tests: a recording in, text and style of the screen and text of the history out.
@Suite("Conformance with Alacritty's suite")
struct ConformanceAlacrittyTests {
  static let cases = ConformanceData.cases("alacritty", ending: ".grid")

  static let disagreements: Disagreements = [
    "decaln_reset": "DECALN homes the cursor, as in xterm and the VT510 manual; Alacritty leaves it"
  ]

  @Test("screen and history are as the suite says", arguments: cases)
  func grid(_ name: String) throws {
    let mismatch = try Self.mismatch(name)
    if let reason = Self.disagreements[name] {
      withKnownIssue(Comment(rawValue: reason)) { #expect(mismatch == nil) }
    } else {
      #expect(mismatch == nil, "\(mismatch ?? "")")
    }
  }

  @Test("the count of passing cases is shown")
  func summary() throws {
    #expect(!Self.cases.isEmpty)
    let passed = try Self.cases.filter { try Self.mismatch($0) == nil }.count
    print("alacritty: \(passed) of \(Self.cases.count)")
  }

  /// What differs, row by row; nil when nothing does.
  static func mismatch(_ name: String) throws -> String? {
    let expected = try AlacrittyGrid(try ConformanceData.text("alacritty/\(name).grid"))
    var options = TerminalOptions()
    options.historyLines = expected.historyLimit
    var terminal = Terminal(size: expected.size, options: options)
    terminal.feed(try ConformanceData.bytes("alacritty/\(name).recording"))

    var differences: [String] = []
    for (row, want) in expected.screen.enumerated() {
      let got = Cell.trimmed(Cell.row(of: terminal, row))
      if want != got { differences.append("row \(row): expected \(Cell.show(want)), got \(Cell.show(got))") }
    }
    let firstOfHistory = terminal.screenTop - expected.history.count
    for (index, want) in expected.history.enumerated() {
      let wanted = want.map(\.text).joined().trimmingTrailingBlanks()
      let got = terminal.lineText(firstOfHistory + index).trimmingTrailingBlanks()
      if wanted != got { differences.append("history \(index): expected '\(wanted)', got '\(got)'") }
    }
    return differences.isEmpty ? nil : differences.joined(separator: "\n")
  }
}

/// What can be seen of one cell, or of two in the case of a wide character.
struct Cell: Equatable {
  var text: String
  var style: Style
  var link: String?

  /// A blank shows only its background, and its foreground where that is drawn: inverted, underlined or struck through.
  init(text: String, style: Style, link: String?) {
    self.text = text
    self.link = link
    self.style = style
    guard text == " " else { return }
    let isDrawn =
      style.underline != .none || !style.attributes.isDisjoint(with: [.inverse, .strikethrough, .overline])
    if !isDrawn { self.style.foreground = .default }
    self.style.attributes.formIntersection([.inverse, .strikethrough, .overline])
    if style.underline == .none { self.style.underlineColor = .default }
  }

  static func row(of terminal: borrowing Terminal, _ row: Int) -> [Cell] {
    var runs: [(text: String, style: Style, link: LinkID)] = []
    terminal.visitRuns(row: row, trim: .none) { run in
      runs.append((String(decoding: run.text, as: UTF8.self), run.style, run.link))
    }
    var cells: [Cell] = []
    for run in runs {
      let uri = terminal.link(run.link)?.uri
      cells += split(run.text).map { Cell(text: $0, style: run.style, link: uri) }
    }
    return cells
  }

  /// Text cut before every character that takes a column.
  static func split(_ text: String) -> [String] {
    var parts: [String] = []
    for scalar in text.unicodeScalars {
      if WidthTable.width(of: scalar.value) == 0, !parts.isEmpty {
        parts[parts.count - 1].unicodeScalars.append(scalar)
      } else {
        parts.append(String(scalar))
      }
    }
    return parts
  }

  /// Without the blanks at the end that look like never written ones.
  static func trimmed(_ cells: [Cell]) -> [Cell] {
    var cells = cells
    while let last = cells.last, last.text == " ", last.style == Style(), last.link == nil { cells.removeLast() }
    return cells
  }

  static func show(_ cells: [Cell]) -> String {
    var shown = ""
    var style: Style?
    for cell in cells {
      if cell.style != style {
        shown += "⟨\(describe(cell.style))\(cell.link.map { " \($0)" } ?? "")⟩"
        style = cell.style
      }
      shown += cell.text
    }
    return "'\(shown)'"
  }

  static func describe(_ style: Style) -> String {
    guard style != Style() else { return "" }
    var words: [String] = []
    if style.foreground != .default { words.append("fg \(style.foreground)") }
    if style.background != .default { words.append("bg \(style.background)") }
    if style.underlineColor != .default { words.append("uc \(style.underlineColor)") }
    if style.underline != .none { words.append("underline \(style.underline)") }
    if !style.attributes.isEmpty { words.append("\(style.attributes)") }
    return words.joined(separator: " ")
  }
}

/// A grid in the form that Tools/convert-alacritty-grid.py writes and explains.
struct AlacrittyGrid {
  var size = TerminalSize(rows: 1, columns: 1)
  var historyLimit = 0
  var history: [[Cell]] = []
  var screen: [[Cell]] = []

  struct Malformed: Error { let line: String }

  init(_ text: String) throws {
    var lines: [[Cell]] = []
    for line in text.split(separator: "\n") {
      if let tab = line.firstIndex(of: "\t") {
        guard !lines.isEmpty else { throw Malformed(line: String(line)) }
        let (style, link) = try Self.style(line[..<tab])
        let run = Cell.split(String(line[line.index(after: tab)...]))
        lines[lines.count - 1] += run.map { Cell(text: $0, style: style, link: link) }
        continue
      }
      let words = line.split(separator: " ")
      switch words[0] {
      case "size":
        guard words.count == 3, let rows = Int(words[1]), let columns = Int(words[2]) else {
          throw Malformed(line: String(line))
        }
        size = TerminalSize(rows: rows, columns: columns)
      case "history": historyLimit = Int(words[1]) ?? 0
      case "row": lines.append([])
      default: throw Malformed(line: String(line))
      }
    }
    lines = lines.map(Cell.trimmed)
    history = lines.dropLast(size.rows)
    screen = lines.suffix(size.rows)
  }

  private static func style(_ words: Substring) throws -> (Style, link: String?) {
    var style = Style()
    var link: String?
    for word in words.split(separator: " ") where word != "-" {
      let parts = word.split(separator: "=", maxSplits: 1)
      switch (parts[0], parts.count > 1 ? parts[1] : "") {
      case ("fg", let value): style.foreground = try color(value)
      case ("bg", let value): style.background = try color(value)
      case ("uc", let value): style.underlineColor = try color(value)
      case ("link", let value): link = String(value)
      case ("bold", _): style.attributes.insert(.bold)
      case ("faint", _): style.attributes.insert(.faint)
      case ("italic", _): style.attributes.insert(.italic)
      case ("inverse", _): style.attributes.insert(.inverse)
      case ("invisible", _): style.attributes.insert(.invisible)
      case ("strikethrough", _): style.attributes.insert(.strikethrough)
      case ("underline", "single"): style.underline = .single
      case ("underline", "double"): style.underline = .double
      case ("underline", "curly"): style.underline = .curly
      case ("underline", "dotted"): style.underline = .dotted
      case ("underline", "dashed"): style.underline = .dashed
      default: throw Malformed(line: String(words))
      }
    }
    return (style, link)
  }

  private static func color(_ value: Substring) throws -> Color {
    if value.first == "#", let number = UInt32(value.dropFirst(), radix: 16) {
      return .rgb(UInt8(number >> 16 & 0xFF), UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF))
    }
    guard let index = UInt8(value) else { throw Malformed(line: String(value)) }
    return .indexed(index)
  }
}

import Formats
import TerminalEngine

/// How lines are written in JSON.
package enum ScreenFormat: String, Sendable, Codable, CaseIterable {
  /// Every line is a list of spans of one style.
  case styled
  /// Every line is a string without its trailing blanks.
  case plain
}

/// Where in a document the members of a style were written last. A screen has few styles and many spans, and copying is cheaper than
/// writing anew. For one document only: the places are offsets into it.
struct StyleTexts: ~Copyable {
  private struct Entry {
    var style = Style.default
    var range = 0..<0
  }

  /// A power of two, larger than the number of styles on most screens; a style that shares its place with another is written anew.
  private static let places = 32
  private let entries: UnsafeMutablePointer<Entry>

  init() {
    entries = .allocate(capacity: StyleTexts.places)
    entries.initialize(repeating: Entry(), count: StyleTexts.places)
  }

  deinit { entries.deallocate() }

  private static func place(_ style: Style) -> Int { Int(style.mixed >> 59) }

  func range(of style: Style) -> Range<Int>? {
    let entry = entries[StyleTexts.place(style)]
    return entry.style == style && !entry.range.isEmpty ? entry.range : nil
  }

  func remember(_ style: Style, at range: Range<Int>) {
    entries[StyleTexts.place(style)] = Entry(style: style, range: range)
  }
}

extension JSONWriter {
  /// One row of the visible screen.
  mutating func line(of terminal: borrowing Terminal, row: Int, format: ScreenFormat, _ styles: borrowing StyleTexts) {
    switch format {
    case .plain:
      withUnsafeTemporaryText { text in
        terminal.visitRuns(row: row, trim: .blankAny) { text.append($0.text) }
      }
    case .styled:
      beginArray()
      terminal.visitRuns(row: row, trim: .blankDefault) { span($0, styles) }
      endArray()
    }
  }

  /// A row that is not told.
  mutating func blankLine(_ format: ScreenFormat) {
    if format == .styled {
      beginArray()
      endArray()
    } else {
      string("")
    }
  }

  /// One row of the visible screen as it is told where the document is long already: without its styles.
  mutating func unstyledLine(of terminal: borrowing Terminal, row: Int) {
    beginArray()
    var text = LineText()
    terminal.visitRuns(row: row, trim: .blankAny) { text.append($0.text) }
    if !text.bytes.isEmpty {
      beginObject()
      key("text")
      text.bytes.withUnsafeBufferPointer { string(utf8: $0) }
      endObject()
    }
    endArray()
  }

  /// One line of the history or the main screen, by absolute number.
  mutating func line(of terminal: inout Terminal, line: Int, format: ScreenFormat, _ styles: borrowing StyleTexts) {
    switch format {
    case .plain:
      withUnsafeTemporaryText { text in
        terminal.visitRuns(line: line, trim: .blankAny) { text.append($0.text) }
      }
    case .styled:
      beginArray()
      terminal.visitRuns(line: line, trim: .blankDefault) { span($0, styles) }
      endArray()
    }
  }

  /// A string made of several runs.
  private mutating func withUnsafeTemporaryText(_ fill: (inout LineText) -> Void) {
    var text = LineText()
    fill(&text)
    text.bytes.withUnsafeBufferPointer { string(utf8: $0) }
  }

  /// One run: its text, whatever its style sets, and where it links to.
  private mutating func span(_ run: Run, _ styles: borrowing StyleTexts) {
    beginObject()
    key("text")
    string(utf8: run.text)
    if !run.style.isDefault {
      if let written = styles.range(of: run.style) {
        repeatBytes(written)
      } else {
        let start = count
        style(run.style)
        styles.remember(run.style, at: start..<count)
      }
    }
    if let address = run.address {
      key("link")
      string(address)
    }
    endObject()
  }

  private mutating func style(_ style: Style) {
    color("fg", style.foreground)
    color("bg", style.background)
    let attributes = style.attributes
    if attributes.contains(.bold) { flag("bold") }
    if attributes.contains(.faint) { flag("faint") }
    if attributes.contains(.italic) { flag("italic") }
    if style.underline != .none {
      flag("underline")
      if style.underline != .single {
        key("underline_style")
        string(style.underline.name)
      }
      color("underline_color", style.underlineColor)
    }
    if attributes.contains(.strikethrough) { flag("strikethrough") }
    if attributes.contains(.blink) { flag("blink") }
    if attributes.contains(.inverse) { flag("inverse") }
    if attributes.contains(.invisible) { flag("invisible") }
    if attributes.contains(.overline) { flag("overline") }
  }

  private mutating func flag(_ name: StaticString) {
    key(name)
    bool(true)
  }

  private mutating func color(_ name: StaticString, _ color: Color) {
    switch color.kind {
    case .default: return
    case .indexed(let index):
      key(name)
      beginObject()
      key("indexed")
      integer(index)
      endObject()
    case .rgb(let value):
      key(name)
      beginObject()
      key("rgb")
      beginObject()
      key("r")
      integer(value.red)
      key("g")
      integer(value.green)
      key("b")
      integer(value.blue)
      endObject()
      endObject()
    }
  }
}

private struct LineText {
  var bytes: [UInt8] = []
  mutating func append(_ text: UnsafeBufferPointer<UInt8>) { bytes.append(contentsOf: text) }
}

extension UnderlineStyle {
  var name: String {
    switch self {
    case .none: "none"
    case .single: "single"
    case .double: "double"
    case .curly: "curly"
    case .dotted: "dotted"
    case .dashed: "dashed"
    }
  }
}

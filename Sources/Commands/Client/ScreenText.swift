import Formats

/// How the lines of a screen are printed, and in which form the server is asked for them.
struct ScreenFormat {
  enum Kind { case plain, styled, ansi }

  let kind: Kind

  init(_ context: ClientContext) {
    switch context.invocation.text(Options.screenFormat) {
    case "plain"?: kind = .plain
    case "styled"?: kind = .styled
    case "ansi"?: kind = .ansi
    // With --json the answer is shown as it comes, and styles are what a program cannot get from plain text.
    default: kind = context.usesJSON ? .plain : context.output.style.isEnabled ? .ansi : .plain
    }
  }

  /// The `format` of the request.
  var requested: String { kind == .plain ? "plain" : "styled" }

  /// - Parameter keepsBlankEnd: keeps empty lines at the end, which on a screen only fill it.
  func text(_ screen: JSON, keepsBlankEnd: Bool = false) -> String {
    if let changed = screen["changed"].array {
      return changed.map { "\($0["row"].plainText)\t\(ScreenText.line($0["line"], self))\n" }.joined()
    }
    if kind == .styled { return screen["lines"].array?.map { shownJSON($0.text) + "\n" }.joined() ?? "" }
    var lines = (screen["lines"].array ?? []).map { ScreenText.line($0, self) }
    if !keepsBlankEnd {
      while lines.last == "" { lines.removeLast() }
    }
    return lines.map { $0 + "\n" }.joined()
  }
}

/// Lines of a screen as text.
enum ScreenText {
  static func plain(_ screen: JSON) -> String {
    var lines = (screen["lines"].array ?? []).map(plainLine)
    while lines.last == "" { lines.removeLast() }
    return lines.map { $0 + "\n" }.joined()
  }

  static func line(_ line: JSON, _ format: ScreenFormat) -> String {
    switch format.kind {
    case .plain: plainLine(line)
    case .styled: shownJSON(line.text)
    case .ansi: ansiLine(line)
    }
  }

  private static func plainLine(_ line: JSON) -> String {
    if let text = line.string { return printable(text) }
    return (line.array ?? []).map { printable($0["text"].string ?? "") }.joined()
  }

  /// Runs of text with their styles as SGR sequences (ECMA-48 §8.3.117), back to normal at the end.
  static func ansiLine(_ line: JSON) -> String {
    guard let runs = line.array else { return plainLine(line) }
    var result = ""
    var isStyled = false
    for run in runs {
      let parameters = styleParameters(run)
      if isStyled || !parameters.isEmpty {
        result += "\u{1b}[" + (["0"] + parameters).joined(separator: ";") + "m"
      }
      isStyled = !parameters.isEmpty
      result += printable(run["text"].string ?? "")
    }
    return isStyled ? result + "\u{1b}[0m" : result
  }

  private static func styleParameters(_ run: JSON) -> [String] {
    let attributes = [
      ("bold", "1"), ("faint", "2"), ("italic", "3"), ("underline", "4"), ("blink", "5"), ("inverse", "7"),
      ("strikethrough", "9"),
    ]
    return attributes.filter { isOn(run[$0.0]) }.map(\.1) + colour(run["fg"], base: 30) + colour(run["bg"], base: 40)
  }

  /// An attribute is there only when it is set; some have a kind (`"underline":"curly"`).
  private static func isOn(_ value: JSON) -> Bool {
    value.bool ?? !value.isNull
  }

  private static func colour(_ colour: JSON, base: Int) -> [String] {
    if let index = colour["indexed"].integer, (0...255).contains(index) {
      if index < 8 { return ["\(base + index)"] }
      return index < 16 ? ["\(base + 52 + index)"] : ["\(base + 8)", "5", "\(index)"]
    }
    let channels = ["r", "g", "b"].compactMap { colour["rgb"][$0].integer }
    guard channels.count == 3, channels.allSatisfy((0...255).contains) else { return [] }
    return ["\(base + 8)", "2"] + channels.map(String.init)
  }
}

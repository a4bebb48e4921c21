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

  /// Runs of text with their styles as SGR sequences (ECMA-48 §8.3.117; kitty's underlines) and their links as OSC 8, back to normal at the
  /// end.
  static func ansiLine(_ line: JSON) -> String {
    guard let runs = line.array else { return plainLine(line) }
    var result = ""
    var isStyled = false
    var link = ""
    for run in runs {
      let parameters = styleParameters(run)
      if isStyled || !parameters.isEmpty {
        result += "\u{1b}[" + (["0"] + parameters).joined(separator: ";") + "m"
      }
      isStyled = !parameters.isEmpty
      let target = address(run["link"])
      if target != link { result += "\u{1b}]8;;\(target)\u{1b}\\" }
      link = target
      result += printable(run["text"].string ?? "")
    }
    if !link.isEmpty { result += "\u{1b}]8;;\u{1b}\\" }
    return isStyled ? result + "\u{1b}[0m" : result
  }

  /// Where a link goes; empty where there is none, or none that can stand in a control string as it is.
  private static func address(_ link: JSON) -> String {
    let text = link.string ?? ""
    return text.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? text : ""
  }

  private static func styleParameters(_ run: JSON) -> [String] {
    let attributes = [("bold", "1"), ("faint", "2"), ("italic", "3")]
    let others = [
      ("blink", "5"), ("inverse", "7"), ("invisible", "8"), ("strikethrough", "9"), ("overline", "53"),
    ]
    return attributes.filter { isOn(run[$0.0]) }.map(\.1) + underline(run) + others.filter { isOn(run[$0.0]) }.map(\.1)
      + colour(run["fg"], base: 30) + colour(run["bg"], base: 40) + underlineColour(run["underline_color"])
  }

  /// By their numbers in `4:…`, from 2.
  private static let underlines = ["double", "curly", "dotted", "dashed"]

  private static func underline(_ run: JSON) -> [String] {
    guard isOn(run["underline"]) else { return [] }
    guard let style = run["underline_style"].string, let index = underlines.firstIndex(of: style) else { return ["4"] }
    return ["4:\(index + 2)"]
  }

  /// An attribute is there only when it is set.
  private static func isOn(_ value: JSON) -> Bool {
    value.bool ?? !value.isNull
  }

  /// SGR 58 has no short forms, and is written with colons alone.
  private static func underlineColour(_ colour: JSON) -> [String] {
    if let index = colour["indexed"].integer, (0...255).contains(index) { return ["58:5:\(index)"] }
    return channels(colour).map { ["58:2::" + $0.joined(separator: ":")] } ?? []
  }

  private static func channels(_ colour: JSON) -> [String]? {
    let channels = ["r", "g", "b"].compactMap { colour["rgb"][$0].integer }
    return channels.count == 3 && channels.allSatisfy((0...255).contains) ? channels.map(String.init) : nil
  }

  private static func colour(_ colour: JSON, base: Int) -> [String] {
    if let index = colour["indexed"].integer, (0...255).contains(index) {
      if index < 8 { return ["\(base + index)"] }
      return index < 16 ? ["\(base + 52 + index)"] : ["\(base + 8)", "5", "\(index)"]
    }
    return channels(colour).map { ["\(base + 8)", "2"] + $0 } ?? []
  }
}

/// The history of a session, looked through and searched: lines as they were when it was opened.
package struct HistoryView: Sendable {
  package enum Outcome: Sendable, Equatable {
    case goesOn
    case left
  }

  private let lines: [String]
  /// What could not be read, or a remark on it.
  private let remark: String
  /// The first line that is shown.
  private var top: Int
  private var prompt: PromptLine?
  private var query = ""
  /// The line that was found last.
  package private(set) var found: Int?
  private var message = ""

  /// - Parameters:
  ///   - isSearching: begins with the question what to look for.
  ///   - rows: of the terminal; the last is not for the history.
  package init(_ lines: [String], isSearching: Bool, rows: Int, remark: String = "") {
    self.lines = lines
    self.remark = remark
    top = max(0, lines.count - max(1, rows - 1))
    if isSearching { prompt = PromptLine("/") }
  }

  package mutating func press(_ key: KeyPress, rows: Int) -> Outcome {
    let page = max(1, rows - 1)
    message = ""
    if prompt != nil {
      switch prompt?.press(key) {
      case .entered(let text):
        prompt = nil
        if !text.isEmpty { query = text }
        // From the newest line, or from what was found: what is looked for happened lately, mostly.
        search(older: true, from: found ?? lines.count, page: page)
      case .cancelled:
        prompt = nil
        // Nothing was looked at yet.
        if query.isEmpty, found == nil, top >= lines.count - page { return .left }
      default: break
      }
      return .goesOn
    }
    let last = max(0, lines.count - page)
    switch key {
    case .text("q"), .escape, .control("c"), .enter: return .left
    case .up, .text("k"), .control("p"): top -= 1
    case .down, .text("j"), .control("n"): top += 1
    case .pageUp, .control("b"): top -= page
    case .pageDown, .control("f"), .text(" "): top += page
    case .control("u"): top -= page / 2
    case .control("d"): top += page / 2
    case .home, .text("g"): top = 0
    case .end, .text("G"): top = last
    case .text("/"): prompt = PromptLine("/")
    case .text("n"): search(older: true, from: found ?? lines.count, page: page)
    case .text("N"): search(older: false, from: found ?? -1, page: page)
    default: break
    }
    top = max(0, min(top, last))
    return .goesOn
  }

  private mutating func search(older: Bool, from start: Int, page: Int) {
    guard !query.isEmpty else {
      message = "nothing is looked for yet: type /"
      return
    }
    let matches = HistoryView.matcher(query)
    let hit =
      older
      ? lines[..<max(0, min(start, lines.count))].lastIndex(where: matches)
      : lines[min(lines.count, max(0, start + 1))...].firstIndex(where: matches)
    guard let hit else {
      let direction = older ? "older" : "newer"
      message = found == nil ? "not found: \(printable(query))" : "no \(direction) line has \(printable(query))"
      return
    }
    found = hit
    if !(top..<top + page).contains(hit) { top = max(0, min(hit - page / 2, lines.count - page)) }
  }

  /// As it stands, in small letters whatever the case, as vi's smartcase has it.
  private static func matcher(_ query: String) -> (String) -> Bool {
    let folds = query == query.lowercased()
    return { line in folds ? line.lowercased().contains(query) : line.contains(query) }
  }

  package func picture(rows: Int, columns: Int) -> OverlayPicture {
    let page = max(1, rows - 1)
    let end = min(lines.count, top + page)
    let shown = (top..<max(top, end)).map { index in
      OverlayPicture.Line(clipped(lines[index], to: columns), style: index == found ? .inverse : .plain)
    }
    if let prompt {
      let row = prompt.row(columns: columns)
      return OverlayPicture(lines: shown, bottom: row.text, cursor: row.cursor)
    }
    let place = lines.isEmpty ? "no history" : "lines \(top + 1) to \(end) of \(lines.count)"
    let notes = [message, remark].filter { !$0.isEmpty }.joined(separator: "; ")
    let text = notes.isEmpty ? "\(place)   / searches, n older, N newer, q leaves" : "\(notes) (\(place))"
    return OverlayPicture(lines: shown, bottom: clipped(text, to: columns), cursor: nil)
  }
}

/// The list of sessions that one chooses from: arrows move, what is typed narrows it, enter chooses.
package struct SessionPicker: Sendable {
  package enum Outcome: Sendable, Equatable {
    case goesOn
    case chosen(SessionEntry)
    case cancelled
  }

  private var directory: SessionDirectory
  private let shown: String
  private let marks: SessionMarks
  private var filter = PromptLine("session:")
  /// Into what is listed.
  private var selection = 0
  /// The first entry that is on the screen.
  private var top = 0

  /// - Parameter shown: the id of the session that is shown; it is selected at first.
  package init(_ directory: SessionDirectory, shown: String, marks: SessionMarks = SessionMarks()) {
    self.directory = directory
    self.shown = shown
    self.marks = marks
    selection = directory.entries.firstIndex { $0.id == shown } ?? 0
  }

  /// Those that have every word of the filter somewhere in them.
  package var listed: [SessionEntry] {
    let words = String(filter.text).lowercased().split(separator: " ")
    guard !words.isEmpty else { return directory.entries }
    return directory.entries.filter { entry in
      let text = "\(entry.title) \(entry.state) \(entry.command) \(entry.folder)".lowercased()
      return words.allSatisfy { text.contains($0) }
    }
  }

  package var selected: SessionEntry? {
    let listed = listed
    return listed.indices.contains(selection) ? listed[selection] : nil
  }

  package mutating func press(_ key: KeyPress, rows: Int) -> Outcome {
    let count = listed.count
    switch key {
    case .up, .control("p"): selection = count == 0 ? 0 : (selection + count - 1) % count
    case .down, .control("n"), .tab: selection = count == 0 ? 0 : (selection + 1) % count
    case .pageUp: selection = max(0, selection - max(1, rows - 2))
    case .pageDown: selection = max(0, min(count - 1, selection + max(1, rows - 2)))
    case .home: selection = 0
    case .end: selection = max(0, count - 1)
    case .enter:
      guard let selected else { return .goesOn }
      return .chosen(selected)
    // An empty line is where it begins: nothing is left by rubbing out once more.
    case .backspace where filter.text.isEmpty: break
    default:
      let before = filter.text
      if filter.press(key) == .cancelled { return .cancelled }
      if filter.text != before {
        selection = 0
        top = 0
      }
    }
    return .goesOn
  }

  package mutating func picture(rows: Int, columns: Int) -> OverlayPicture {
    let listed = listed
    let room = max(1, rows - 1)
    selection = max(0, min(selection, listed.count - 1))
    top = max(0, min(top, selection))
    if selection >= top + room { top = selection - room + 1 }
    let titles = listed.map { marks.mark($0.id) + $0.title }
    let width = min(max(8, titles.map { displayWidth($0) }.max() ?? 0), max(8, columns / 2))
    var lines: [OverlayPicture.Line] = []
    for index in top..<max(top, min(listed.count, top + room)) {
      let entry = listed[index]
      let others = entry.clients == 0 ? "" : entry.clients == 1 ? "1 client  " : "\(entry.clients) clients  "
      let text =
        (entry.id == shown ? "> " : "  ") + padded(clipped(titles[index], to: width), to: width) + "  "
        + padded(printable(entry.state), to: 8) + "  " + others + printable(entry.command)
      lines.append(
        .init(padded(clipped(text, to: columns), to: columns), style: index == selection ? .inverse : .plain))
    }
    if listed.isEmpty { lines.append(.init(clipped("  no session has that in it", to: columns), style: .faint)) }
    let prompt = filter.row(columns: columns)
    return OverlayPicture(lines: lines, bottom: prompt.text, cursor: prompt.cursor)
  }
}

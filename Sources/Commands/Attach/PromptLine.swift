/// A line that is typed on the bottom row: the text behind a question.
package struct PromptLine: Sendable, Equatable {
  /// Longest text: that of a name or a search, not of a letter.
  static let longest = 256

  package let question: String
  package private(set) var text: [Character]
  /// Where the next character goes.
  package private(set) var cursor: Int

  package enum Outcome: Sendable, Equatable {
    case goesOn
    case entered(String)
    case cancelled
  }

  package init(_ question: String, text: String = "") {
    self.question = question
    self.text = Array(text.prefix(PromptLine.longest))
    cursor = self.text.count
  }

  /// The keys of readline that everybody's fingers know.
  package mutating func press(_ key: KeyPress) -> Outcome {
    switch key {
    case .text(let character):
      guard text.count < PromptLine.longest else { break }
      text.insert(character, at: cursor)
      cursor += 1
    case .enter: return .entered(String(text))
    case .escape, .control("c"), .control("g"): return .cancelled
    case .backspace:
      // Out of an empty line, as in tmux and vi.
      if text.isEmpty { return .cancelled }
      if cursor > 0 {
        cursor -= 1
        text.remove(at: cursor)
      }
    case .delete, .control("d"): if cursor < text.count { text.remove(at: cursor) }
    case .left, .control("b"): cursor = max(0, cursor - 1)
    case .right, .control("f"): cursor = min(text.count, cursor + 1)
    case .home, .control("a"): cursor = 0
    case .end, .control("e"): cursor = text.count
    case .control("u"):
      text.removeFirst(cursor)
      cursor = 0
    case .control("k"): text.removeLast(text.count - cursor)
    case .control("w"):
      let start = wordStart
      text.removeSubrange(start..<cursor)
      cursor = start
    default: break
    }
    return .goesOn
  }

  private var wordStart: Int {
    var start = cursor
    while start > 0, text[start - 1] == " " { start -= 1 }
    while start > 0, text[start - 1] != " " { start -= 1 }
    return start
  }

  /// The row, as much of it as fits, and the column of the cursor from 0.
  package func row(columns: Int) -> (text: String, cursor: Int) {
    let label = question + " "
    let room = max(1, columns - displayWidth(label) - 1)
    // The end that holds the cursor is what is worked on.
    var start = 0
    while displayWidth(String(text[start..<cursor])) > room { start += 1 }
    let shown = printable(String(text[start...]))
    let column = displayWidth(label) + displayWidth(printable(String(text[start..<cursor])))
    return (clipped(label + shown, to: columns), min(column, max(0, columns - 1)))
  }
}

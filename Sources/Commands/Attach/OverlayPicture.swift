/// What is painted over a session for a while: rows from the top, and the bottom row.
package struct OverlayPicture: Sendable, Equatable {
  package struct Line: Sendable, Equatable {
    package enum Style: Sendable { case plain, inverse, faint }

    package var text: String
    package var style: Style

    package init(_ text: String, style: Style = .plain) {
      self.text = text
      self.style = style
    }
  }

  /// Nil leaves what is there: only the bottom row is painted.
  package var lines: [Line]?
  package var bottom: String
  /// Column of the cursor on the bottom row, from 0; nil hides it.
  package var cursor: Int?

  package init(lines: [Line]?, bottom: String, cursor: Int?) {
    self.lines = lines
    self.bottom = bottom
    self.cursor = cursor
  }

  /// The bytes that paint it, all at once where the terminal can (DEC mode 2026), on a terminal whose modes are the usual ones.
  package func bytes(rows: Int, columns: Int) -> [UInt8] {
    var text = "\u{1b}[?2026h\u{1b}[?7l\u{1b}[0m"
    if let lines {
      for row in 0..<max(0, rows - 1) {
        text += "\u{1b}[\(row + 1);1H\u{1b}[2K"
        guard row < lines.count else { continue }
        switch lines[row].style {
        case .plain: text += lines[row].text
        case .inverse: text += "\u{1b}[7m\(lines[row].text)\u{1b}[0m"
        case .faint: text += "\u{1b}[2m\(lines[row].text)\u{1b}[0m"
        }
      }
    }
    text += "\u{1b}[\(rows);1H\u{1b}[2K\u{1b}[7m\(padded(bottom, to: columns))\u{1b}[0m\u{1b}[?7h"
    text += cursor.map { "\u{1b}[\(rows);\($0 + 1)H\u{1b}[?25h" } ?? "\u{1b}[?25l"
    return Array((text + "\u{1b}[?2026l").utf8)
  }
}

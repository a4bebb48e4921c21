import Formats

/// Somebody else who types.
enum Typist {
  /// What people are told of a `typed` message: a token by its name, and whether it was a program that called or somebody at a terminal.
  static func name(of message: JSON) -> String {
    let isCall = message["call"].bool == true
    if let principal = message["by"].string, principal.hasPrefix("token:") {
      return String(principal.dropFirst("token:".count))
    }
    return isCall ? "an agent" : "somebody"
  }
}

/// The row below an attached session: which one it is, who else is here, and what happens elsewhere.
package struct StatusLine: Sendable, Equatable {
  /// `web1:build`
  package var title: String
  package var isReadOnly = false
  /// Others who are attached.
  package var others = 0
  /// The one who typed last, if that was just now and not here.
  package var typist: String?
  /// Sessions with a bell or with output since they were last looked at, with their marks: `db!`, `log*`.
  package var marked: [String] = []
  /// Takes the place of everything else, for a moment.
  package var message: String?

  package init(title: String) { self.title = title }

  /// The row, exactly as wide as the terminal. What does not fit is left out: first the other sessions, then what is on the right.
  package func text(columns: Int) -> String {
    guard columns > 0 else { return "" }
    if let message { return padded(clipped(" \(printable(message))", to: columns), to: columns) }
    var left = " " + printable(title)
    if isReadOnly { left += "  read-only" }
    var right = ""
    if let typist { right += "\(clipped(printable(typist), to: 24)) types  " }
    if others > 0 { right += others == 1 ? "1 other here " : "\(others) others here " }
    left = clipped(left, to: columns)
    var room = columns - displayWidth(left)
    if displayWidth(right) + 2 > room { right = "" }
    room -= displayWidth(right)
    var middle = ""
    for name in marked {
      let next = "  " + printable(name)
      // A mark more is told by dots.
      guard displayWidth(middle) + displayWidth(next) + 3 <= room else {
        if displayWidth(middle) + 4 <= room { middle += "  …" }
        break
      }
      middle += next
    }
    let gap = max(0, room - displayWidth(middle))
    return left + middle + String(repeating: " ", count: gap) + right
  }

  /// Paints it on its row and leaves the cursor, the colours and the modes as they were. The session's own bytes never save a cursor where
  /// this is painted: they are the server's picture of it.
  package func bytes(row: Int, columns: Int) -> [UInt8] {
    Array("\u{1b}7\u{1b}[?7l\u{1b}[\(row);1H\u{1b}[0;2;7m\(text(columns: columns))\u{1b}[0m\u{1b}[?7h\u{1b}8".utf8)
  }
}

/// An RGB colour, eight bits a channel.
package struct RGB: Sendable, Equatable, Hashable {
  package var red: UInt8
  package var green: UInt8
  package var blue: UInt8

  package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }
}

/// What a terminal is told when it is made.
package struct TerminalOptions: Sendable {
  /// The most bytes of encoded history (before compression) that are kept; whole pages of the oldest lines go first.
  package var historyBytes = 8 << 20
  /// The most lines of history that are kept.
  package var historyLines = 10_000
  /// Whether queries (DA, DSR, DECRQM, colours and so on) are answered at all.
  package var answersQueries = true
  /// Whether `CSI 20 t` and `CSI 21 t` are answered. A title is text of somebody else's choice (a file that was printed, the other
  /// end of a connection), and the answer is input to the program: with a shell in front it is typed at the prompt.
  package var allowsTitleReports = false
  /// What XTVERSION (`CSI > q`) answers.
  package var version = "Roost(1)"
  /// The 256 colours that OSC 4 reports; shorter lists are completed with the usual xterm palette.
  package var palette: [RGB] = []
  package var defaultForeground = RGB(0xE5, 0xE5, 0xE5)
  package var defaultBackground = RGB(0x00, 0x00, 0x00)
  package var cursorColor = RGB(0xE5, 0xE5, 0xE5)
  /// The size of a cell in pixels that the window reports (`CSI 14 t`, `CSI 16 t`) pretend.
  package var cellWidth = 8
  package var cellHeight = 16

  package init() {}
}

/// A part of a screen: where its top left cell is, and how large it is. From 0.
package struct ScreenWindow: Sendable, Equatable {
  package var row: Int
  package var column: Int
  package var rows: Int
  package var columns: Int

  package init(row: Int, column: Int, rows: Int, columns: Int) {
    self.row = row
    self.column = column
    self.rows = rows
    self.columns = columns
  }

  package func contains(row: Int, column: Int) -> Bool {
    (self.row..<(self.row + rows)).contains(row) && (self.column..<(self.column + columns)).contains(column)
  }

  /// The part of a screen of that size which a viewer sees that was shown this part before.
  ///
  /// It stays where it is as long as the cursor is in it. Otherwise it goes where tmux puts it: at the beginning or the end of the screen
  /// where the cursor is seen from there, else about the cursor. A hidden cursor is not followed.
  package func following(_ cursor: Cursor, on screen: TerminalSize, viewer: TerminalSize) -> ScreenWindow {
    func start(_ start: Int, _ whole: Int, _ shown: Int, _ place: Int) -> Int {
      let start = min(start, whole - shown)
      guard cursor.isVisible, !(start..<(start + shown)).contains(place) else { return start }
      if place < shown { return 0 }
      return min(place - shown / 2, whole - shown)
    }
    let rows = min(viewer.rows, screen.rows)
    let columns = min(viewer.columns, screen.columns)
    return ScreenWindow(
      row: start(row, screen.rows, rows, cursor.row), column: start(column, screen.columns, columns, cursor.column),
      rows: rows, columns: columns)
  }
}

/// A screen's size in character cells.
///
/// Each side is clamped to `1...1000`: a window of a thousand rows is already larger than any display, and the bound keeps the
/// cells of one screen at 8 MB and every offset inside a row in 16 bits.
package struct TerminalSize: Sendable, Equatable, Hashable {
  /// The greatest number of rows, and of columns.
  package static let limit = 1000

  package let rows: Int
  package let columns: Int

  /// - Parameters: the wished rows and columns; values outside `1...1000` are brought to the nearest bound.
  package init(rows: Int, columns: Int) {
    self.rows = min(max(rows, 1), Self.limit)
    self.columns = min(max(columns, 1), Self.limit)
  }
}

/// A place in the text a session printed: an absolute line (counted from the first line ever printed) and a column.
package struct LinePosition: Sendable, Equatable, Hashable, Comparable {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static func < (left: LinePosition, right: LinePosition) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// What is left out at the end of a row when it is read.
package enum Trimming: Sendable {
  /// Nothing: the runs cover every column of the row.
  case none
  /// Trailing blanks that have the default style and no link.
  case blankDefault
  /// All trailing blanks, coloured ones too.
  case blankAny
}

/// The cursor as it is shown.
package struct Cursor: Sendable, Equatable {
  /// The shapes of DECSCUSR (`CSI Ps SP q`).
  package enum Shape: Sendable, Equatable {
    case block
    case underline
    case bar
  }

  /// Row and column on the active screen, from 0. The column is below the width even when a wrap is pending.
  package var row: Int
  package var column: Int
  /// Whether DECTCEM shows the cursor.
  package var isVisible: Bool
  package var shape: Shape
  package var blinks: Bool
}

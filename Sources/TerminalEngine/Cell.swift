/// One character cell: what it shows in the low half, how it is drawn in the high half.
///
///     bits  0–20  a Unicode scalar, or the number of a cluster; 0 is a cell nothing was written to
///     bit  21     the number is a cluster's
///     bit  22     the left half of a wide character
///     bit  23     the right half of a wide character
///     bit  24     protected (DECSCA, SPA)
///     bit  25     the blank a wide character left at the end of a line when it wrapped
///     bits 28–47  the style's number
///     bits 48–63  the link's number
typealias Cell = UInt64

enum CellBits {
  static let scalar: Cell = 0x1F_FFFF
  static let cluster: Cell = 1 << 21
  static let wide: Cell = 1 << 22
  static let tail: Cell = 1 << 23
  static let protected: Cell = 1 << 24
  static let leadSpacer: Cell = 1 << 25

  /// A scalar or a cluster's number with its bit: what a cell shows.
  static let token: Cell = 0x3F_FFFF
  /// Style and link.
  static let rendition: Cell = ~0 << 28
  static let styleShift: Cell = 28
  static let styleMask: Cell = 0xF_FFFF
  static let linkShift: Cell = 48
}

extension Cell {
  @inline(__always) var styleID: Int { Int(self >> CellBits.styleShift & CellBits.styleMask) }
  @inline(__always) var linkID: Int { Int(self >> CellBits.linkShift) }
  @inline(__always) var token: Cell { self & CellBits.token }
  @inline(__always) var isTail: Bool { self & CellBits.tail != 0 }
  @inline(__always) var isWide: Bool { self & CellBits.wide != 0 }
  @inline(__always) var isCluster: Bool { self & CellBits.cluster != 0 }
  @inline(__always) var isLeadSpacer: Bool { self & CellBits.leadSpacer != 0 }
  /// A letter of a flag without the other (U+1F1E6…U+1F1FF): wide where clusters are joined, narrow elsewhere.
  @inline(__always) var isHalfFlag: Bool { token &- 0x1F1E6 < 26 }
  /// Shows nothing, or a space.
  @inline(__always) var isBlank: Bool {
    self & (CellBits.token | CellBits.tail) == 0 || self & (CellBits.token | CellBits.tail) == 0x20
  }
}

/// A row of a screen. Cells from `length` on are all zero, so most work stops there.
struct Row {
  var cells: UnsafeMutablePointer<Cell>
  var length: Int32 = 0
  var flags: UInt8 = 0

  /// The text goes on in the next row.
  static let wrapped: UInt8 = 1
  /// Some cell may hold something other than a single ASCII character.
  static let unicode: UInt8 = 2
  /// Some cell may have a style or a link.
  static let styled: UInt8 = 4
  /// Some cell may be a cluster or a lead spacer, or wider or narrower than its character alone says.
  static let clustered: UInt8 = 8
}

/// The cells of one screen. Rows are scrolled by moving their descriptions, never their cells.
struct Grid: ~Copyable {
  let rowCount: Int
  let columnCount: Int
  let rows: UnsafeMutablePointer<Row>
  private let storage: UnsafeMutablePointer<Cell>

  init(_ size: TerminalSize) {
    rowCount = size.rows
    columnCount = size.columns
    // Eight cells more than there are: some loops read rows in whole groups.
    storage = .allocate(capacity: rowCount * columnCount + 8)
    storage.initialize(repeating: 0, count: rowCount * columnCount + 8)
    rows = .allocate(capacity: rowCount)
    for row in 0..<rowCount { (rows + row).initialize(to: Row(cells: storage + row * columnCount)) }
  }

  deinit {
    rows.deallocate()
    storage.deallocate()
  }

  var bytesHeld: Int {
    rowCount * columnCount * MemoryLayout<Cell>.stride + rowCount * MemoryLayout<Row>.stride
  }

  /// Calls `body` with every cell that may not be zero.
  @inline(__always)
  borrowing func forEachCell(_ body: (Cell) -> Void) {
    for row in 0..<rowCount {
      let description = rows[row]
      for column in 0..<Int(description.length) { body(description.cells[column]) }
    }
  }
}

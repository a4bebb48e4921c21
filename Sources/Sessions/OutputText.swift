import TerminalEngine

/// What a terminal makes of a program's bytes, as text.
///
/// Lines are as long as they were printed, whatever the terminal's width, and there are as many as were printed; but within the last
/// lines, as many as the screen has rows, the program may go back and write over what it wrote: `\r`, backspaces and the control
/// sequences that progress bars use (ECMA-48 §8.3, xterm's "Control Sequences"). A line that leaves this window is final and goes to
/// ``output``. TAB stays a TAB, colours and titles are dropped, what a program shows on the alternate screen leaves nothing.
///
/// Takes any bytes, cut anywhere, and its memory is bounded: by ``longestLine`` columns for each row.
package struct OutputText: ~Copyable {
  /// Columns of a line that may still be changed; the part before is final. No screen is as wide.
  package static let longestLine = 4096
  /// Rows of the window, at most; the cells of so many lines take 8 MiB, if they are all filled.
  package static let mostRows = 512
  static let tabWidth = 8
  /// Text that waits to be handed over in one piece.
  static let stagingBytes = 64 << 10
  /// Characters with marks that are remembered, those that were overwritten included, before the latter are forgotten.
  static let clusterLimit = 1 << 15
  /// Scalars that one character is made of, as many as fit the engine's clusters.
  static let longestCluster = 16

  /// Bits of a cell beside its scalar, or the number of its cluster. 0 is a cell that nothing was printed in.
  enum Cell {
    static let token: UInt32 = 0x1F_FFFF
    /// The second column of a wide character.
    static let tail: UInt32 = 1 << 31
    /// The columns of a TAB behind its first.
    static let tabTail: UInt32 = 1 << 30
    static let cluster: UInt32 = 1 << 29
    static let wide: UInt32 = 1 << 28
    static let tab: UInt32 = 0x09
  }

  struct Line {
    /// Which stretch of ``cells`` is its own.
    let slot: Int
    var length = 0
    /// Nothing but ASCII, one column each.
    var isASCII = true
    /// Some cells may be 0.
    var hasBlanks = false
    /// A line feed came here: the line before was ended.
    var isReached = false
  }

  /// Where final text goes.
  package let output: CommandOutput

  // The window: `count` lines of a ring that begins at `head`, and the cursor in it. The cursor's row may lie below the last line;
  // lines are made when something is printed there.
  var rows: Int
  var columns: Int
  var cells: UnsafeMutablePointer<UInt32>
  var ring: UnsafeMutablePointer<Line>
  var head = 0
  var count = 0
  var row = 0
  var column = 0
  var topMargin = 0
  var bottomMargin: Int
  var saved = (row: 0, column: 0)
  var isInserting = false
  /// LF goes to the first column too (ECMA-48 mode 20).
  var isNewLine = false
  var isAlternateScreen = false
  /// G0 and G1 hold DEC's line drawing instead of ASCII.
  var drawsLines = (g0: false, g1: false)
  var isShiftedOut = false
  /// Nothing is taken.
  package var isMuted = false
  /// The character that REP repeats; 0 when there is none.
  var lastScalar: UInt32 = 0
  var clusters: [[UInt32]] = []
  var clusterRefusals = 0

  let staging: UnsafeMutablePointer<UInt8>
  var staged = 0
  var stagedLines = 0

  // The parser; see `OutputText+Parsing.swift`.
  var state = ParserState.ground
  let parameters: UnsafeMutablePointer<Int>
  var parameterCount = 0
  var parameterValue = 0
  var privateMarker: UInt8 = 0
  var intermediate: UInt8 = 0
  var string: [UInt8] = []
  var stringOverflowed = false
  /// An OSC has just ended and is whole in ``string``.
  var command = false
  var stringLast: UInt8 = 0
  var pendingScalar: UInt32 = 0
  var pendingLength = 0
  var pendingLow: UInt8 = 0x80
  var pendingHigh: UInt8 = 0xBF

  /// A text for a terminal of `rows` lines. `columns` only says how far the cursor can be sent to the right.
  package init(rows: Int, columns: Int = OutputText.longestLine, output: CommandOutput = CommandOutput()) {
    self.output = output
    self.rows = min(max(rows, 1), OutputText.mostRows)
    self.columns = min(max(columns, 1), OutputText.longestLine)
    bottomMargin = self.rows - 1
    cells = .allocate(capacity: self.rows * OutputText.longestLine)
    ring = .allocate(capacity: self.rows)
    for index in 0..<self.rows { (ring + index).initialize(to: Line(slot: index)) }
    staging = .allocate(capacity: OutputText.stagingBytes)
    parameters = .allocate(capacity: OutputText.parameterLimit)
    string.reserveCapacity(256)
  }

  deinit {
    cells.deallocate()
    ring.deallocate()
    staging.deallocate()
    parameters.deallocate()
  }

  // MARK: the window

  /// Line `row` of the window, which must have it.
  @inline(__always)
  func line(_ row: Int) -> UnsafeMutablePointer<Line> {
    var index = head &+ row
    if index >= rows { index &-= rows }
    return ring + index
  }

  @inline(__always)
  func cells(of line: UnsafeMutablePointer<Line>) -> UnsafeMutablePointer<UInt32> {
    cells + line.pointee.slot &* OutputText.longestLine
  }

  @inline(__always)
  func clear(_ line: UnsafeMutablePointer<Line>) { line.pointee = Line(slot: line.pointee.slot) }

  /// The cursor's line, filled with blanks up to the cursor.
  @inline(__always)
  mutating func reachColumn() -> UnsafeMutablePointer<Line> {
    if count <= row { reachLine(row) }
    let line = line(row)
    if line.pointee.length < column {
      (cells(of: line) + line.pointee.length).update(repeating: 0, count: column &- line.pointee.length)
      line.pointee.length = column
      line.pointee.hasBlanks = true
    }
    return line
  }

  /// IND and LF: down a line; at the bottom of the window (or of its scrolling region) the first line leaves.
  @inline(__always)
  mutating func index() {
    if row == bottomMargin {
      scrollUp(1, from: topMargin, to: bottomMargin)
    } else if row < rows &- 1 {
      row &+= 1
      reachLine(row)
    } else {
      return
    }
    line(row).pointee.isReached = true
  }

  @inline(__always)
  mutating func lineFeed() {
    index()
    if isNewLine { column = 0 }
  }

  /// The first lines of a region go and blank ones come at its end. From the top of the window they become final; from a region further
  /// down they are lost, as on a screen.
  @inline(__always)
  mutating func scrollUp(_ amount: Int, from top: Int, to bottom: Int) {
    if amount == 1 && top == 0 && bottom == rows &- 1 {
      reachLine(bottom)
      emit(line(0), endsLine: true)
      clear(line(0))
      head = head &+ 1 == rows ? 0 : head &+ 1
    } else {
      if top == 0 {
        reachLine(bottom)
        for index in 0..<min(amount, bottom + 1) { emit(line(index), endsLine: true) }
      }
      removeLines(amount, at: top, through: bottom)
    }
  }

  /// Lines of a region are taken out; those below move up, and blank ones come at its end.
  mutating func removeLines(_ amount: Int, at top: Int, through bottom: Int) {
    reachLine(bottom)
    let amount = min(amount, bottom - top + 1)
    let old = (top...bottom).map { line($0).pointee }
    for index in old.indices {
      let from = index + amount
      line(top + index).pointee = from < old.count ? old[from] : Line(slot: old[from - old.count].slot)
    }
  }

  /// Blank lines come at the beginning of a region; the last ones of it are lost.
  mutating func insertLines(_ amount: Int, at top: Int, through bottom: Int) {
    reachLine(bottom)
    let amount = min(amount, bottom - top + 1)
    let old = (top...bottom).map { line($0).pointee }
    for index in old.indices {
      let from = index - amount
      line(top + index).pointee = from >= 0 ? old[from] : Line(slot: old[from + old.count].slot)
    }
  }

  /// Makes the lines down to that one.
  @inline(__always)
  private mutating func reachLine(_ last: Int) {
    while count <= last {
      clear(line(count))
      count &+= 1
    }
  }

  /// The cursor's line is as long as a line can be. What stands so far becomes final, and the line goes on at column 0; above others
  /// that is not possible, and the last column is written again, as on a screen that does not wrap.
  mutating func overflow() {
    guard row == count - 1 else {
      column = OutputText.longestLine - 1
      return
    }
    finalizeWindow()
    column = 0
  }

  /// Everything in the window becomes final, up to and without the end of the last line.
  mutating func finalizeWindow() {
    guard count > 0 else { return }
    for index in 0..<count { emit(line(index), endsLine: index < count - 1) }
    head = 0
    count = 1
    clear(line(0))
    row = 0
  }

  /// The terminal has another size. Lines that are now above the window become final.
  package mutating func resize(rows newRows: Int, columns newColumns: Int) {
    columns = min(max(newColumns, 1), OutputText.longestLine)
    let newRows = min(max(newRows, 1), OutputText.mostRows)
    guard newRows != rows else { return }
    // Rows without lines lie below; those with lines go at the top.
    let leaving = max(0, max(count, row + 1) - newRows)
    for index in 0..<min(leaving, count) { emit(line(index), endsLine: true) }
    let kept = max(0, count - leaving)
    let newCells = UnsafeMutablePointer<UInt32>.allocate(capacity: newRows * OutputText.longestLine)
    let newRing = UnsafeMutablePointer<Line>.allocate(capacity: newRows)
    for index in 0..<newRows {
      var copy = Line(slot: index)
      if index < kept {
        let old = line(count - kept + index)
        copy.length = old.pointee.length
        copy.isASCII = old.pointee.isASCII
        copy.hasBlanks = old.pointee.hasBlanks
        copy.isReached = old.pointee.isReached
        (newCells + index * OutputText.longestLine).update(from: cells(of: old), count: copy.length)
      }
      (newRing + index).initialize(to: copy)
    }
    cells.deallocate()
    ring.deallocate()
    cells = newCells
    ring = newRing
    head = 0
    count = kept
    row = max(0, row - leaving)
    saved.row = min(max(0, saved.row - leaving), newRows - 1)
    rows = newRows
    topMargin = 0
    bottomMargin = newRows - 1
  }

  /// The screen is blank: what was in the window is gone, and the line of the cursor is its first.
  mutating func clearWindow() {
    head = 0
    count = 0
    row = 0
    clusters = []
  }

  // MARK: printing

  /// Prints a run of 0x20…0x7E.
  @inline(__always)
  mutating func printASCII(_ text: UnsafePointer<UInt8>, _ length: Int) {
    guard !isMuted && !isAlternateScreen else { return }
    if isInserting || (isShiftedOut ? drawsLines.g1 : drawsLines.g0) {
      for index in 0..<length { put(drawn(text[index])) }
      return
    }
    lastScalar = UInt32(text[length &- 1])
    var bytes = text
    var left = length
    while left > 0 {
      if column >= OutputText.longestLine { overflow() }
      let line = reachColumn()
      let cells = cells(of: line)
      let amount = min(left, OutputText.longestLine &- column)
      if !line.pointee.isASCII && column < line.pointee.length { breakEdges(line, column, column &+ amount) }
      let target = cells + column
      var index = 0
      while index &+ 8 <= amount {
        let eight = UnsafeRawPointer(bytes + index).loadUnaligned(as: SIMD8<UInt8>.self)
        UnsafeMutableRawPointer(target + index).storeBytes(
          of: SIMD8<UInt32>(truncatingIfNeeded: eight), as: SIMD8<UInt32>.self)
        index &+= 8
      }
      while index < amount {
        target[index] = UInt32(bytes[index])
        index &+= 1
      }
      column &+= amount
      if column > line.pointee.length { line.pointee.length = column }
      bytes += amount
      left &-= amount
    }
  }

  /// Cells `first..<end` are about to be written. A wide character or a TAB that is cut by them leaves blanks.
  func breakEdges(_ line: UnsafeMutablePointer<Line>, _ first: Int, _ end: Int) {
    let cells = cells(of: line)
    let length = line.pointee.length
    if first < length, cells[first] & (Cell.tail | Cell.tabTail) != 0 {
      var index = first
      while index > 0, cells[index] & (Cell.tail | Cell.tabTail) != 0 { index -= 1 }
      (cells + index).update(repeating: 0, count: first - index)
      line.pointee.hasBlanks = true
    }
    var index = end
    while index < length, cells[index] & (Cell.tail | Cell.tabTail) != 0 {
      cells[index] = 0
      line.pointee.hasBlanks = true
      index += 1
    }
  }

  /// TAB: to the next multiple of 8. Where nothing stands yet the TAB itself becomes part of the text.
  mutating func tab() {
    if column >= OutputText.longestLine { overflow() }
    let stop = min((column / OutputText.tabWidth + 1) * OutputText.tabWidth, OutputText.longestLine)
    defer { column = stop }
    if row < count, column < line(row).pointee.length {
      let line = line(row)
      let cells = cells(of: line)
      var index = column
      while index < min(stop, line.pointee.length) {
        if cells[index] != 0 { return }
        index += 1
      }
    }
    let line = reachColumn()
    let cells = cells(of: line)
    cells[column] = Cell.tab
    for index in (column + 1)..<max(stop, column + 1) { cells[index] = Cell.tabTail }
    line.pointee.length = max(line.pointee.length, stop)
    line.pointee.isASCII = false
  }

  /// Prints one scalar that is no control, with everything that may concern it.
  mutating func put(_ scalar: UInt32) {
    guard !isMuted && !isAlternateScreen else { return }
    let width = WidthTable.width(of: scalar)
    if width == 0 {
      combine(scalar)
      return
    }
    if column + width > OutputText.longestLine {
      overflow()
      // Above other lines there is no room for both halves.
      if column + width > OutputText.longestLine { column -= 1 }
    }
    let line = reachColumn()
    if isInserting { insertBlanks(width, in: line) }
    if column < line.pointee.length { breakEdges(line, column, column + width) }
    let cells = cells(of: line)
    if width == 2 {
      cells[column] = scalar | Cell.wide
      cells[column + 1] = Cell.tail
    } else {
      cells[column] = scalar
    }
    if scalar >= 0x80 { line.pointee.isASCII = false }
    lastScalar = scalar
    column += width
    if column > line.pointee.length { line.pointee.length = column }
  }

  /// What a byte of text shows: line drawing (VT100's special graphics) where that was chosen.
  func drawn(_ byte: UInt8) -> UInt32 {
    guard isShiftedOut ? drawsLines.g1 : drawsLines.g0, byte >= 0x60 else { return UInt32(byte) }
    return OutputText.lineDrawing[Int(byte - 0x60)]
  }

  /// 0x60…0x7E of DEC's special graphics set (VT220 manual, table 2-4).
  private static let lineDrawing: [UInt32] = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·".unicodeScalars.map(\.value)

  // MARK: handing over

  /// Hands what is final to ``output``.
  mutating func flush() {
    guard staged > 0 else { return }
    output.append(UnsafeRawBufferPointer(start: staging, count: staged), lines: stagedLines)
    staged = 0
    stagedLines = 0
  }

  /// Makes ``output`` tell everything printed so far: what is final, and what may still change behind it.
  package mutating func settle() {
    flush()
    output.setProvisional(windowText())
  }

  /// The text is at its end: what stands in the window is final too.
  package mutating func finish() {
    if state == .utf8 { put(0xFFFD) }
    state = .ground
    trimWindow()
    finalizeWindow()
    clearWindow()
    flush()
    output.finish()
  }

  /// Blank lines below the cursor, erased or never printed, are no text; but the last line of text keeps its end.
  private mutating func trimWindow() {
    var last = count - 1
    while last > row, shownLength(line(last)) == 0 { last -= 1 }
    guard last >= 0, last + 1 < count else { return }
    count = last + (line(last + 1).pointee.isReached && shownLength(line(last)) > 0 ? 2 : 1)
  }

  private mutating func windowText() -> [UInt8] {
    trimWindow()
    var text: [UInt8] = []
    for index in 0..<count {
      append(line(index), to: &text)
      if index < count - 1 { text.append(0x0A) }
    }
    return text
  }

  /// Columns of a line without blanks at its end that were never printed.
  @inline(__always)
  func shownLength(_ line: UnsafeMutablePointer<Line>) -> Int {
    var length = line.pointee.length
    guard line.pointee.hasBlanks else { return length }
    let cells = cells(of: line)
    while length > 0 && cells[length &- 1] == 0 { length &-= 1 }
    return length
  }

  /// Adds a line to the final text.
  @inline(__always)
  mutating func emit(_ line: UnsafeMutablePointer<Line>, endsLine: Bool) {
    if staged &+ OutputText.longestLine &+ 1 > OutputText.stagingBytes { flush() }
    if line.pointee.isASCII && !line.pointee.hasBlanks {
      let length = line.pointee.length
      let cells = UnsafeRawPointer(cells(of: line))
      let target = staging + staged
      var index = 0
      // Two characters of a word go to its lowest bytes.
      while index &+ 8 <= length {
        var eight: UInt64 = 0
        for pair in 0..<4 {
          let two = cells.loadUnaligned(fromByteOffset: (index &+ pair &* 2) &* 4, as: UInt64.self)
          eight |= ((two | two &>> 24) & 0xFFFF) &<< (UInt64(pair) &* 16)
        }
        UnsafeMutableRawPointer(target + index).storeBytes(of: eight, as: UInt64.self)
        index &+= 8
      }
      while index < length {
        target[index] = UInt8(truncatingIfNeeded: cells.load(fromByteOffset: index &* 4, as: UInt32.self))
        index &+= 1
      }
      staged &+= length
    } else {
      emitRare(line)
    }
    if endsLine {
      staging[staged] = 0x0A
      staged &+= 1
      stagedLines &+= 1
    }
  }

  /// The same for a line with something else than ASCII, without its end.
  @inline(never)
  private mutating func emitRare(_ line: UnsafeMutablePointer<Line>) {
    let length = shownLength(line)
    let cells = cells(of: line)
    var target = staging + staged
    // Four bytes for a scalar, and one for the line's end.
    let limit = staging + OutputText.stagingBytes - 5
    for index in 0..<length {
      let cell = cells[index]
      if cell & (Cell.tail | Cell.tabTail) != 0 { continue }
      if target > limit {
        staged = target - staging
        flush()
        target = staging
      }
      guard cell & Cell.cluster != 0 else {
        OutputText.write(cell == 0 ? 0x20 : cell & Cell.token, to: &target)
        continue
      }
      for scalar in clusters[Int(cell & Cell.token)] {
        OutputText.write(scalar, to: &target)
        if target > limit {
          staged = target - staging
          flush()
          target = staging
        }
      }
    }
    staged = target - staging
    if staged == OutputText.stagingBytes { flush() }
  }

  private func append(_ line: UnsafeMutablePointer<Line>, to text: inout [UInt8]) {
    let cells = cells(of: line)
    func append(_ scalar: UInt32) {
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { buffer in
        var end = buffer.baseAddress!
        OutputText.write(scalar, to: &end)
        text.append(contentsOf: UnsafeBufferPointer(start: buffer.baseAddress, count: end - buffer.baseAddress!))
      }
    }
    for index in 0..<shownLength(line) {
      let cell = cells[index]
      if cell & (Cell.tail | Cell.tabTail) != 0 { continue }
      if cell & Cell.cluster != 0 {
        for scalar in clusters[Int(cell & Cell.token)] { append(scalar) }
      } else {
        append(cell == 0 ? 0x20 : cell & Cell.token)
      }
    }
  }

  /// Writes a scalar as UTF-8; there must be room for four bytes.
  @inline(__always)
  private static func write(_ scalar: UInt32, to target: inout UnsafeMutablePointer<UInt8>) {
    if scalar < 0x80 {
      target[0] = UInt8(truncatingIfNeeded: scalar)
      target += 1
    } else if scalar < 0x800 {
      target[0] = UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6)
      target[1] = UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F)
      target += 2
    } else if scalar < 0x10000 {
      target[0] = UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12)
      target[1] = UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F)
      target[2] = UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F)
      target += 3
    } else {
      target[0] = UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18)
      target[1] = UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F)
      target[2] = UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F)
      target[3] = UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F)
      target += 4
    }
  }
}

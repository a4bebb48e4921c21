/// Paints a terminal's screen for a viewer of another size: the part of it that fits, or all of it within a border.
///
/// It holds what the viewer has been shown and gives the bytes that turn it into what is to be seen now: only the differences, placed by
/// absolute positions. Nothing is erased but to the end of a row, and nothing is scrolled, so rows of the viewer's terminal below its
/// size are never touched. After each piece the viewer's pen is the default one and the cursor where it belongs.
///
/// To tell which rows have changed it relies on ``Terminal/stamp`` being greater for every `feed` and `resize` after a look.
package final class WindowPainter {
  /// Rows and columns of the viewer's terminal that are painted.
  package private(set) var size: TerminalSize
  /// Whether each piece is a synchronized update (DEC mode 2026).
  package var synchronizes: Bool
  /// What the last piece showed.
  package private(set) var window = ScreenWindow(row: 0, column: 0, rows: 0, columns: 0)
  /// Whether the viewer's terminal is on its alternate screen, which it is when the session is.
  package var isAlternateScreen: Bool { modes.isAlternateScreen }

  /// The cells of the window as they are shown, with this painter's own numbers of styles, links and clusters: a terminal gives the
  /// numbers of what has gone from its screen to something else.
  private var shown: [Cell] = []
  private var line: [Cell] = []
  /// Whether anything of what the viewer's terminal shows is known.
  private var isKnown = false
  /// Whether its modes are: they are after a first piece, which sets all of them.
  private var areModesKnown = false
  private var modes = PaintedModes()
  private var colors = PaintedColors()
  private var title = ""
  private var iconName = ""
  private var cursor: (row: Int, column: Int)?
  private var stamp: UInt64 = 0

  private var styles = StyleTable()
  private var clusters: [PaintedCluster: Cell] = [:]
  private var clusterTexts: [PaintedCluster] = []
  private var links: [LinkTarget: Cell] = [:]
  private var linkTargets: [LinkTarget] = []

  /// Table entries beyond those for every cell of the window, before everything is forgotten and painted anew.
  private static let spareEntries = 4096
  /// More changed rows than this are painted with the cursor hidden, so that it is not seen to wander.
  private static let rowsWithCursor = 2

  package init(size: TerminalSize, synchronizes: Bool = false) {
    self.size = size
    self.synchronizes = synchronizes
  }

  /// The viewer's terminal has lost what it showed, or was something else's meanwhile: the next piece sets and paints everything.
  package func forget() {
    isKnown = false
    areModesKnown = false
  }

  /// The viewer's terminal has another size: what it shows of what was painted is its own affair.
  package func resize(_ size: TerminalSize) {
    self.size = size
    isKnown = false
  }

  /// The bytes that make the viewer see the terminal as it is now; none when it does.
  package func paint(_ terminal: borrowing Terminal) -> [UInt8] {
    var head = PaintStream()
    let next = window.following(terminal.cursor, on: terminal.size, viewer: size)
    let wanted = PaintedModes(terminal, offset: next)
    if !areModesKnown {
      head.add(PaintedModes.reset)
      modes = PaintedModes()
      // Which screen the viewer's terminal is on is not known: it is told in any case.
      modes.isAlternateScreen = !wanted.isAlternateScreen
      colors = PaintedColors()
      (title, iconName) = ("", "")
      areModesKnown = true
    }
    if wanted.isAlternateScreen != modes.isAlternateScreen { isKnown = false }
    forgetIfFull(cells: next.rows * next.columns)
    if next.rows != window.rows || next.columns != window.columns { isKnown = false }
    let isWhole = !isKnown
    let hasMoved = next != window
    window = next
    if isWhole { shown = [Cell](repeating: 0, count: next.rows * next.columns) }
    wanted.write(to: &head, from: modes)
    paintTitles(terminal, &head)
    colors.write(terminal, to: &head)

    var body = PaintStream()
    var rows = 0
    var renumbered = Renumbered()
    for row in 0..<next.rows where isWhole || hasMoved || terminal.rowStamp(next.row + row) > stamp {
      // What is painted without its style is held without it too: a number for each of a million cells costs more than all the rest.
      read(terminal, row: next.row + row, isStyled: body.bytes.count <= PictureBudget.styled, &renumbered)
      let before = body.bytes.count
      paintRow(row, isWhole: isWhole, &body)
      if body.bytes.count > before { rows += 1 }
    }
    if isWhole, next.rows < size.rows { paintBelow(&body) }
    body.set(0, self)
    body.set(joinsClusters: false)
    isKnown = true
    stamp = terminal.stamp

    let isInside = next.contains(row: terminal.cursor.row, column: terminal.cursor.column)
    let isVisible = terminal.cursor.isVisible && isInside
    let place =
      isInside
      ? (row: terminal.cursor.row - next.row, column: terminal.cursor.column - next.column) : (row: 0, column: 0)
    let showsCursor = modes.showsCursor
    modes = wanted
    modes.showsCursor = isVisible
    let hides = showsCursor && (!isVisible || rows > WindowPainter.rowsWithCursor)
    let isMoved = cursor.map { $0 != place } ?? true
    guard !head.bytes.isEmpty || !body.bytes.isEmpty || isMoved || showsCursor != isVisible else { return [] }
    cursor = place

    var out = PaintStream()
    out.bytes.reserveCapacity(head.bytes.count + body.bytes.count + 48)
    if synchronizes { out.add("\u{1B}[?2026h") }
    // Before the modes it would be undone: setting all of them shows the cursor.
    out.bytes += head.bytes
    if hides { out.add("\u{1B}[?25l") }
    out.bytes += body.bytes
    out.move(row: place.row, column: place.column)
    if isVisible, hides || !showsCursor { out.add("\u{1B}[?25h") }
    if synchronizes { out.add("\u{1B}[?2026l") }
    return out.bytes
  }

  private func paintTitles(_ terminal: borrowing Terminal, _ out: inout PaintStream) {
    if terminal.iconName != iconName {
      iconName = terminal.iconName
      out.add("\u{1B}]1;\(iconName)\u{1B}\\")
    }
    if terminal.title != title {
      title = terminal.title
      out.add("\u{1B}]2;\(title)\u{1B}\\")
    }
  }

  // MARK: Rows

  /// Paints what differs between `line` and what is shown in a row of the window.
  private func paintRow(_ row: Int, isWhole: Bool, _ out: inout PaintStream) {
    let base = row * window.columns
    let reachesEdge = window.columns == size.columns
    var end = window.columns
    while end > 0, line[end - 1] == WindowPainter.blank { end -= 1 }
    var column = 0
    while column < window.columns {
      let cell = line[column]
      if !isWhole, shown[base + column] == cell, !bridges(row, column, out) {
        column += 1
        continue
      }
      if reachesEdge, column >= end {
        out.set(0, self)
        out.place(row: row, column: column)
        out.add("\u{1B}[K")
        break
      }
      // The second half of a character changes with the first, and is painted with it.
      if !cell.isTail { put(cell, row: row, column: column, &out) }
      column += 1
    }
    shown.withUnsafeMutableBufferPointer { shown in
      for column in 0..<window.columns { shown[base + column] = line[column] }
    }
    if isWhole, !reachesEdge {
      out.set(0, self)
      out.place(row: row, column: window.columns)
      out.add(WindowPainter.borderPen + "│")
      out.fill("·", size.columns - window.columns - 1)
      out.add("\u{1B}[m")
    }
  }

  /// Whether it costs less to write a cell once more, which is shown already, than to go to the next that differs.
  private func bridges(_ row: Int, _ column: Int, _ out: PaintStream) -> Bool {
    guard out.isAt(row: row, column: column) else { return false }
    let base = row * window.columns
    return (column..<min(column + WindowPainter.bridgedCells, window.columns)).contains {
      shown[base + $0] != line[$0] && line[$0] != WindowPainter.blank
    }
  }

  /// The bytes of a position (`CSI 10 ; 20 H`).
  private static let bridgedCells = 8

  /// The border below a screen that is not as high as the viewer's, and what is outside.
  private func paintBelow(_ out: inout PaintStream) {
    out.set(0, self)
    for row in window.rows..<size.rows {
      out.place(row: row, column: 0)
      out.add(WindowPainter.borderPen)
      if row == window.rows {
        out.fill("─", window.columns)
        if window.columns < size.columns { out.add("┘") }
        out.fill("·", size.columns - window.columns - 1)
      } else {
        out.fill("·", size.columns)
      }
      out.add("\u{1B}[m")
    }
  }

  private static let borderPen = "\u{1B}[2m"
  private static let blank: Cell = 0x20

  private func put(_ cell: Cell, row: Int, column: Int, _ out: inout PaintStream) {
    let isUnstyled = out.bytes.count > PictureBudget.styled
    out.set(isUnstyled ? 0 : cell & CellBits.rendition, self)
    let width = cell.isWide ? 2 : 1
    let number = Int(cell & CellBits.scalar)
    if out.bytes.count > PictureBudget.text, cell.isCluster || number >= 0x80 {
      out.place(row: row, column: column)
      out.add(cell.isWide ? "??" : "?")
      return out.advance(width, within: size.columns)
    }
    if isUnstyled, cell.isCluster {
      let text = clusterTexts[number].text
      out.isolate()
      out.place(row: row, column: column)
      out.bytes += text.prefix(UTF8Text.length(leading: text.first ?? 0x3F))
      return out.isolate()
    }
    if cell.isCluster {
      let cluster = clusterTexts[number]
      // One that grew wide and narrow again would wrap, were it written in the last column.
      let mayWrap = column + width == size.columns
      out.isolate()
      out.set(joinsClusters: cluster.isJoined)
      out.place(row: row, column: column)
      if mayWrap { out.add("\u{1B}[?7l") }
      out.bytes += cluster.text
      if mayWrap { out.add("\u{1B}[?7h") }
      out.isolate()
      return
    }
    out.set(joinsClusters: cell.isWide && cell.isHalfFlag)
    let scalar = UInt32(truncatingIfNeeded: number)
    // What may join its neighbour, or be as wide as each terminal likes, is placed by itself.
    let isPlain = scalar < 0x80 || WidthTable.properties(of: scalar) & ~WidthTable.widthMask == 0
    if !isPlain { out.isolate() }
    out.place(row: row, column: column)
    UTF8Text.forEachByte(of: scalar) { out.bytes.append($0) }
    if isPlain { out.advance(width, within: size.columns) } else { out.isolate() }
  }

  fileprivate func writeRendition(_ rendition: Cell, from old: Cell, to out: inout [UInt8]) {
    if rendition.styleID != old.styleID {
      out.append(0x1B, 0x5B)
      let style = styles[rendition.styleID]
      if !style.isDefault { Terminal.appendRendition(style, to: &out) }
      out.append(0x6D)
    }
    if rendition.linkID != old.linkID {
      let target = rendition.linkID == 0 ? nil : linkTargets[rendition.linkID - 1]
      out.append(contentsOf: "\u{1B}]8;".utf8)
      if let target {
        if !target.id.isEmpty { out.append(contentsOf: "id=\(target.id)".utf8) }
        out.append(contentsOf: ";\(target.uri)".utf8)
      } else {
        out.append(0x3B)
      }
      out.append(0x1B, 0x5C)
    }
  }

  // MARK: Cells

  /// The numbers that were looked up last, since neighbours are mostly drawn alike.
  private struct Renumbered {
    var rendition: Cell = 0
    var own: Cell = 0
  }

  /// Takes a row of the terminal into `line`, cut to the window. Of a wide character that the window's edge cuts a blank is left.
  private func read(_ terminal: borrowing Terminal, row: Int, isStyled: Bool, _ renumbered: inout Renumbered) {
    let source = terminal.grid.rows[row]
    let columns = window.columns
    if line.count != columns { line = [Cell](repeating: 0, count: columns) }
    var column = 0
    while column < columns {
      let index = window.column + column
      let cell = index < Int(source.length) ? source.cells[index] : 0
      let rendition = isStyled ? own(cell & CellBits.rendition, terminal, &renumbered) : 0
      column += 1
      if cell.isWide, column < columns, source.cells[index + 1].isTail {
        line[column - 1] = token(cell, terminal) | CellBits.wide | rendition
        line[column] = CellBits.tail | rendition
        column += 1
      } else if cell.isWide || cell.isTail || cell.isLeadSpacer || cell.token == 0 {
        line[column - 1] = WindowPainter.blank | rendition
      } else {
        line[column - 1] = token(cell, terminal) | rendition
      }
    }
  }

  private func token(_ cell: Cell, _ terminal: borrowing Terminal) -> Cell {
    guard cell.isCluster else { return cell & CellBits.scalar }
    let cluster = PaintedCluster(
      text: Array(terminal.clusters.text(Int(cell & CellBits.scalar))), isJoined: terminal.isJoined(cell))
    if let number = clusters[cluster] { return CellBits.cluster | number }
    let number = Cell(clusterTexts.count)
    clusterTexts.append(cluster)
    clusters[cluster] = number
    return CellBits.cluster | number
  }

  private func own(_ rendition: Cell, _ terminal: borrowing Terminal, _ renumbered: inout Renumbered) -> Cell {
    if rendition == renumbered.rendition { return renumbered.own }
    var own = Cell(styles.internWithoutSweep(terminal.styles[rendition.styleID])) << CellBits.styleShift
    if let target = terminal.links[rendition.linkID] { own |= number(of: target) << CellBits.linkShift }
    renumbered = Renumbered(rendition: rendition, own: own)
    return own
  }

  /// From 1; 0, which is no link, when there are as many as cells can tell apart.
  private func number(of target: LinkTarget) -> Cell {
    if let number = links[target] { return number }
    guard linkTargets.count < LinkTable.countLimit - 1 else { return 0 }
    linkTargets.append(target)
    let number = Cell(linkTargets.count)
    links[target] = number
    return number
  }

  /// Keeps the tables bounded: with everything painted anew they hold what is on the screen.
  private func forgetIfFull(cells: Int) {
    let limit = min(2 * cells + WindowPainter.spareEntries, StyleTable.limit - cells)
    guard max(styles.count, clusterTexts.count, linkTargets.count) > limit else { return }
    styles.reset()
    (clusters, clusterTexts) = ([:], [])
    (links, linkTargets) = ([:], [])
    isKnown = false
  }

  /// What it is to be counted as that holds the picture of a window: eight bytes a cell, and as much for the styles, links and clusters of
  /// cells that differ.
  package static func bytesHeld(viewer: TerminalSize, of screen: TerminalSize) -> Int {
    min(viewer.rows, screen.rows) * min(viewer.columns, screen.columns) * 16
  }

  /// Bytes this painter owns, about.
  package var bytesHeld: Int { shown.capacity * 8 + line.capacity * 8 + styles.bytesHeld + clusterTexts.count * 128 }
}

/// Several scalars in one cell.
private struct PaintedCluster: Hashable {
  var text: [UInt8]
  /// Whether it is one only where clusters are joined (mode 2027), or as wide as it is.
  var isJoined: Bool
}

/// Bytes for a viewer, and where its cursor and pen are after them.
struct PaintStream {
  var bytes: [UInt8] = []
  /// Where the next character goes, if that is sure.
  private var position: (row: Int, column: Int)?
  private var rendition: Cell = 0
  /// Mode 2027, which is set for single characters alone: how text is placed is the painter's affair.
  private var joinsClusters = false

  mutating func add(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  mutating func move(row: Int, column: Int) {
    bytes.append(0x1B, 0x5B)
    bytes.append(decimal: row + 1)
    bytes.append(0x3B)
    bytes.append(decimal: column + 1)
    bytes.append(0x48)
  }

  func isAt(row: Int, column: Int) -> Bool { position.map { $0 == (row, column) } ?? false }

  mutating func place(row: Int, column: Int) {
    if isAt(row: row, column: column) { return }
    move(row: row, column: column)
    position = (row, column)
  }

  /// A character of so many columns was written. Behind the last column nothing is sure.
  mutating func advance(_ width: Int, within columns: Int) {
    guard let place = position, place.column + width < columns else { return isolate() }
    position = (place.row, place.column + width)
  }

  /// What is written next is placed anew, whatever it is.
  mutating func isolate() { position = nil }

  mutating func fill(_ text: String, _ count: Int) {
    for _ in 0..<max(count, 0) { add(text) }
    isolate()
  }

  mutating func set(joinsClusters wanted: Bool) {
    if wanted == joinsClusters { return }
    add("\u{1B}[?2027\(wanted ? "h" : "l")")
    joinsClusters = wanted
  }

  mutating func set(_ wanted: Cell, _ painter: WindowPainter) {
    if wanted == rendition { return }
    painter.writeRendition(wanted, from: rendition, to: &bytes)
    rendition = wanted
  }
}

/// A terminal: bytes in, a screen out.
///
/// It understands what xterm understands of ECMA-48 and of DEC's VT220 to VT525, and the newer inventions of kitty, iTerm2,
/// ConEmu, FinalTerm and VS Code that programs use. It does no I/O and knows no clock: `feed` takes what a program printed,
/// `takeReplies` gives what to write back to it, `takeEvents` what it announced.
///
/// A terminal is a value without copies, over memory of its own; one actor or loop owns it. No input makes it trap, and everything
/// it keeps is bounded.
package struct Terminal: ~Copyable {
  // The screens.
  var grid: Grid
  /// The screen that is not shown: the main one while the alternate is, or what mode 47 left of the alternate one.
  var dormant: Grid?
  var rows: Int
  var columns: Int
  package internal(set) var isAlternateScreen = false

  // The cursor. With a wrap pending it stands on the last column, and the next character goes to the next line.
  var row = 0
  var column = 0
  var pendingWrap = false
  /// DECSCUSR's parameter, 0…6.
  var cursorStyle = 0
  /// Where the main screen's cursor was when the alternate screen was entered.
  var mainCursor = LinePosition(line: 0, column: 0)
  var mainPendingWrap = false

  // Margins, all inclusive.
  var topMargin = 0
  var bottomMargin: Int
  var leftMargin = 0
  var rightMargin: Int

  // The pen, and the cells made of it. `penIsStale` says that the cells must be made anew.
  var pen = Style.default
  var penIsStale = false
  var penCell: Cell = 0
  var eraseCell: Cell = 0
  var penLink: Cell = 0
  var penIsProtected = false
  var protection = Protection.none
  /// XTPUSHSGR.
  var penStack: [Style] = []
  /// DECSACE's parameter: with 2 DECCARA and DECRARA take the rectangle, else the cells from the first to the last position.
  var attributeChangeExtent = 1
  /// DECSCL: the level of the VT100, VT200 … VT500 (1…5) whose functions are understood.
  var conformanceLevel = Terminal.highestLevel
  /// S8C1T: answers begin with the single characters of C1 instead of ESC and a letter.
  var repliesInEightBits = false
  /// XTSMTITLE: how titles are set and reported.
  var titleModes = TitleModes()

  var modeSet = ModeSet.initial
  var savedModes = ModeSet.initial
  var charsets = Charsets()
  var savedCursor = SavedCursor()
  var dormantSavedCursor = SavedCursor()
  var keyboard = KeyboardFlags()
  var dormantKeyboard = KeyboardFlags()
  var modifyOtherKeys: UInt8 = 0
  var tabStops: UnsafeMutablePointer<Bool>

  // What cells refer to.
  var styles = StyleTable()
  var clusters = ClusterTable()
  var links = LinkTable()
  var history: History

  // The parser.
  var state = ParserState.ground
  var parameters: UnsafeMutablePointer<Int32>
  var parameterCount = 0
  /// The parameter that is being read.
  var parameterValue: Int32 = 0
  /// Bit i: parameter i was separated by a colon from the one before it.
  var subparameters: UInt32 = 0
  /// `<`, `=`, `>` or `?`, or 0.
  var privateMarker: UInt8 = 0
  /// The last intermediate byte, or 0; `intermediateCount` tells whether there were more.
  var intermediate: UInt8 = 0
  var intermediateCount: UInt8 = 0
  /// The first of the intermediate bytes of an escape sequence.
  var designated: UInt8 = 0
  var pendingScalar: UInt32 = 0
  var pendingLength: UInt8 = 0
  var pendingLow: UInt8 = 0x80
  var pendingHigh: UInt8 = 0xBF
  var string: [UInt8] = []
  var stringLimit = 0
  var stringOverflowed = false
  /// The last byte of the string so far, to find U+009C when it was cut in two.
  var stringLast: UInt8 = 0
  var controlStringFinal: UInt8 = 0
  var suspendsAtSizeRequest = false
  /// What a `feed` that is bounded may still do; see `spend`.
  var workLeft = Int.max
  /// The `feed` before stopped because a size was asked for.
  package internal(set) var hasStoppedForSize = false
  /// Of a REP or SU that has to wait: how often it is still to be done; of a REP also which character it is, and what the next one may join.
  var repetitionsLeft = 0
  var repeatedScalar: UInt32 = 0
  var repetitionJoins: UInt32 = 0
  /// The last character printed, for REP and for joining emoji; 0 after anything else.
  var lastScalar: UInt32 = 0
  /// What the last character begins, where clusters are joined (mode 2027); it counts only while `lastScalar` is not 0.
  var clusterState = ClusterState.none

  // What is published.
  /// The caller's counter: every row touched from now on is stamped with it. Set it before each `feed`.
  package var stamp: UInt64 = 0
  var rowStamps: UnsafeMutablePointer<UInt64>
  /// The rows that were last stamped together, so that scrolling the same region again costs nothing.
  var stampedTop = 0
  var stampedBottom = -1
  var stampedWith: UInt64 = 0
  var cursorStamp: UInt64 = 0
  var shownCursor: Cursor
  package internal(set) var title = ""
  package internal(set) var iconName = ""
  /// The URI of OSC 7 as it was sent.
  package internal(set) var workingDirectory = ""
  /// OSC 9;4, nil when nothing is in progress.
  package internal(set) var progress: Progress?
  var titleStack: [SavedTitle] = []
  var colors = ColorTable()
  var defaultColors = DefaultColors()
  var pendingNotification: PendingNotification?
  var replies: [UInt8] = []
  var events = EventQueue()

  package let options: TerminalOptions
  /// Reads a page that `sealHistory` packed: called with the packed bytes and the unpacked size. Set it before sealing.
  package var decompress: ((_ packed: UnsafeRawBufferPointer, _ unpackedSize: Int) -> [UInt8]?)?

  package init(size: TerminalSize, options: TerminalOptions = TerminalOptions()) {
    self.options = options
    rows = size.rows
    columns = size.columns
    grid = Grid(size)
    bottomMargin = size.rows - 1
    rightMargin = size.columns - 1
    tabStops = .allocate(capacity: size.columns)
    tabStops.initialize(repeating: false, count: size.columns)
    rowStamps = .allocate(capacity: size.rows)
    rowStamps.initialize(repeating: 0, count: size.rows)
    parameters = .allocate(capacity: Self.parameterLimit + 1)
    parameters.initialize(repeating: 0, count: Self.parameterLimit + 1)
    history = History(byteLimit: options.historyBytes, lineLimit: options.historyLines)
    shownCursor = Cursor(row: 0, column: 0, isVisible: true, shape: .block, blinks: false)
    resetTabStops(from: 0)
  }

  deinit {
    tabStops.deallocate()
    rowStamps.deallocate()
    parameters.deallocate()
  }

  package var size: TerminalSize { TerminalSize(rows: rows, columns: columns) }

  /// The cursor as it is shown on the active screen.
  package var cursor: Cursor {
    Cursor(
      row: row, column: column, isVisible: modeSet.contains(.cursorVisible),
      shape: cursorStyle <= 2 ? .block : cursorStyle <= 4 ? .underline : .bar,
      blinks: cursorStyle == 0 ? modeSet.contains(.cursorBlink) : cursorStyle & 1 == 1)
  }

  /// Whether the next character goes to the next line.
  package var isWrapPending: Bool { pendingWrap }

  /// Whether no sequence, string or character is cut in the middle: other bytes may be shown between two `feed`s only now.
  package var isAtRest: Bool { state == .ground }

  /// Whether mode 2026 holds drawing back until a frame is complete.
  package var isSynchronized: Bool { modeSet.contains(.synchronizedOutput) }

  package var hasReplies: Bool { !replies.isEmpty }

  /// The bytes to write to the program; the queue is empty afterwards.
  package mutating func takeReplies() -> [UInt8] {
    let taken = replies
    replies = []
    return taken
  }

  package var hasEvents: Bool { !events.isEmpty }

  /// What was announced since the last call, oldest first.
  package mutating func takeEvents() -> [TerminalEvent] { events.take() }

  /// Events lost because nobody took them in time.
  package var droppedEvents: Int { events.dropped }

  mutating func emit(_ event: TerminalEvent) { events.append(event) }

  /// Bytes this terminal owns: cells, tables, history, queues.
  package var bytesHeld: Int {
    var bytes = MemoryLayout<Terminal>.size + grid.bytesHeld
    switch dormant {
    case .some(let other): bytes += other.bytesHeld
    case .none: break
    }
    bytes += columns + rows * 8 + (Self.parameterLimit + 1) * 4
    bytes += styles.bytesHeld + clusters.bytesHeld + links.bytesHeld + history.bytesHeld
    bytes += string.capacity + replies.capacity + events.bytesHeld + colors.bytesHeld
    bytes += title.utf8.count + iconName.utf8.count + workingDirectory.utf8.count
    return bytes + titleStack.reduce(0) { $0 + $1.bytesHeld }
  }

  // MARK: stamps

  /// The stamp of the last change of what is shown at this row of the visible screen. Scrolling changes every row it moves.
  package func rowStamp(_ row: Int) -> UInt64 {
    row >= 0 && row < rows ? rowStamps[row] : 0
  }

  /// The stamp of the last change of anything that is seen: a row, the cursor, which screen it is, its size.
  package var screenStamp: UInt64 {
    var latest = cursorStamp
    for row in 0..<rows { latest = max(latest, rowStamps[row]) }
    return latest
  }

  @inline(__always) mutating func touch(_ row: Int) { rowStamps[row] = stamp }

  @inline(__always)
  mutating func touch(_ first: Int, through last: Int) {
    if stampedWith == stamp && stampedTop <= first && stampedBottom >= last { return }
    touchRange(first, last)
  }

  private mutating func touchRange(_ first: Int, _ last: Int) {
    guard first <= last else { return }
    for row in first...last { rowStamps[row] = stamp }
    stampedWith = stamp
    stampedTop = first
    stampedBottom = last
  }

  mutating func touchAll() {
    touch(0, through: rows - 1)
    cursorStamp = stamp
  }

  /// Stamps the cursor when it differs from what was last seen.
  mutating func noteCursor() {
    let now = cursor
    if now != shownCursor {
      shownCursor = now
      cursorStamp = stamp
    }
  }
}

/// OSC 9;4.
package struct Progress: Sendable, Equatable {
  /// 1 normal, 2 error, 3 indeterminate, 4 paused.
  package var state: Int
  /// 0…100.
  package var percent: Int

  package init(state: Int, percent: Int) {
    self.state = state
    self.percent = percent
  }
}

/// Which kind of protected characters (DECSCA or SPA) was used last: it decides which erasures spare them.
enum Protection {
  case none
  case dec
  case iso
}

/// What DECSC saves (VT510 manual, DECSC) and, as in xterm, the pending wrap.
struct SavedCursor {
  var row = 0
  var column = 0
  var pendingWrap = false
  var pen = Style.default
  var link: Cell = 0
  var isProtected = false
  var origin = false
  var charsets = Charsets()

  /// Whether it is what DECRC restores where nothing was saved.
  var isInitial: Bool {
    row == 0 && column == 0 && !pendingWrap && pen.isDefault && !isProtected && !origin && charsets.isInitial
  }
}

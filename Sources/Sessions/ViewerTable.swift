package import Causality
package import Formats
package import Sys
package import TerminalEngine

/// A client that streams a session, as `session.clients` lists it.
package struct ClientInfo: Sendable, Equatable {
  /// All that ``kind`` can be.
  package static let kinds = ["attach", "raw", "json"]

  /// One of ``kinds``.
  package var kind: String
  package var peer: String
  package var readOnly: Bool
  package let since: Timestamp
  /// The call that opened its connection.
  package let cause: Cause?

  package init(kind: String, peer: String, readOnly: Bool, cause: Cause? = nil) {
    self.kind = kind
    self.peer = peer
    self.readOnly = readOnly
    since = .now()
    self.cause = cause
  }
}

package struct ViewerID: Hashable, Sendable { let number: Int }

/// Somebody who is shown a session's raw output. Every call comes on the session's loop.
package protocol RawViewer: AnyObject, Sendable {
  /// Shows bytes, which are valid only in the call. Returns true when the socket took them all, so that more may follow at once; after
  /// false the session stays silent until ``Session/viewerIsReady(_:)``.
  func show(_ bytes: UnsafeRawBufferPointer) -> Bool
  /// The server is to hold so many bytes from now on to know what this viewer sees, where it is painted. After false it is not: there is too
  /// much of that already, and the viewer leaves.
  func mayHold(picture bytes: Int) -> Bool
  /// The session's program has ended; every byte it printed has been shown, or, to a slow viewer, a picture of the end.
  func sessionEnded(_ exit: ExitStatus?)
  /// The viewer is sent away.
  func detached(reason: String)
  func sessionResized(_ size: TerminalEngine.TerminalSize)
  /// What it is shown from now on is another part of the screen, or comes in another way. Told to viewers whose size is known.
  func windowChanged(_ window: ViewerWindow)
  /// Something about the session that is not on its screen.
  func told(_ news: ViewerNews)
}

/// What viewers are told beside the picture.
package enum ViewerNews: Sendable, Equatable {
  /// How many clients stream the session, the one that is told included.
  case clients(Int)
  case renamed(String)
  /// Somebody else has typed: who, and whether by an operation rather than at a terminal.
  case typed(by: String?, isCall: Bool)
}

/// A picture of the whole screen in terminal bytes, for those who join or have lost their place.
struct ViewerPicture: Sendable {
  /// Of what it is a picture.
  struct Key: Sendable, Equatable {
    var output: UInt64
    var generation: UInt64
    var size: TerminalEngine.TerminalSize
    /// With what the program has begun to say and not ended, a control sequence or a character, so that its rest can follow.
    var unfinished: Bool
  }

  var key: Key
  var bytes: [UInt8]
}

/// The viewers of a session: those that follow its raw output through the ring that they share, and those that are painted.
struct ViewerTable: ~Copyable {
  struct Entry {
    let viewer: any RawViewer
    let client: ClientInfo
    /// What the viewer is to see next.
    var offset: UInt64
    var isReady = true
    /// It lost its place, or has just come: it is shown a picture before it follows.
    var needsRepaint = true
    /// Its own terminal; `nil` for one that has not told, and is shown the raw output whatever the size.
    var screen: ViewerScreen?
    /// When it was last active, for ``SizePolicy``.
    var activity = 0
    /// Paints for one whose size is not the session's.
    var painter: WindowPainter?
    /// What its terminal is told beside the picture: a bell, a text for the clipboard.
    var remarks: [UInt8] = []
    /// What it was last told to hold.
    var pictureBytes = 0
    /// What it was last told of its window.
    var told: ViewerWindow?
    var mouse = MouseReports()
    /// History that it is still to be given before the first picture.
    var history: HistoryStream?
  }

  /// What may wait to be told to a painted viewer that does not read; more is dropped.
  static let remarkBytes = 256 << 10

  private(set) var entries: [ViewerID: Entry] = [:]
  private var ring: OutputRing?
  /// Raw bytes of output since the first viewer came.
  private(set) var end: UInt64 = 0
  private var activities = 0
  private(set) var hasPainted = false

  var isEmpty: Bool { entries.isEmpty }
  var count: Int { entries.count }
  var viewers: [any RawViewer] { entries.values.map(\.viewer) }
  var ids: [ViewerID] { Array(entries.keys) }
  /// All in their order, beginning with the first whose number is not less.
  func ids(from number: Int) -> [ViewerID] {
    if entries.count == 1 { return ids }
    let sorted = entries.keys.sorted { $0.number < $1.number }
    let start = sorted.firstIndex { $0.number >= number } ?? 0
    return Array(sorted[start...] + sorted[..<start])
  }
  /// Whether any follows the raw output.
  var hasRaw: Bool {
    switch ring {
    case .some: true
    case .none: false
    }
  }

  /// The viewers that count for the session's size.
  var claims: [SizePolicy.Claim] {
    entries.values.compactMap { entry in
      guard !entry.client.readOnly, let screen = entry.screen else { return nil }
      return SizePolicy.Claim(screen.size, activity: entry.activity)
    }
  }

  mutating func add(_ viewer: any RawViewer, _ client: ClientInfo, id: ViewerID, screen: ViewerScreen? = nil) {
    entries[id] = Entry(viewer: viewer, client: client, offset: end, screen: screen)
  }

  mutating func remove(_ id: ViewerID) {
    entries[id] = nil
    arrangeRing()
  }

  mutating func removeAll() {
    entries = [:]
    arrangeRing()
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    ring?.append(bytes)
    end += UInt64(bytes.count)
  }

  mutating func setReady(_ id: ViewerID) { entries[id]?.isReady = true }

  mutating func setHistory(_ id: ViewerID, _ history: HistoryStream?) { entries[id]?.history = history }

  /// Shows a viewer a piece of the history. Returns whether it may have the next at once.
  mutating func give(_ id: ViewerID, history piece: [UInt8]) -> Bool {
    guard let entry = entries[id] else { return false }
    let isReady = piece.withUnsafeBytes { entry.viewer.show($0) }
    entries[id]?.isReady = isReady
    return isReady
  }

  /// The viewer has lost what it was shown.
  mutating func setStale(_ id: ViewerID) {
    entries[id]?.needsRepaint = true
    entries[id]?.painter?.forget()
  }

  // MARK: Sizes

  mutating func setScreen(_ id: ViewerID, _ screen: ViewerScreen) { entries[id]?.screen = screen }

  /// The viewer has done something by which people take a session's size over.
  mutating func noteActivity(_ id: ViewerID) {
    activities += 1
    entries[id]?.activity = activities
  }

  /// Decides for every viewer how it is shown a session of that size: one of the same size follows the raw output, one that has told
  /// another size, or keeps rows for itself, is painted.
  mutating func fit(to size: TerminalEngine.TerminalSize) {
    for (id, var entry) in entries {
      guard let screen = entry.screen else { continue }
      if screen.size == size, screen.reservedRows == 0 {
        if entry.painter != nil {
          entry.painter = nil
          entry.pictureBytes = 0
          _ = entry.viewer.mayHold(picture: 0)
          entry.remarks = []
          entry.needsRepaint = true
        }
      } else if let painter = entry.painter {
        if painter.size != screen.size { painter.resize(screen.size) }
        painter.synchronizes = screen.synchronizes
      } else {
        entry.painter = WindowPainter(size: screen.size, synchronizes: screen.synchronizes)
      }
      entries[id] = entry
    }
    arrangeRing()
  }

  /// The session has another size: the terminal of a viewer that follows it, and of itself has the same, wraps its lines in its own way.
  mutating func setResized() {
    for (id, entry) in entries where entry.painter == nil && entry.screen != nil { entries[id]?.needsRepaint = true }
  }

  /// A ring is kept while somebody follows it.
  private mutating func arrangeRing() {
    hasPainted = entries.values.contains { $0.painter != nil }
    if entries.values.contains(where: { $0.painter == nil }) {
      if !hasRaw { ring = OutputRing(at: end) }
    } else {
      ring = nil
    }
  }

  func mode(_ entry: Entry, of session: TerminalEngine.TerminalSize) -> ViewMode {
    entry.screen.map { ViewMode(of: $0.size, session: session) } ?? .stream
  }

  /// What comes from a viewer, in the session's coordinates and as its programs want it.
  mutating func translate(
    _ bytes: [UInt8], from id: ViewerID, modes: @autoclosure () -> TerminalModes, session: TerminalEngine.TerminalSize
  ) -> [UInt8] {
    guard let painter = entries[id]?.painter else { return bytes }
    return entries[id]?.mouse.translate(bytes, window: painter.window, modes: modes()) ?? bytes
  }

  // MARK: Raw output

  /// One piece of a viewer's stream.
  enum Step {
    /// It has seen everything, or its socket is full.
    case nothing
    /// It must be shown a picture of the screen first.
    case repaint
    /// It was shown a piece and may take more.
    case shown
  }

  /// Shows one viewer its next piece from the ring.
  mutating func advance(_ id: ViewerID, pieceBytes: Int) -> Step {
    guard var entry = entries[id], entry.isReady, entry.painter == nil, entry.history == nil else { return .nothing }
    guard let start = ring?.start else { return .nothing }
    if entry.needsRepaint || entry.offset < start { return .repaint }
    if entry.offset >= end { return .nothing }
    var shown = 0
    let viewer = entry.viewer
    let ready = ring?.read(at: entry.offset, limit: pieceBytes) { piece in
      shown = piece.count
      return viewer.show(piece)
    }
    entry.offset += UInt64(shown)
    entry.isReady = ready ?? false
    // The viewer may have left in the call.
    if entries[id] != nil { entries[id] = entry }
    return .shown
  }

  /// Shows one viewer a picture; it follows from here.
  mutating func repaint(_ id: ViewerID, picture: [UInt8]) {
    guard var entry = entries[id] else { return }
    entry.needsRepaint = false
    entry.offset = end
    entry.isReady = picture.withUnsafeBytes { entry.viewer.show($0) }
    if entries[id] != nil { entries[id] = entry }
  }

  // MARK: Painted viewers

  /// Shows a painted viewer what has changed, if it can take it. False for one that may not be painted.
  @discardableResult
  mutating func paint(_ id: ViewerID, _ terminal: borrowing Terminal) -> Bool {
    guard let entry = entries[id], let painter = entry.painter, entry.isReady, entry.history == nil else { return true }
    let pictureBytes = WindowPainter.bytesHeld(viewer: painter.size, of: terminal.size)
    if pictureBytes != entry.pictureBytes {
      guard entry.viewer.mayHold(picture: pictureBytes) else {
        entries[id]?.isReady = false
        return false
      }
      entries[id]?.pictureBytes = pictureBytes
    }
    let bytes = painter.paint(terminal) + entry.remarks
    tellWindow(id, terminal)
    guard !bytes.isEmpty else { return true }
    entries[id]?.remarks = []
    entries[id]?.isReady = bytes.withUnsafeBytes { entry.viewer.show($0) }
    return true
  }

  /// Tells a viewer which part of the screen it sees, before it is shown that part for the first time.
  mutating func tellWindow(_ id: ViewerID, _ terminal: borrowing Terminal) {
    guard let entry = entries[id], entry.screen != nil else { return }
    let size = terminal.size
    let window = ViewerWindow(
      window: entry.painter?.window ?? ScreenWindow(row: 0, column: 0, rows: size.rows, columns: size.columns),
      isPainted: entry.painter != nil,
      // Raw output says itself which screen it is on.
      isAlternateScreen: entry.painter?.isAlternateScreen ?? entry.told?.isAlternateScreen ?? false)
    // Who has always followed the raw output sees the whole screen, and knows it.
    guard window != entry.told, window.isPainted || entry.told != nil else { return }
    entries[id]?.told = window
    entry.viewer.windowChanged(window)
  }

  /// Tells the terminals of painted viewers something beside the picture.
  mutating func remark(_ bytes: [UInt8]) {
    for (id, entry) in entries where entry.painter != nil && entry.remarks.count + bytes.count <= Self.remarkBytes {
      entries[id]?.remarks += bytes
    }
  }
}

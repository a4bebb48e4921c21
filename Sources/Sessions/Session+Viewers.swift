import Causality
import Net
package import TerminalEngine

extension Session {
  /// Whether one more client of a user may come.
  /// - Parameter holder: as ``Cause/holder``.
  /// Throws ``SessionError/Code/resourceLimitReached`` past ``SessionLimits/clients``.
  package func requireRoom(forClientOf holder: String?) throws(SessionError) {
    let clients = viewers.entries.values.lazy.map(\.client) + observers.values.compactMap(\.client)
    guard SessionLimits.clients.has(for: holder, among: clients.map { $0.cause?.holder }) else {
      throw SessionError(
        .resourceLimitReached,
        "Resource limit reached: \(SessionLimits.clients.total) clients may be attached to \(name), \(SessionLimits.clients.each) of one token."
      )
    }
  }

  /// Bytes that one viewer is given before the next has its turn.
  private static let pieceBytes = 64 << 10
  /// A round of writing to viewers may take at most one part in this many of the loop's time while output streams in: the child's
  /// speed comes before its viewers'. A viewer that cannot follow at that pace is shown pictures instead of every byte.
  static let pumpShare = 12
  /// Rounds shorter than this are not followed by a pause: a keystroke's echo goes out at once.
  private static let freePump = Duration.microseconds(150)
  /// How long the picture of an ended session is kept.
  private static let pictureKept = Duration.milliseconds(100)
  /// How long the output of a flood is gathered: far below a frame, and less than the ring of the viewers holds at any speed of a PTY.
  private static let gathering = Duration.milliseconds(1)

  /// Adds a viewer. The first thing it is shown is a picture of the screen.
  /// - Parameters:
  ///   - screen: its own terminal; `nil` for one that follows the raw output, whatever the session's size.
  ///   - history: so many of the newest lines that have scrolled off are given before the picture, for the terminal's own scrollback.
  /// Throws ``SessionError/Code/resourceLimitReached`` above ``SessionLimits/clients``.
  package func addViewer(
    _ viewer: any RawViewer, client: ClientInfo, screen: ViewerScreen? = nil, history: Int = 0
  ) throws(SessionError) -> ViewerID {
    try requireRoom(forClientOf: client.cause?.holder)
    let id = ViewerID(number: ticket())
    viewers.add(viewer, client, id: id, screen: screen)
    announceAttached(id.number, client)
    viewers.noteActivity(id)
    viewers.fit(to: terminal.size)
    if history > 0, let screen {
      let outer = TerminalEngine.TerminalSize(
        rows: screen.size.rows + screen.reservedRows, columns: screen.size.columns)
      viewers.setHistory(id, terminal.historyStream(lines: history, on: outer))
    }
    if exit != nil {
      // Nothing more will come, so the picture is the whole story.
      viewers.setHistory(id, nil)
      viewers.tellWindow(id, terminal)
      if viewers.entries[id]?.painter != nil {
        // One that may not have it goes by itself.
        guard viewers.paint(id, terminal) else { return id }
      } else {
        viewers.repaint(id, picture: pictureForViewers(unfinished: false))
        // Nobody waits for it here; whoever comes in the same moment has it too.
        pictureTimer = loop.schedule(after: Session.pictureKept) { [weak self] in
          self?.assumeIsolated { $0.viewerPicture = nil }
        }
      }
      viewer.sessionEnded(exit)
      viewers.remove(id)
    } else {
      followSizePolicy()
      giveHistory(to: id)
      showViewers()
    }
    return id
  }

  /// The viewer's socket has taken everything it was given.
  package func viewerIsReady(_ id: ViewerID) {
    viewers.setReady(id)
    giveHistory(to: id)
    if exit == nil { showViewers() } else { finishViewer(id) }
  }

  /// Shows a viewer a picture of the screen once more, and then what follows.
  package func repaintViewer(_ id: ViewerID) {
    viewers.setStale(id)
    showViewers()
  }

  /// The default colours of a terminal on which the session is looked at: what its program is answered that asks for them. Nothing
  /// that is shown changes by it.
  package func setDefaultColors(_ colors: DefaultColors) {
    terminal.setDefaultColors(colors)
  }

  package func removeViewer(_ id: ViewerID) {
    let decided = sizePolicy.size(for: viewers.claims)
    viewers.remove(id)
    announceDetached(id.number, .left)
    // One that left without having decided leaves the size as it is, also one that a caller gave.
    if sizePolicy.size(for: viewers.claims) != decided { followSizePolicy() }
  }

  /// Gives a viewer the next piece of the history that it is to have, if it can take it. Others of the loop have their turn between two pieces;
  /// behind the last comes the picture.
  private func giveHistory(to id: ViewerID) {
    guard exit == nil, let entry = viewers.entries[id], entry.isReady, var stream = entry.history else { return }
    guard let piece = terminal.nextPiece(of: &stream) else {
      viewers.setHistory(id, nil)
      return showViewers()
    }
    viewers.setHistory(id, stream)
    guard viewers.give(id, history: piece) else { return }
    loop.later { [weak self] in self?.assumeIsolated { $0.giveHistory(to: id) } }
  }

  /// Tells the viewers something that is not on the screen; all but the one whose doing it is.
  func tellViewers(_ news: ViewerNews, except id: ViewerID? = nil) {
    for (viewer, entry) in viewers.entries where viewer != id { entry.viewer.told(news) }
  }

  /// Who streams the session.
  package struct Client: Sendable {
    package let id: Int
    package let info: ClientInfo
    /// Of its own terminal, if it has told.
    package let size: TerminalEngine.TerminalSize?
    package let mode: ViewMode
  }

  package var clients: [Client] {
    let size = terminal.size
    let viewing = viewers.ids.compactMap { id in
      viewers.entries[id].map { entry in
        Client(id: id.number, info: entry.client, size: entry.screen?.size, mode: viewers.mode(entry, of: size))
      }
    }
    let observing = observers.compactMap { id, observer in
      observer.client.map { Client(id: id.number, info: $0, size: nil, mode: .events) }
    }
    return (viewing + observing).sorted { $0.id < $1.id }
  }

  /// Sends every attached client away.
  package func detachViewers(reason: String) {
    let leaving = viewers.viewers
    for id in viewers.ids { announceDetached(id.number, .detached, because: Cause.current) }
    viewers.removeAll()
    for viewer in leaving { viewer.detached(reason: reason) }
  }

  /// Shows every viewer what it has not seen.
  func showViewers() {
    if viewers.hasRaw { pumpViewers() }
    if viewers.hasPainted { paintViewers() }
  }

  /// Gives every ready viewer what it has not seen, and then pauses in proportion to what that took.
  func pumpViewers() {
    guard pumpTimer == nil else { return }
    let clock = ContinuousClock()
    let began = clock.now
    if let wait = pumpTurn.wait(on: loop, now: began) { return pump(after: wait) }
    // Whoever was not reached the last time is first.
    for id in viewers.ids(from: nextPumped) {
      guard pump(id) else { continue }
      let now = clock.now
      guard let pause = pumpTurn.took(began.duration(to: now), until: now, on: loop) else { continue }
      nextPumped = id.number + 1
      return pump(after: pause)
    }
    viewerPicture = nil
    let cost = began.duration(to: clock.now)
    pumpTurn.ended(after: cost)
    if cost > Session.freePump { pump(after: cost * (Session.pumpShare - 1)) }
  }

  /// The same in a moment: of a flood many turns are shown together, since each piece wakes a viewer, and a link and a hub on the way to it.
  func pumpViewersSoon() {
    if pumpTimer == nil { pump(after: Session.gathering) }
  }

  private func pump(after pause: Duration) {
    pumpTimer = loop.schedule(after: pause) { [weak self] in
      self?.assumeIsolated { session in
        session.pumpTimer = nil
        session.pumpViewers()
      }
    }
  }

  /// Gives a viewer what it has not seen. Returns whether that was, or began with, a picture.
  @discardableResult
  private func pump(_ id: ViewerID) -> Bool {
    var wasRepainted = false
    while true {
      switch viewers.advance(id, pieceBytes: Session.pieceBytes) {
      case .nothing: return wasRepainted
      case .shown: continue
      case .repaint:
        wasRepainted = true
        viewers.tellWindow(id, terminal)
        viewers.repaint(id, picture: pictureForViewers())
      }
    }
  }

  /// A picture of the screen as it is; made once for all who want it before something has changed.
  private func pictureForViewers(unfinished: Bool = true) -> [UInt8] {
    let key = ViewerPicture.Key(output: viewers.end, generation: generation, size: size, unfinished: unfinished)
    if let made = viewerPicture, made.key == key { return made.bytes }
    let made = ViewerPicture(key: key, bytes: terminal.repaint(unfinished: unfinished))
    viewerPicture = made
    return made.bytes
  }

  func tellViewersOfResize() {
    let size = terminal.size
    for viewer in viewers.viewers { viewer.sessionResized(size) }
  }

  /// The program has ended: those who can take it get the rest, the others get it when their socket has room.
  func endViewers() {
    pumpTimer?.cancel()
    pumpTimer = nil
    frames.stop()
    finishViewers(viewers.ids[...])
  }

  /// By turns, too: they may be many and the screen large.
  private func finishViewers(_ ids: ArraySlice<ViewerID>) {
    let clock = ContinuousClock()
    let began = clock.now
    for (index, id) in zip(ids.indices, ids) {
      finishViewer(id)
      let now = clock.now
      guard index + 1 < ids.endIndex, let pause = pumpTurn.took(began.duration(to: now), until: now, on: loop) else {
        continue
      }
      pumpTimer = loop.schedule(after: pause) { [self] in
        assumeIsolated { $0.finishViewers(ids[(index + 1)...]) }
      }
      return
    }
    pumpTimer = nil
    viewerPicture = nil
  }

  private func finishViewer(_ id: ViewerID) {
    // What is left of the history is in the session's own, and a client that ends waits for its last picture.
    viewers.setHistory(id, nil)
    pump(id)
    viewers.paint(id, terminal)
    guard let entry = viewers.entries[id], entry.isReady else { return }
    entry.viewer.sessionEnded(exit)
    viewers.remove(id)
  }
}

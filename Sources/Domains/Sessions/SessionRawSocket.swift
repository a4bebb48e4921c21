import Formats
import Net
import Operations
import Sessions
import TerminalEngine

import enum Sys.ExitStatus

/// `/sessions/{session}/ws/raw`: the bytes of one terminal, both ways.
///
/// Binary messages are terminal bytes; the first shown are a repaint. Without a subprotocol text is terminal input too. With
/// ``SessionRawSocket/attachProtocol`` text is control, one JSON object a message:
///
/// - from the client `{"resize":{"rows","cols","reserved_rows"?,"synchronized"?}}`, how large its terminal is, and `{"repaint":{}}` when that
///   has lost what it showed; `{"environment":{NAME: text or null}}`, variables of its surroundings that new sessions are to have (from
///   this machine only); `{"colors":{"foreground","background","cursor"}}`, the default colours of its terminal, each as `#rrggbb` (or as
///   X11 writes it);
/// - from the server `{"attached":{"session","generation"}}` before the first bytes, `{"resized":{"rows","cols"}}` when the session has
///   another size, `{"window":{"row","col","rows","cols","painted","alternate"}}` before bytes that show another part of the screen or come
///   in another way, `{"clients":{"attached"}}` how many stream the session, `{"renamed":{"session"}}`, `{"typed":{"by","call"}}` when somebody
///   else types, `{"exited":{"exit_status","exit_signal"}}` after the last bytes, `{"detached":{"reason"}}`.
///
/// A client of the session's own size is sent the program's bytes; one of another size, or that reserves rows for itself, is painted: each
/// binary message is whole, leaves the default pen and the cursor where it belongs, and touches nothing below `rows`.
///
/// The socket lives on the session's loop. A viewer that does not read is shown nothing more until it has, and then a repaint, so it
/// costs what the kernel holds for it; a terminal that does not read stops the socket from being read.
actor SessionRawSocket {
  static let attachProtocol = "roost.attach.v1"
  /// What may wait for the client before it is told no news beside the picture.
  private static let maximumNewsQueue = 1 << 20

  nonisolated let session: Session
  nonisolated var unownedExecutor: UnownedSerialExecutor { session.unownedExecutor }
  private let webSocket: any MessageSocket
  private let call: Call
  private let isAttach: Bool
  private let isReadOnly: Bool
  private var viewer: ViewerID?
  /// Input that did not fit into the session's queue; the socket is not read meanwhile.
  private var held: [UInt8] = []
  /// What is typed and how the size is changed, for the audit: a drag of a window's corner is as many calls as a word typed.
  private let typing: RepeatedAudit?
  private let resizing: RepeatedAudit?
  private let onClosed: @Sendable () -> Void
  /// Takes what the client says of its surroundings; nil for one whose surroundings are no concern of this machine.
  private let onEnvironment: (@Sendable (ArraySlice<UInt8>) -> Void)?
  /// What the client has not read.
  private var unread: UnreadOutput
  private let accounts: Accounts
  /// What is held for it where it is painted.
  private var pictureLease: Accounts.Lease?
  private var isClosed = false

  init(
    _ session: Session, _ webSocket: any MessageSocket, call: Call, accounts: Accounts, audit: AuditTrail? = nil,
    isAttach: Bool,
    isReadOnly: Bool, onEnvironment: (@Sendable (ArraySlice<UInt8>) -> Void)? = nil,
    onClosed: @escaping @Sendable () -> Void = {}
  ) {
    self.accounts = accounts
    unread = UnreadOutput(accounts, call.principal)
    self.onEnvironment = onEnvironment
    self.onClosed = onClosed
    self.session = session
    self.webSocket = webSocket
    self.call = call
    self.isAttach = isAttach
    self.isReadOnly = isReadOnly
    let name = session.assumeIsolated { $0.name.text }
    typing = isReadOnly ? nil : audit?.stream("session.input", target: name, call, loop: session.loop)
    resizing = isReadOnly ? nil : audit?.stream("session.resize", target: name, call, loop: session.loop)
  }

  /// Shows the screen. Called once, when the socket is open.
  /// - Parameters:
  ///   - screen: the client's terminal.
  ///   - history: lines of history to show before the screen, for the terminal's own scrollback.
  func open(screen: ViewerScreen? = nil, history: Int = 0) {
    webSocket.handler = self
    let before = session.assumeIsolated { session in
      let before = session.size
      // One that is told of no size has none of its own: it gets what it asked for once, and then what there is.
      if !isAttach, !isReadOnly, let screen { session.wish(for: screen.size) }
      return before
    }
    if isAttach {
      let (name, generation) = session.assumeIsolated { ($0.name.text, $0.generation) }
      control("attached") { json in
        json.key("session")
        json.string(name)
        json.key("generation")
        json.integer(generation)
      }
    }
    let client = ClientInfo(
      kind: isAttach ? "attach" : "raw", peer: call.peer, readOnly: isReadOnly, cause: call.cause())
    let joined: Result<ViewerID, SessionError> = session.assumeIsolated { session in
      do throws(SessionError) {
        return .success(
          try session.addViewer(self, client: client, screen: isAttach ? screen : nil, history: history))
      } catch {
        return .failure(error)
      }
    }
    recordResize(from: before)
    switch joined {
    case .success(let id):
      // The session may have ended, and closed this, while it showed the screen.
      if isClosed { session.assumeIsolated { $0.removeViewer(id) } } else { viewer = id }
    case .failure(let error): close(WebSocketCloseCode.tryAgainLater, error.message)
    }
  }

  // MARK: From the client

  private func receivedControl(_ text: [UInt8]) {
    if isClosed { return }
    guard let members = JSONText.members(of: text[...]) else {
      return close(WebSocketCloseCode.unsupportedData, "text is control here: one JSON object")
    }
    if members.contains(where: { $0.name == "repaint" }), let viewer {
      session.assumeIsolated { $0.repaintViewer(viewer) }
    }
    if let told = members.last(where: { $0.name == "colors" })?.value { tellColors(told) }
    if let environment = members.last(where: { $0.name == "environment" })?.value { onEnvironment?(environment) }
    // What a later version may say is none of our business.
    guard let resize = members.last(where: { $0.name == "resize" })?.value else { return }
    let fields = JSONText.members(of: resize) ?? []
    func field(_ name: String) -> ArraySlice<UInt8>? { fields.last { $0.name == name }?.value }
    func number(_ name: String) -> Int { field(name).flatMap { JSONText.integer($0) } ?? 0 }
    let (rows, columns) = (number("rows"), number("cols"))
    guard rows > 0, columns > 0 else { return close(WebSocketCloseCode.unsupportedData, "resize wants rows and cols") }
    let synchronizes = field("synchronized").flatMap { JSONText.firstByte($0) } == UInt8(ascii: "t")
    setScreen(
      ViewerScreen(
        TerminalSize(rows: rows, columns: columns), reservedRows: max(0, number("reserved_rows")),
        synchronizes: synchronizes))
  }

  /// The default colours of the client's terminal: programs that ask for them are answered with those of who told them last. One that
  /// is no colour is left out.
  private func tellColors(_ text: ArraySlice<UInt8>) {
    if isReadOnly || !isAllowed() { return }
    let named = JSONText.members(of: text) ?? []
    func color(_ name: String) -> RGB? {
      named.last { $0.name == name }.flatMap { JSONText.utf8($0.value) }.flatMap { RGB(specification: $0) }
    }
    let colors = DefaultColors(
      foreground: color("foreground"), background: color("background"), cursor: color("cursor"))
    session.assumeIsolated { $0.setDefaultColors(colors) }
  }

  private func setScreen(_ screen: ViewerScreen) {
    guard let viewer else { return }
    let before = session.assumeIsolated { session in
      let before = session.size
      session.setScreen(of: viewer, screen)
      return before
    }
    recordResize(from: before)
  }

  /// For the audit: this client has given the session another size than it had.
  private func recordResize(from before: TerminalSize) {
    let (size, name) = session.assumeIsolated { ($0.size, $0.name.text) }
    if size != before { resizing?.performed(on: name) }
  }

  private func receivedInput(_ bytes: [UInt8]) {
    if isClosed || isReadOnly || bytes.isEmpty || !isAllowed() { return }
    guard let viewer else { return type(bytes) }
    let typed = session.assumeIsolated { $0.input(from: viewer, bytes) }
    if !typed.isEmpty { type(typed) }
  }

  private func type(_ bytes: [UInt8]) {
    let cause = typing?.begin() ?? call.cause()
    let viewer = viewer
    let outcome: Result<(queued: Int, dropped: Int, name: String), SessionError> = session.assumeIsolated { session in
      do throws(SessionError) {
        let dropped = try session.type(bytes, by: cause, from: viewer)
        return .success((session.inputQueued, dropped, session.name.text))
      } catch {
        return .failure(error)
      }
    }
    switch outcome {
    case .success(let (queued, dropped, name)):
      typing?.performed(on: name, bytes: bytes.count - dropped)
      if dropped > 0 { lineIsFull(dropped) }
      if queued > SessionLimits.inputHighWater { waitForInput() }
    case .failure(let error) where error.code == .inputSendFailed:
      // A stream has no one to tell that a piece of it did not fit: it is kept, and nothing more is read before it.
      held = bytes
      waitForInput()
    case .failure: break  // It has ended, which is told by itself.
    }
  }

  /// What is typed beyond what the terminal keeps of a line is not typed, as at any terminal, and is not silent about it: a bell, as
  /// IMAXBEL rings it, and a word where the protocol has room for one.
  private func lineIsFull(_ dropped: Int) {
    webSocket.send(binary: [0x07])
    guard isAttach else { return }
    control("refused") { json in
      json.key("code")
      json.string(SessionError.Code.lineTooLong.rawValue)
      json.key("bytes")
      json.integer(dropped)
    }
  }

  private func waitForInput() {
    webSocket.pauseReading()
    session.assumeIsolated { session in
      session.onceInputDrained { [weak self] in self?.assumeIsolated { $0.inputDrained() } }
    }
  }

  private func inputDrained() {
    if isClosed { return }
    webSocket.resumeReading()
    let bytes = held
    held = []
    if !bytes.isEmpty { type(bytes) }
  }

  private func drained() {
    unread.clear()
    if let viewer { session.assumeIsolated { $0.viewerIsReady(viewer) } }
  }

  // MARK: To the client

  private func paint(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if isClosed || !isAllowed() { return false }
    // Asked before: what the socket has been handed is held until its client reads, or it is gone.
    guard unread.counts(webSocket.queuedBytes + bytes.count) else {
      leave(WebSocketCloseCode.tryAgainLater, UnreadOutput.reason)
      return false
    }
    webSocket.send(binary: bytes)
    let queued = webSocket.queuedBytes
    unread.remains(queued)
    return queued == 0
  }

  private func holds(picture bytes: Int) -> Bool {
    pictureLease = nil
    guard !isClosed else { return false }
    guard call.principal.holder != nil, bytes > Catalogue.uncountedAnswer else { return true }
    pictureLease = accounts.lease(.pictureBytes, bytes, for: call.principal)
    if pictureLease == nil { leave(WebSocketCloseCode.tryAgainLater, "this token has too many large screens painted") }
    return pictureLease != nil
  }

  /// Whether the holder of a token for some sessions may still see this one: it may have been renamed or lost a tag.
  private func isAllowed() -> Bool {
    let access = call.access
    if access.sessions == nil, access.tags == nil { return true }
    if session.assumeIsolated({ access.covers(name: $0.name.text, tags: $0.tags) }) { return true }
    leave(WebSocketCloseCode.policyViolation, "access to this session has ended")
    return false
  }

  /// Closes the socket, but not from inside the session's round over its viewers.
  private func leave(_ code: UInt16, _ reason: String) {
    session.loop.execute { [weak self] in self?.assumeIsolated { $0.close(code, reason) } }
  }

  private func control(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
    var json = JSONWriter()
    json.beginObject()
    json.key(name)
    json.beginObject()
    body(&json)
    json.endObject()
    json.endObject()
    webSocket.send(text: json.finish())
  }

  private func ended(_ exit: ExitStatus?) {
    if isClosed { return }
    if isAttach {
      control("exited") { json in
        let (status, signal) = exit.jsonFields
        json.key("exit_status")
        if let status { json.integer(status) } else { json.null() }
        json.key("exit_signal")
        if let signal { json.string(signal) } else { json.null() }
      }
    }
    close(WebSocketCloseCode.normal, "session ended")
  }

  private func dismissed(_ reason: String) {
    if isClosed { return }
    if isAttach {
      control("detached") { json in
        json.key("reason")
        json.string(reason)
      }
    }
    close(WebSocketCloseCode.normal, reason)
  }

  private func resized(_ size: TerminalSize) {
    guard isAttach, !isClosed else { return }
    control("resized") { json in
      json.key("rows")
      json.integer(size.rows)
      json.key("cols")
      json.integer(size.columns)
    }
  }

  private func tell(_ window: ViewerWindow) {
    guard isAttach, !isClosed else { return }
    control("window") { json in
      let sides: [(StaticString, Int)] = [
        ("row", window.window.row), ("col", window.window.column), ("rows", window.window.rows),
        ("cols", window.window.columns),
      ]
      for (name, value) in sides {
        json.key(name)
        json.integer(value)
      }
      json.key("painted")
      json.bool(window.isPainted)
      json.key("alternate")
      json.bool(window.isAlternateScreen)
    }
  }

  private func tell(_ news: ViewerNews) {
    guard isAttach, !isClosed else { return }
    // A client that does not read is not told every key of another one: the news of now are old when it does.
    guard webSocket.queuedBytes < SessionRawSocket.maximumNewsQueue else { return }
    switch news {
    case .clients(let count):
      control("clients") { json in
        json.key("attached")
        json.integer(count)
      }
    case .renamed(let name):
      control("renamed") { json in
        json.key("session")
        json.string(name)
      }
    case .typed(let principal, let isCall):
      control("typed") { json in
        json.key("by")
        if let principal { json.string(principal) } else { json.null() }
        json.key("call")
        json.bool(isCall)
      }
    }
  }

  private func close(_ code: UInt16, _ reason: String) {
    if isClosed { return }
    cleanUp()
    webSocket.close(code: code, reason: reason)
  }

  private func cleanUp() {
    if isClosed { return }
    isClosed = true
    if let viewer { session.assumeIsolated { $0.removeViewer(viewer) } }
    pictureLease = nil
    viewer = nil
    typing?.flush()
    resizing?.flush()
    onClosed()
  }
}

extension SessionRawSocket: RawViewer {
  nonisolated func show(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // The pointer is used before this returns, on this thread.
    nonisolated(unsafe) let bytes = bytes
    return assumeIsolated { $0.paint(bytes) }
  }

  nonisolated func mayHold(picture bytes: Int) -> Bool { assumeIsolated { $0.holds(picture: bytes) } }

  nonisolated func sessionEnded(_ exit: ExitStatus?) { assumeIsolated { $0.ended(exit) } }

  nonisolated func detached(reason: String) { assumeIsolated { $0.dismissed(reason) } }

  nonisolated func sessionResized(_ size: TerminalSize) { assumeIsolated { $0.resized(size) } }

  nonisolated func windowChanged(_ window: ViewerWindow) { assumeIsolated { $0.tell(window) } }

  nonisolated func told(_ news: ViewerNews) { assumeIsolated { $0.tell(news) } }
}

extension SessionRawSocket: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.isAttach ? $0.receivedControl(text) : $0.receivedInput(text) }
  }

  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { assumeIsolated { $0.receivedInput(binary) } }

  nonisolated func webSocketDrained(_ ws: any MessageSocket) { assumeIsolated { $0.drained() } }

  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { socket in
      socket.cleanUp()
      // Not before: a socket that is being closed still holds what it was handed.
      socket.unread.clear()
    }
  }
}

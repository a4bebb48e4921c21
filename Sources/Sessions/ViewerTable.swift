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
  /// The session's program has ended; every byte it printed has been shown, or, to a slow viewer, a picture of the end.
  func sessionEnded(_ exit: ExitStatus?)
  /// The viewer is sent away.
  func detached(reason: String)
  func sessionResized(_ size: TerminalEngine.TerminalSize)
}

/// The raw viewers of a session and the ring that they share.
struct ViewerTable: ~Copyable {
  struct Entry {
    let viewer: any RawViewer
    let client: ClientInfo
    /// What the viewer is to see next.
    var offset: UInt64
    var isReady = true
    /// It lost its place, or has just come: it is shown a picture before it follows.
    var needsRepaint = true
  }

  private(set) var entries: [ViewerID: Entry] = [:]
  private var ring: OutputRing?
  /// Raw bytes of output since the first viewer came.
  private var end: UInt64 = 0

  var isEmpty: Bool { entries.isEmpty }
  var count: Int { entries.count }
  var clients: [(ViewerID, ClientInfo)] { entries.map { ($0.key, $0.value.client) } }
  var viewers: [any RawViewer] { entries.values.map(\.viewer) }
  var ids: [ViewerID] { Array(entries.keys) }

  mutating func add(_ viewer: any RawViewer, _ client: ClientInfo, id: ViewerID) {
    if ring == nil { ring = OutputRing(at: end) }
    entries[id] = Entry(viewer: viewer, client: client, offset: end)
  }

  mutating func remove(_ id: ViewerID) {
    entries[id] = nil
    if entries.isEmpty { ring = nil }
  }

  mutating func removeAll() {
    entries = [:]
    ring = nil
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    ring?.append(bytes)
    end += UInt64(bytes.count)
  }

  mutating func setReady(_ id: ViewerID) { entries[id]?.isReady = true }

  /// The viewer has lost what it was shown.
  mutating func setStale(_ id: ViewerID) { entries[id]?.needsRepaint = true }

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
    guard var entry = entries[id], entry.isReady else { return .nothing }
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
}

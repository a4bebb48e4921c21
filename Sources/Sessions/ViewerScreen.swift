import Formats
package import TerminalEngine

/// The terminal that a viewer shows a session on, as the viewer has told of it.
package struct ViewerScreen: Sendable, Equatable {
  /// What there is for the session: without the reserved rows.
  package var size: TerminalSize
  /// Rows below it that the viewer keeps for itself; nothing that it is sent ever touches them.
  package var reservedRows: Int
  /// It understands synchronized updates (DEC mode 2026) and wants each change of its picture as one.
  package var synchronizes: Bool

  package init(_ size: TerminalSize, reservedRows: Int = 0, synchronizes: Bool = false) {
    self.size = size
    self.reservedRows = reservedRows
    self.synchronizes = synchronizes
  }
}

/// What of a session a client is shown, and how.
package enum ViewMode: String, Sendable, Codable, CaseIterable {
  /// The whole screen, which has the client's own size.
  case ownSize = "own_size"
  /// A part of the screen, which is larger than the client's, about the cursor.
  case window
  /// The whole screen within a border: it is smaller than the client's.
  case border
  /// The program's bytes, whatever the size.
  case stream
  /// The screen as events.
  case events

  init(of viewer: TerminalSize, session: TerminalSize) {
    if viewer == session {
      self = .ownSize
    } else {
      self = viewer.rows < session.rows || viewer.columns < session.columns ? .window : .border
    }
  }
}

/// Which part of the session's screen a viewer sees, and how it is sent.
package struct ViewerWindow: Sendable, Equatable {
  package var window: ScreenWindow
  /// The server paints what is shown, in the viewer's own coordinates and rows; otherwise it passes on the program's bytes.
  package var isPainted: Bool
  /// The alternate screen of the viewer's terminal shows it.
  package var isAlternateScreen: Bool
}

import Formats

/// How a session is shown here.
struct AttachOptions: Sendable {
  /// Nil when no key of its own detaches.
  var detachKey: DetachKey?
  /// Nil when there are no other commands.
  var prefix: KeyName?
  var readOnly = false
  /// A terminal of at least so many rows keeps one for ``StatusLine``, where the server can paint the session above it; nil when none does.
  var leastRowsWithStatus: Int? = AttachOptions.usualLeastRowsWithStatus
  /// History that goes into the terminal before the session is shown.
  var scrollback = ScrollbackWish.screenful
  /// Variables of this terminal's surroundings that new sessions are to have, with nil for those that are not set; empty for a server elsewhere.
  var environment: [JSON.Member] = []

  var showsStatus: Bool { leastRowsWithStatus != nil }

  /// In a low window, a split or on a phone, a row is worth more to the session than to us.
  static let usualLeastRowsWithStatus = 16
  /// Where a status line is asked for.
  static let absoluteLeastRowsWithStatus = 4
}

/// The session that is shown, and how it is reached.
struct AttachTarget: Sendable {
  /// For its own server.
  var client: ServerClient
  /// What that is called, for people; nil for the one that is asked.
  var server: String?
  var name: String
  /// Empty when the server has not told it.
  var id: String

  /// As it is called here: `web1:build`.
  var title: String { server.map { "\($0):\(name)" } ?? name }
}

/// Why showing a session ended.
enum AttachEnd: Sendable, Equatable {
  /// The detach key.
  case left
  /// The server detached us, for the reason it gave.
  case detached(reason: String)
  case exited(status: Int?, signal: String?)
  /// The connection is gone and nothing said why: the server has crashed, or the network.
  case lost(String)
  case terminalGone
  case signalled(CInt)
}

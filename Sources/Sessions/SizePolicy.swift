import Formats
package import TerminalEngine

/// Which of several viewers decides how large a session is; the words are those of tmux's `window-size`.
///
/// Only viewers count that may type and have said how large they are: who only watches, or follows events, never changes a session.
package enum SizePolicy: String, Sendable, Codable, CaseIterable {
  /// The viewer that typed, came or was resized last; when it leaves, the one before it.
  case latest
  /// Each side is that of the viewer with the smallest: everybody sees all of it.
  case smallest
  /// Each side is that of the viewer with the largest.
  case largest
  /// No viewer: the size stays what it is until `session.resize` changes it.
  case fixed

  /// A viewer that counts.
  package struct Claim: Sendable, Equatable {
    package var size: TerminalSize
    /// When it was last active: a number that grows with every activity of any viewer.
    package var activity: Int

    package init(_ size: TerminalSize, activity: Int) {
      self.size = size
      self.activity = activity
    }
  }

  /// The size that the session is to have; `nil` when nobody decides, and it keeps the one it has.
  package func size(for claims: [Claim]) -> TerminalSize? {
    guard let first = claims.first else { return nil }
    switch self {
    case .fixed: return nil
    case .latest: return claims.max { $0.activity < $1.activity }?.size
    case .smallest: return claims.reduce(first.size) { $0.combined(with: $1.size, min) }
    case .largest: return claims.reduce(first.size) { $0.combined(with: $1.size, max) }
    }
  }
}

extension TerminalSize {
  fileprivate func combined(with other: TerminalSize, _ choose: (Int, Int) -> Int) -> TerminalSize {
    TerminalSize(rows: choose(rows, other.rows), columns: choose(columns, other.columns))
  }
}

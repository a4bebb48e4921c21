import Synchronization

/// How many bytes the streams of some links may hold together: of messages that are still arriving or are not taken yet, and of what waits to be sent. A window for each
/// stream bounds a stream; a thousand streams that stand still need a bound of their own.
///
/// Shared by links on different loops, hence atomic.
package final class LinkBudget: Sendable {
  package let limit: Int
  /// What counts there, too: one budget for all.
  private let whole: LinkBudget?
  private let held = Atomic(0)

  package init(limit: Int, within whole: LinkBudget? = nil) {
    self.limit = limit
    self.whole = whole
  }

  /// Bytes held now.
  package var used: Int { held.load(ordering: .relaxed) }

  /// Whether less is held than may be, here and in the whole.
  var hasRoom: Bool { used <= limit && whole?.hasRoom != false }

  /// Counts so many bytes more, or less.
  func add(_ bytes: Int) {
    held.add(bytes, ordering: .relaxed)
    whole?.add(bytes)
  }
}

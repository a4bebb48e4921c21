import Causality
package import Net
package import Operations
package import Sessions
import Synchronization

/// Hands what happens to sessions to the log; what an account does to them beyond its ``RecordAllowance`` is counted instead, and told of once
/// for several.
///
/// That is so for what costs nothing to do over and over: clients that come and go, names and tags.
package final class NewsAllowance: Sendable {
  /// How long after the first that was left out it is told how many there were.
  static let summaryAfter = Duration.seconds(30)
  /// Accounts and sessions that are told apart. Beyond, one for each session.
  static let maximumKeys = 1024
  private static let many = Cause.Account(id: "many", principal: nil)

  private struct Key: Hashable {
    let account: String
    let session: String
  }

  private struct Pending {
    /// As the latest of them names the session.
    var session: (id: String, name: String, tags: [String])
    let account: Cause.Account
    var leftOut = LeftOutNews()
  }

  private let events: OwnEvents
  private let allowance: RecordAllowance
  private let loop: EventLoop
  private let pending = Mutex<[Key: Pending]>([:])

  /// `loop` is where the timers of what is told later run.
  package init(_ events: OwnEvents, _ allowance: RecordAllowance, loop: EventLoop) {
    self.events = events
    self.allowance = allowance
    self.loop = loop
  }

  /// Returns whether it is told of; `false` where it is only counted.
  package func emit(_ announcement: SessionAnnouncement) -> Bool { emit(announcement, now: .now) }

  func emit(_ announcement: SessionAnnouncement, now: ContinuousClock.Instant) -> Bool {
    if let account = announcement.cause.account, let cost = announcement.news.cost,
      !allowance.take(account, cost, now: now)
    {
      leaveOut(announcement, of: account)
      return false
    }
    // Nothing comes behind the end.
    if case .removed = announcement.news { flush(announcement.sessionID) }
    events.emit(announcement)
    return true
  }

  private func leaveOut(_ announcement: SessionAnnouncement, of account: Cause.Account) {
    let new: Key? = pending.withLock { pending in
      var (account, isNew) = (account, false)
      var key = Key(account: account.id, session: announcement.sessionID)
      if pending[key] == nil, pending.count >= Self.maximumKeys {
        account = Self.many
        key = Key(account: account.id, session: announcement.sessionID)
      }
      let session = (id: announcement.sessionID, name: announcement.name, tags: announcement.tags)
      isNew = pending[key] == nil
      var entry = pending[key] ?? Pending(session: session, account: account)
      entry.session = session
      entry.leftOut.count(announcement.news)
      pending[key] = entry
      return isNew ? key : nil
    }
    if let new { loop.fire(after: Self.summaryAfter) { [self] in tell(new) } }
  }

  private func tell(_ key: Key) {
    guard let due = pending.withLock({ $0.removeValue(forKey: key) }) else { return }
    events.emit(due.leftOut, of: due.session, by: due.account)
  }

  private func flush(_ session: String) {
    for key in pending.withLock({ pending in pending.isEmpty ? [] : pending.keys.filter { $0.session == session } }) {
      tell(key)
    }
  }

  /// Tells what has been counted so far: at the end of the server.
  package func flush() {
    for key in pending.withLock({ Array($0.keys) }) { tell(key) }
  }
}

/// What was not told of by itself.
struct LeftOutNews: Equatable {
  /// Clients of which neither coming nor going was told.
  var clients = 0
  var names = 0
  var tags = 0

  mutating func count(_ news: SessionAnnouncement.News) {
    switch news {
    case .attached: clients += 1
    case .renamed: names += 1
    case .tagged: tags += 1
    default: break
    }
  }
}

extension SessionAnnouncement.News {
  /// How many events are taken out of an account's allowance for it; `nil` for what is told in any case.
  fileprivate var cost: Int? {
    switch self {
    // Who comes goes: that is told of whom it was told that he came.
    case .attached: 2
    case .renamed, .tagged: 1
    default: nil
    }
  }
}

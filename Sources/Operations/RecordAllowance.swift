package import Causality
import Net
import Synchronization

/// How many events what each account does may leave in the log one by one: so many at once, and so many a second from then on.
///
/// When the log is full its oldest events go, and they are everybody's, the audit among them: nobody may turn it over by calls that cost him
/// nothing. What is left out is counted and told by whoever asks here. A question costs a lock that is hardly ever contended for, and a
/// look into a table.
package final class RecordAllowance: Sendable {
  /// What one token's calls and sockets may leave, and those of all users of a hub: a hundred agents that call every few seconds, all day
  /// long, stay below. A log of 2 GiB lasts such a token, at its worst, for half a day.
  static let burst = 1000.0
  static let perSecond = 40.0
  /// What all may leave together of whom nobody is known: less than a log's hundredth an hour.
  static let strangersBurst = 300.0
  static let strangersPerSecond = 2.0
  /// Accounts that are remembered: some 400 KiB. Those beyond share one.
  static let maximumAccounts = 4096
  private static let overflow = ""

  private let burst: Double
  private let perSecond: Double
  private let buckets = Mutex<[String: TokenBucket]>([:])

  package init(burst: Double = RecordAllowance.burst, perSecond: Double = RecordAllowance.perSecond) {
    (self.burst, self.perSecond) = (burst, perSecond)
  }

  /// Takes so many events out of an account's allowance, all or none. `false` when there are not as many.
  package func take(_ account: Cause.Account, _ events: Int = 1, now: ContinuousClock.Instant) -> Bool {
    withBucket(of: account, now) { $0.take(Double(events), at: now) }
  }

  /// Whether an account has none left.
  func isUsedUp(_ account: Cause.Account, now: ContinuousClock.Instant) -> Bool {
    withBucket(of: account, now) { $0.left(at: now) < 1 }
  }

  /// Whether an account has less than half of what it may have at once.
  func isLow(_ account: Cause.Account, now: ContinuousClock.Instant) -> Bool {
    withBucket(of: account, now) { $0.left(at: now) < burst / 2 }
  }

  private func withBucket(
    of account: Cause.Account, _ now: ContinuousClock.Instant, _ body: (inout TokenBucket) -> Bool
  ) -> Bool {
    buckets.withLock { buckets in
      var key = account.id
      if buckets[key] == nil, buckets.count >= Self.maximumAccounts {
        buckets = buckets.filter { _, other in
          var other = other
          return other.left(at: now) < burst
        }
        if buckets.count >= Self.maximumAccounts { key = Self.overflow }
      }
      return body(&buckets[key, default: TokenBucket(burst: burst, perSecond: perSecond)])
    }
  }
}

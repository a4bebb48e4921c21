import Causality
import Synchronization

/// How many records each of many is good for within a minute. Those above are counted and told of in one record when the minute is over, so
/// that a flood of bad requests cannot fill the disk.
final class AuditQuota: Sendable {
  enum Verdict: Equatable, Sendable {
    case record
    /// Not to be recorded, as the first of this minute; after that long ``leftOut(_:)`` tells of all of them.
    case leaveOut(summaryAfter: Duration)
    case count
  }

  static let window = Duration.seconds(60)
  /// Keys remembered: some 400 KiB. What comes from others beside them is counted together.
  static let maximumKeys = 4096

  private struct Entry {
    var start: ContinuousClock.Instant
    var recorded = 0
    var leftOut = 0
    /// The first that was left out.
    var sample: AuditEntry?
    /// Whose the sample is.
    var account: Cause.Account?
  }

  /// Stands for all that are too many to be told apart.
  static let overflow = ""

  private let limit: Int
  private let entries = Mutex<[String: Entry]>([:])

  init(perMinute limit: Int) { self.limit = limit }

  /// Takes one record out of a key's quota. Returns the key that it was counted for.
  func take(
    _ key: String, _ record: AuditEntry, of account: Cause.Account? = nil, now: ContinuousClock.Instant
  ) -> (key: String, verdict: Verdict) {
    entries.withLock { entries in
      var key = key
      if entries[key] == nil, entries.count >= Self.maximumKeys {
        entries = entries.filter { now - $0.value.start < Self.window || $0.value.leftOut > 0 }
        if entries.count >= Self.maximumKeys { key = Self.overflow }
      }
      var entry = entries[key] ?? Entry(start: now)
      // What was left out is told of first, and begins a new minute by that.
      if entry.leftOut == 0, now - entry.start >= Self.window { entry = Entry(start: now) }
      defer { entries[key] = entry }
      if entry.leftOut > 0 {
        entry.leftOut += 1
        return (key, .count)
      }
      if entry.recorded < limit {
        entry.recorded += 1
        return (key, .record)
      }
      entry.leftOut = 1
      entry.sample = record
      entry.account = account
      return (key, .leaveOut(summaryAfter: Self.window - (now - entry.start)))
    }
  }

  /// On whose account the record goes that ``leftOut(_:)`` gives.
  func account(of key: String) -> Cause.Account? { entries.withLock { $0[key]?.account } }

  /// One record for all of a key that were left out, made from the first of them; `nil` when none were. The key begins anew.
  func leftOut(_ key: String) -> AuditEntry? {
    entries.withLock { entries in
      guard let entry = entries.removeValue(forKey: key), var sum = entry.sample else { return nil }
      sum.operation = "http"
      sum.target = nil
      sum.calls = entry.leftOut
      if key == Self.overflow { sum.address = "many" }
      return sum
    }
  }

  /// The keys of which something was left out.
  var pending: [String] { entries.withLock { entries in entries.filter { $0.value.leftOut > 0 }.map(\.key) } }
}

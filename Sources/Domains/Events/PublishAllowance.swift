import Events
import Operations
import Synchronization

/// How much of the event log one publisher may fill, in bytes: when it is full the oldest events go, and they are everybody's, the audit among them.
///
/// An eighth of the log at once, and as much an hour from then on: one token needs most of a day to turn it over. The local user has no such bound.
final class PublishAllowance: Sendable {
  private static let part = 8
  private static let hour = 3600.0
  /// What an event takes in the log beside its data, about.
  private static let frame = 512
  /// Publishers that are remembered; beyond, those who have all of theirs are forgotten.
  private static let mostPublishers = 4096

  private struct Bucket {
    var left: Double
    var at: ContinuousClock.Instant

    mutating func refill(_ size: Double, _ now: ContinuousClock.Instant) {
      left = min(size, left + at.duration(to: now) / .seconds(1) * size / PublishAllowance.hour)
      at = now
    }
  }

  private let size: Double?
  private let buckets = Mutex<[String: Bucket]>([:])

  /// - Parameter logBytes: what the log keeps; `nil` for one without a bound.
  init(logBytes: Int?) { size = logBytes.map { Double($0 / Self.part) } }

  /// Throws `resource_limit_reached` with the time after which the same would be taken; nothing is counted then.
  func take(_ drafts: [EventDraft], for principal: Principal, now: ContinuousClock.Instant = .now)
    throws(OperationError)
  {
    guard let size, let holder = principal.holder else { return }
    // A list that is more than all of it is taken when all of it is there.
    let needed = min(size, Double(drafts.reduce(0) { $0 + $1.data.count + Self.frame }))
    let missing: Double = buckets.withLock { buckets in
      var bucket = buckets[holder] ?? Bucket(left: size, at: now)
      bucket.refill(size, now)
      let missing = needed - bucket.left
      if missing <= 0 { bucket.left -= needed }
      buckets[holder] = bucket
      if buckets.count > Self.mostPublishers {
        buckets = buckets.filter { _, other in
          var other = other
          other.refill(size, now)
          return other.left < size
        }
      }
      return missing
    }
    guard missing > 0 else { return }
    let seconds = missing / (size / Self.hour)
    throw OperationError(
      .resourceLimitReached,
      "Resource limit reached: one token may fill an eighth of the event log (\(Int(size) >> 20) MiB) an hour, since the oldest events go for it. Publish less, or have the log keep more ('--events-max-bytes')."
    ).retrying(after: .milliseconds(Int64(seconds * 1000)))
  }
}

import Synchronization

/// Slows down those who guess tokens: after a number of wrong ones within a minute, an address is not listened to until the minute is over.
///
/// A token that was good before keeps working from an address that is blocked, so that nobody behind a shared address (or on the
/// loopback interface) can lock the others out.
///
/// Shared by all loops and touched once a request, hence a mutex and no actor: a hop to another thread would cost a thousand times
/// the look-up.
final class FailureThrottle: Sendable {
  /// Wrong tokens within one window after which an address is blocked. A person mistypes a few times; a guesser needs billions.
  static let failures = 20
  static let window = Duration.seconds(60)
  /// Addresses remembered: some 300 KiB. Past that those whose minute is over are forgotten first.
  static let maximumAddresses = 4096
  /// Good tokens remembered, as hashes.
  static let maximumGood = 1024

  private struct Entry {
    var start: ContinuousClock.Instant
    var failures: Int
  }

  private struct State {
    var entries: [AddressKey: Entry] = [:]
    var good: Set<Int> = []
  }

  private let state = Mutex(State())

  /// Whether a token from this address is to be refused without a look at it.
  func isBlocked(_ address: String, secret: String, now: ContinuousClock.Instant) -> Bool {
    state.withLock { state in
      guard let entry = state.entries[AddressKey(address)], entry.failures >= FailureThrottle.failures,
        now - entry.start < FailureThrottle.window
      else { return false }
      // The hash is keyed with a number of this process; it only opens the door to the real verification.
      return !state.good.contains(secret.hashValue)
    }
  }

  func failed(_ address: String, now: ContinuousClock.Instant) {
    state.withLock { state in
      let key = AddressKey(address)
      if var entry = state.entries[key], now - entry.start < FailureThrottle.window {
        entry.failures += 1
        state.entries[key] = entry
        return
      }
      if state.entries.count >= FailureThrottle.maximumAddresses, state.entries[key] == nil {
        state.entries = state.entries.filter { now - $0.value.start < FailureThrottle.window }
        if state.entries.count >= FailureThrottle.maximumAddresses { state.entries.removeAll() }
      }
      state.entries[key] = Entry(start: now, failures: 1)
    }
  }

  func succeeded(secret: String) {
    state.withLock { state in
      if state.good.count >= FailureThrottle.maximumGood { state.good.removeAll() }
      state.good.insert(secret.hashValue)
    }
  }
}

import Net
import Synchronization

/// Counts the wrong tokens of each address: after a number of them within a minute, further wrong ones are answered with `429` until the minute is over.
///
/// Only wrong ones: a token is looked at before it is counted, so that nobody behind a shared address (or on the loopback interface) can lock
/// the others out. A secret has 190 bits; what the count is for is that guesses are seen, and not worth the while.
///
/// Shared by all loops and touched once a request, hence a mutex and no actor: a hop to another thread would cost a thousand times
/// the look-up.
final class FailureThrottle: Sendable {
  /// Wrong tokens within one window after which an address is blocked. A person mistypes a few times; a guesser needs billions.
  static let failures = 20
  static let window = Duration.seconds(60)
  /// Addresses remembered: some 300 KiB. Past that those whose minute is over are forgotten first.
  static let maximumAddresses = 4096

  private struct Entry {
    var start: ContinuousClock.Instant
    var failures: Int
  }

  private let entries = Mutex<[AddressKey: Entry]>([:])

  /// How many addresses are remembered.
  var addressCount: Int { entries.withLock { $0.count } }

  /// Counts a wrong token. Returns how long the address has to wait if there were too many before it.
  func failed(_ address: String, now: ContinuousClock.Instant) -> Duration? {
    entries.withLock { entries in
      let key = AddressKey(address)
      if var entry = entries[key], now - entry.start < FailureThrottle.window {
        entry.failures += 1
        entries[key] = entry
        return entry.failures > FailureThrottle.failures ? FailureThrottle.window - (now - entry.start) : nil
      }
      if entries.count >= FailureThrottle.maximumAddresses, entries[key] == nil {
        entries = entries.filter { now - $0.value.start < FailureThrottle.window }
        if entries.count >= FailureThrottle.maximumAddresses { entries.removeAll() }
      }
      entries[key] = Entry(start: now, failures: 1)
      return nil
    }
  }
}

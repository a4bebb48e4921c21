/// Watches what is typed for the detach key, and for the prefix and what may follow it. Keys that may begin either are held back until it is
/// clear that they do not; nothing typed is lost. Time comes in as a value: nanoseconds of any monotonic clock.
package struct AttachKeys: Sendable {
  /// A piece of what was typed.
  package struct Reading: Sendable, Equatable {
    /// For the session.
    package var forward: [UInt8] = []
    /// What is to be done after that.
    package var command: AttachCommand?
    /// What was typed behind the command.
    package var rest: [UInt8] = []

    package init(forward: [UInt8] = [], command: AttachCommand? = nil, rest: [UInt8] = []) {
      self.forward = forward
      self.command = command
      self.rest = rest
    }
  }

  private struct Sequence: Sendable {
    var keys: [KeyName]
    /// Nil for the prefix typed twice, which types it once.
    var command: AttachCommand?
  }

  private static let pasteStart = Array("\u{1b}[200~".utf8)
  private static let pasteEnd = Array("\u{1b}[201~".utf8)

  private let sequences: [Sequence]
  private let prefix: KeyName?
  /// How long the first key of a sequence waits for the second, by that key; a key that is not here waits as long as it takes.
  private let windows: [(key: KeyName, window: Duration)]
  /// Those that what is held back may still become.
  private var candidates: [Int] = []
  private var held: [UInt8] = []
  private var progress = 0
  private var deadline: UInt64?
  /// Between the marks of a bracketed paste nothing is a key, whatever it looks like.
  private var isPasting = false

  /// - Parameters:
  ///   - detach: nil when no key of its own detaches.
  ///   - prefix: nil when there are no other commands.
  package init(detach: DetachKey?, prefix: KeyName? = nil) {
    var sequences: [Sequence] = []
    if let detach { sequences.append(Sequence(keys: detach.keys, command: .detach)) }
    if let prefix {
      for command in AttachCommand.allCases {
        for key in command.keys.compactMap({ KeyName($0) }) {
          sequences.append(Sequence(keys: [prefix, key], command: command))
        }
      }
      // Last: where the detach key is the prefix twice, it detaches.
      sequences.append(Sequence(keys: [prefix, prefix], command: nil))
    }
    self.sequences = sequences
    self.prefix = prefix
    var windows: [(key: KeyName, window: Duration)] = []
    if let detach, let window = detach.window {
      windows.append((detach.keys[0], detach.keys[0] == prefix ? DetachKey.prefixWindow : window))
    }
    self.windows = windows
  }

  /// When ``expire(now:)`` is due, while something is held back that time alone releases.
  package var heldUntil: UInt64? { deadline }

  /// The prefix was typed and waits for its second key.
  package var isWaiting: Bool { progress == 1 && candidates.contains { sequences[$0].keys.first == prefix } }

  /// What to pass on of the bytes typed, and the first command among them.
  package mutating func feed(_ bytes: [UInt8], now: UInt64) -> Reading {
    guard !sequences.isEmpty else { return Reading(forward: bytes) }
    var reading = Reading(forward: expire(now: now))
    var index = 0
    while index < bytes.count {
      let rest = bytes[index...]
      if let length = pasteLength(rest) {
        reading.forward += held + rest.prefix(length)
        release()
        index += length
      } else if progress > 0, let length = mouseOrFocusReport(rest) {
        // A mouse that moves between two presses interrupts nothing.
        reading.forward += rest.prefix(length)
        index += length
      } else if let press = press(rest) {
        held += rest.prefix(press.length)
        index += press.length
        guard !press.isRelease else { continue }
        advance(to: press.candidates, now: now)
        guard let found = candidates.first(where: { sequences[$0].keys.count == progress }) else { continue }
        if let command = sequences[found].command {
          release()
          reading.command = command
          reading.rest = Array(bytes[index...])
          return reading
        }
        reading.forward += rest.prefix(press.length)
        release()
      } else if progress > 0 {
        if let release = releaseOfEarlierKey(rest) {
          held += rest.prefix(release)
          index += release
        } else {
          // It was something else: let go of it and look at this byte afresh.
          reading.forward += held
          release()
        }
      } else {
        reading.forward.append(bytes[index])
        index += 1
      }
    }
    return reading
  }

  /// What was held back for longer than the key may take.
  package mutating func expire(now: UInt64) -> [UInt8] {
    guard let deadline, now >= deadline else { return [] }
    defer { release() }
    return held
  }

  // MARK: Sequences

  private var possible: [Int] { progress == 0 ? Array(sequences.indices) : candidates }

  /// The next key of some of the sequences that are possible, at the beginning of the bytes.
  private func press(_ bytes: ArraySlice<UInt8>) -> (length: Int, isRelease: Bool, candidates: [Int])? {
    var found: (length: Int, isRelease: Bool, candidates: [Int])?
    for index in possible {
      guard let report = keyReport(bytes, of: sequences[index].keys[progress]) else { continue }
      // Released, it tells nothing; only the release of a key that is held back belongs to it.
      if report.isRelease, progress == 0 { continue }
      if found == nil { found = (report.length, report.isRelease, []) }
      if found?.length == report.length { found?.candidates.append(index) }
    }
    return found
  }

  private func releaseOfEarlierKey(_ bytes: ArraySlice<UInt8>) -> Int? {
    for index in candidates {
      if let earlier = keyReport(bytes, of: sequences[index].keys[progress - 1]), earlier.isRelease {
        return earlier.length
      }
    }
    return nil
  }

  private mutating func advance(to candidates: [Int], now: UInt64) {
    self.candidates = candidates
    progress += 1
    guard progress == 1, let first = candidates.first else { return }
    let key = sequences[first].keys[0]
    deadline = windows.first { $0.key == key }.map { now + UInt64($0.window.wholeMilliseconds) * 1_000_000 }
  }

  private mutating func release() {
    held = []
    candidates = []
    progress = 0
    deadline = nil
  }

  /// How many bytes at the beginning belong to a paste. Its marks come in one piece: what is before this sees to that.
  private mutating func pasteLength(_ bytes: ArraySlice<UInt8>) -> Int? {
    if isPasting {
      guard bytes.starts(with: AttachKeys.pasteEnd) else { return 1 }
      isPasting = false
      return AttachKeys.pasteEnd.count
    }
    guard bytes.starts(with: AttachKeys.pasteStart) else { return nil }
    isPasting = true
    return AttachKeys.pasteStart.count
  }
}

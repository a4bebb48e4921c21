/// The number of a hyperlink in one terminal; `none` is no link. It stays valid until the next `feed` or `resize`.
package struct LinkID: Equatable, Hashable, Sendable {
  package let rawValue: UInt16
  package static let none = LinkID(rawValue: 0)

  init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// Where a hyperlink goes (OSC 8).
struct LinkTarget: Hashable {
  var uri: String
  /// The `id=` parameter, empty when there was none.
  var id: String

  var bytesHeld: Int { uri.utf8.count + id.utf8.count + 32 }

  /// OSC 8 that begins this link, or ends any.
  static func command(_ target: LinkTarget?) -> String {
    guard let target, !target.uri.isEmpty else { return "\u{1B}]8;;\u{1B}\\" }
    return "\u{1B}]8;\(target.id.isEmpty ? "" : "id=\(target.id)");\(target.uri)\u{1B}\\"
  }
}

/// The hyperlinks on screen, each with a number that cells carry.
struct LinkTable {
  /// Cells have 16 bits for the number.
  static let countLimit = 1 << 16
  /// The most bytes of addresses in all.
  static let byteLimit = 1 << 20
  /// The longest address, which is the one that browsers and other terminals take.
  static let uriLimit = 2083
  static let idLimit = 250

  private var targets: [LinkTarget?] = [nil]
  private var numbers: [LinkTarget: UInt16] = [:]
  private var free: [UInt16] = []
  private var bytes = 0
  private var refusals = 0

  init() {}

  var bytesHeld: Int { targets.capacity * 33 + numbers.capacity * 48 + free.capacity * 2 + bytes }

  subscript(_ id: Int) -> LinkTarget? { id < targets.count ? targets[id] : nil }

  /// The target's number, or nil when the table must be swept first.
  mutating func intern(_ target: LinkTarget) -> Int? {
    if let number = numbers[target] { return Int(number) }
    let size = target.uri.utf8.count + target.id.utf8.count
    guard bytes + size <= Self.byteLimit else { return nil }
    let number: Int
    if let reused = free.popLast() {
      number = Int(reused)
      targets[number] = target
    } else {
      guard targets.count < Self.countLimit else { return nil }
      number = targets.count
      targets.append(target)
    }
    numbers[target] = UInt16(truncatingIfNeeded: number)
    bytes += size
    return number
  }

  /// Whether to do without a new link: the last sweep made no room, and sweeping for each link would make every one cost a
  /// look at the whole screen.
  mutating func refusesSweep() -> Bool {
    guard refusals > 0 else { return false }
    refusals -= 1
    return true
  }

  mutating func noteUselessSweep() { refusals = Self.refusalsAfterSweep }

  private static let refusalsAfterSweep = 1024

  mutating func sweep(live: [Bool]) {
    for number in 1..<max(targets.count, 1) where !live[number] {
      guard let target = targets[number] else { continue }
      bytes -= target.uri.utf8.count + target.id.utf8.count
      numbers[target] = nil
      targets[number] = nil
      free.append(UInt16(truncatingIfNeeded: number))
    }
  }

  var count: Int { targets.count }
}

/// The styles in use, each with a number that cells carry.
///
/// Numbers stay the same as long as the style is in use. A true-colour animation makes a new style for nearly every cell, so the
/// table asks to be swept once it has doubled since the last sweep: that keeps it in the processor's cache.
struct StyleTable: ~Copyable {
  /// Cells have 20 bits for the number.
  static let limit = 1 << 20
  /// Below this many styles a sweep is not worth its cost.
  private static let firstSweep = 4096

  private(set) var styles: UnsafeMutablePointer<Style>
  private(set) var capacity: Int
  /// Numbers handed out so far, the free ones included. Number 0 is the default style.
  private(set) var count = 1
  private var slots: UnsafeMutablePointer<UInt32>
  private var slotMask: Int
  /// Head of the list of free numbers, linked through `Style.colors`; 0 ends it.
  private var firstFree: UInt32 = 0
  private var used = 1
  private var refusals = 0
  private var sweepAt = StyleTable.firstSweep
  /// How often numbers have been freed: one that was known before may be another style's.
  private(set) var sweeps = 0

  init() {
    capacity = 16
    styles = .allocate(capacity: capacity)
    styles.initialize(repeating: .default, count: capacity)
    slotMask = 31
    slots = .allocate(capacity: 32)
    slots.initialize(repeating: 0, count: 32)
  }

  deinit {
    styles.deallocate()
    slots.deallocate()
  }

  var bytesHeld: Int { capacity * MemoryLayout<Style>.stride + (slotMask + 1) * 4 }

  @inline(__always) subscript(_ id: Int) -> Style { styles[id] }

  @inline(__always) private func slot(of style: Style) -> Int {
    let mixed = (style.colors &* 0x9E37_79B9_7F4A_7C15) ^ (style.rest &* 0xC2B2_AE3D_27D4_EB4F)
    return Int(truncatingIfNeeded: mixed >> 32) & slotMask
  }

  /// The style's number, or nil when the table must be swept first.
  @inline(__always)
  mutating func intern(_ style: Style) -> UInt32? {
    if style.isDefault { return 0 }
    var slot = slot(of: style)
    while true {
      let id = slots[slot]
      if id == 0 { break }
      if styles[Int(id)] == style { return id }
      slot = (slot + 1) & slotMask
    }
    if used >= sweepAt { return nil }
    let id: UInt32
    if firstFree != 0 {
      id = firstFree
      firstFree = UInt32(truncatingIfNeeded: styles[Int(id)].colors)
    } else {
      if count == capacity {
        grow()
        return intern(afterGrowing: style)
      }
      id = UInt32(truncatingIfNeeded: count)
      count += 1
    }
    styles[Int(id)] = style
    slots[slot] = id
    used += 1
    return id
  }

  @inline(never)
  private mutating func intern(afterGrowing style: Style) -> UInt32? { intern(style) }

  /// The style's number without a sweep, for cells that no sweep would see; 0 when there is none left.
  mutating func internWithoutSweep(_ style: Style) -> UInt32 {
    if let id = intern(style) { return id }
    guard used < Self.limit else { return 0 }
    sweepAt = min(sweepAt * 2, Self.limit)
    return intern(style) ?? 0
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Style>.allocate(capacity: capacity * 2)
    larger.initialize(repeating: .default, count: capacity * 2)
    larger.update(from: styles, count: count)
    styles.deallocate()
    styles = larger
    capacity *= 2
    rehash { _ in true }
  }

  private mutating func rehash(_ isLive: (Int) -> Bool) {
    slots.deallocate()
    slotMask = capacity * 2 - 1
    slots = .allocate(capacity: slotMask + 1)
    slots.initialize(repeating: 0, count: slotMask + 1)
    for id in 1..<count where isLive(id) {
      var slot = slot(of: styles[id])
      while slots[slot] != 0 { slot = (slot + 1) & slotMask }
      slots[slot] = UInt32(truncatingIfNeeded: id)
    }
  }

  /// Frees every number that is not marked. The caller marks what cells and pens use.
  mutating func sweep(live: UnsafeMutablePointer<Bool>) {
    sweeps += 1
    rehash { live[$0] }
    firstFree = 0
    used = 1
    for id in 1..<count {
      if live[id] {
        used += 1
      } else {
        styles[id] = Style(colors: UInt64(firstFree), rest: 0)
        firstFree = UInt32(truncatingIfNeeded: id)
      }
    }
    sweepAt = min(max(used * 2, Self.firstSweep), Self.limit)
    refusals = used > Self.limit - Self.limit / 64 ? Self.refusalsAfterSweep : 0
  }

  /// Whether to do without a new style: so many are on screen that a sweep would free next to none, and sweeping for each
  /// would make every colour cost a look at the whole screen.
  mutating func refusesSweep() -> Bool {
    guard refusals > 0 else { return false }
    refusals -= 1
    return true
  }

  private static let refusalsAfterSweep = 1 << 16

  mutating func reset() {
    self = StyleTable()
  }
}

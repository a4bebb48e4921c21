/// Characters of more than one scalar, each with a number that cells carry.
///
/// A cluster is named by the token it extends (a scalar, or a shorter cluster) and the scalar added to it, so the same letter
/// with the same accents is stored once however often it is on screen.
struct ClusterTable: ~Copyable {
  /// The most bytes of UTF-8 in a cluster. The longest emoji in use (a kiss with two skin tones) takes 35, the flag of
  /// Scotland 28; what a longer pile of accents has beyond this is dropped.
  static let textLimit = 48
  /// The most clusters at a time: with 64 bytes each, 4 MB for one terminal.
  static let limit = 1 << 16
  private static let firstSweep = 256

  /// A record is the key (8 bytes), the length (1), and from `textOffset` the text.
  private static let stride = 64
  private static let lengthOffset = 8
  private static let textOffset = 16

  private var records: UnsafeMutableRawPointer?
  private var capacity = 0
  private var count = 0
  private var slots: UnsafeMutablePointer<UInt32>?
  private var slotMask = 0
  private var free: [UInt32] = []
  private var sweepAt = ClusterTable.firstSweep

  init() {}

  deinit {
    records?.deallocate()
    slots?.deallocate()
  }

  var bytesHeld: Int { capacity * Self.stride + (slots == nil ? 0 : (slotMask + 1) * 4) + free.capacity * 4 }

  /// Whether the next new cluster should come after a sweep.
  var wantsSweep: Bool { count - free.count >= sweepAt && refusals == 0 }
  /// How many clusters are still refused before the next sweep: sweeping a full table each time would make every accent cost a
  /// look at the whole screen.
  private var refusals = 0
  private static let refusalsAfterSweep = 1 << 14
  private var isFull: Bool { count >= Self.limit && free.isEmpty }

  private func key(_ id: Int) -> UInt64 { records!.load(fromByteOffset: id * Self.stride, as: UInt64.self) }

  /// The text of a cluster; a number that names none gives no text.
  @inline(__always)
  func text(_ id: Int) -> UnsafeBufferPointer<UInt8> {
    guard let records, id < count else { return UnsafeBufferPointer(start: nil, count: 0) }
    let record = records + id * Self.stride
    let length = Int(record.load(fromByteOffset: Self.lengthOffset, as: UInt8.self))
    return UnsafeBufferPointer(
      start: (record + Self.textOffset).assumingMemoryBound(to: UInt8.self), count: length)
  }

  private func slot(of key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & slotMask
  }

  /// The number of `token` with `scalar` added, or nil when it would be too long or there is no room.
  mutating func extend(_ token: Cell, with scalar: UInt32) -> Int? {
    let key = (token & CellBits.token) << 21 | UInt64(scalar)
    if let slots {
      var slot = slot(of: key)
      while slots[slot] != 0 {
        let id = Int(slots[slot]) - 1
        if self.key(id) == key { return id }
        slot = (slot + 1) & slotMask
      }
    }
    if isFull {
      refusals = max(refusals - 1, 0)
      return nil
    }
    var bytes = InlineText()
    if token & CellBits.cluster != 0 {
      bytes.append(text(Int(token & CellBits.scalar)))
    } else {
      let base = UInt32(token & CellBits.scalar)
      bytes.append(scalar: base == 0 ? 0x20 : base)
    }
    bytes.append(scalar: scalar)
    if bytes.overflowed { return nil }
    if free.isEmpty && count == capacity { grow() }
    let id: Int
    if let reused = free.popLast() {
      id = Int(reused)
    } else {
      id = count
      count += 1
    }
    let record = records! + id * Self.stride
    record.storeBytes(of: key, as: UInt64.self)
    record.storeBytes(of: UInt8(truncatingIfNeeded: bytes.count), toByteOffset: Self.lengthOffset, as: UInt8.self)
    bytes.copy(to: (record + Self.textOffset).assumingMemoryBound(to: UInt8.self))
    insert(id, key)
    return id
  }

  /// The number of a text of several scalars, made one scalar at a time.
  mutating func intern(_ text: UnsafeBufferPointer<UInt8>) -> Cell {
    var token: Cell = 0
    var isFirst = true
    var rest = text
    while let scalar = UTF8Text.next(&rest) {
      if isFirst {
        token = UInt64(scalar)
        isFirst = false
      } else if let id = extend(token, with: scalar) {
        token = CellBits.cluster | UInt64(id)
      }
    }
    return token
  }

  private mutating func insert(_ id: Int, _ key: UInt64) {
    var slot = slot(of: key)
    while slots![slot] != 0 { slot = (slot + 1) & slotMask }
    slots![slot] = UInt32(truncatingIfNeeded: id + 1)
  }

  private mutating func grow() {
    let larger = max(capacity * 2, 16)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: larger * Self.stride, alignment: 16)
    if let records {
      memory.copyMemory(from: records, byteCount: count * Self.stride)
      records.deallocate()
    }
    records = memory
    capacity = larger
    rehash { _ in true }
  }

  private mutating func rehash(_ isLive: (Int) -> Bool) {
    slots?.deallocate()
    slotMask = capacity * 2 - 1
    let fresh = UnsafeMutablePointer<UInt32>.allocate(capacity: slotMask + 1)
    fresh.initialize(repeating: 0, count: slotMask + 1)
    slots = fresh
    for id in 0..<count where isLive(id) { insert(id, key(id)) }
  }

  /// Frees every cluster that no cell shows and no live cluster extends.
  mutating func sweep(_ mark: (_ use: (Cell) -> Void) -> Void) {
    guard count > 0 else { return }
    var live = [Bool](repeating: false, count: count)
    live.withUnsafeMutableBufferPointer { live in
      let known = count
      mark { cell in
        var token = cell & CellBits.token
        while token & CellBits.cluster != 0 {
          let id = Int(token & CellBits.scalar)
          if id >= known || live[id] { return }
          live[id] = true
          token = key(id) >> 21
        }
      }
    }
    free.removeAll(keepingCapacity: true)
    for id in 0..<count where !live[id] { free.append(UInt32(truncatingIfNeeded: id)) }
    rehash { live[$0] }
    sweepAt = min(max((count - free.count) * 2, Self.firstSweep), Self.limit)
    refusals = isFull ? Self.refusalsAfterSweep : 0
  }

  mutating func reset() {
    self = ClusterTable()
  }
}

/// A cluster's text while it is put together.
private struct InlineText {
  private var storage = (
    UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0)
  )
  private(set) var count = 0
  private(set) var overflowed = false

  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    for byte in bytes { append(byte) }
  }

  mutating func append(scalar: UInt32) {
    UTF8Text.forEachByte(of: scalar) { append($0) }
  }

  private mutating func append(_ byte: UInt8) {
    guard count < ClusterTable.textLimit else {
      overflowed = true
      return
    }
    let index = count
    withUnsafeMutableBytes(of: &storage) { $0[index] = byte }
    count += 1
  }

  func copy(to target: UnsafeMutablePointer<UInt8>) {
    withUnsafeBytes(of: storage) { bytes in
      for index in 0..<count { target[index] = bytes[index] }
    }
  }
}

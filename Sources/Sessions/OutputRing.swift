/// The last stretch of a session's raw output, shared by all its raw viewers.
///
/// Every viewer has an offset of its own into the one stream; a viewer that falls out of the ring's back has lost its place, which
/// costs the viewer a repaint and the session nothing. Offsets count bytes since the session began.
struct OutputRing: ~Copyable {
  /// At the 80 MB/s that a PTY can carry this is 13 ms: longer than the pause that a flood imposes between two rounds of writing.
  static let capacity = 1 << 20

  private let storage: UnsafeMutableRawBufferPointer
  /// Offset just behind the newest byte.
  private(set) var end: UInt64
  /// Offset of the oldest byte kept.
  private(set) var start: UInt64

  /// An empty ring in which the next byte has the offset `offset`.
  init(at offset: UInt64) {
    storage = .allocate(byteCount: OutputRing.capacity, alignment: 64)
    start = offset
    end = offset
  }

  deinit { storage.deallocate() }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    // Only the tail of a piece larger than the ring can stay.
    let kept =
      bytes.count > OutputRing.capacity ? UnsafeRawBufferPointer(rebasing: bytes.suffix(OutputRing.capacity)) : bytes
    end += UInt64(bytes.count - kept.count)
    let position = Int(end % UInt64(OutputRing.capacity))
    let first = min(kept.count, OutputRing.capacity - position)
    UnsafeMutableRawBufferPointer(rebasing: storage[position..<(position + first)])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: kept[0..<first]))
    if first < kept.count {
      storage.copyMemory(from: UnsafeRawBufferPointer(rebasing: kept[first...]))
    }
    end += UInt64(kept.count)
    start = max(start, end >= UInt64(OutputRing.capacity) ? end - UInt64(OutputRing.capacity) : 0)
  }

  /// Calls `body` with up to `limit` bytes from `offset` that lie in one piece, and answers its result. `offset` must be kept.
  borrowing func read<Result>(at offset: UInt64, limit: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    precondition(offset >= start && offset < end, "the offset is not in the ring")
    let position = Int(offset % UInt64(OutputRing.capacity))
    let count = min(limit, Int(end - offset), OutputRing.capacity - position)
    return body(UnsafeRawBufferPointer(rebasing: storage[position..<(position + count)]))
  }
}

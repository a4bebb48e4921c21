import Glibc
import Sys

/// Reads a file of the log piece by piece and hands out its lines.
///
/// A piece always begins at the start of a line; the rest of a line that a piece cuts is read again with the next one.
struct LineScanner: ~Copyable {
  /// One read. Large enough that a read costs little a byte, small enough to stay in the processor's cache.
  static let pieceBytes = 256 * 1024

  private let file: Descriptor
  private var buffer: [UInt8]
  /// Where in the file the next piece begins.
  private(set) var offset: Int
  /// Nothing at or beyond this place is read: what is there may not be on the disk yet.
  let end: Int
  private let pieceBytes: Int

  init(
    path: String, from offset: Int, to end: Int, pieceBytes: Int = LineScanner.pieceBytes
  ) throws(SystemError) {
    self.pieceBytes = pieceBytes
    file = Descriptor(owning: try openRegularFile(path, O_RDONLY))
    self.offset = offset
    self.end = end
    buffer = []
  }

  /// The next whole lines, the last line feed included, and where they begin; `nil` at the end. A line that never ends is handed out when it
  /// is longer than any event can be, up to there.
  mutating func piece() throws(SystemError) -> (bytes: ArraySlice<UInt8>, offset: Int)? {
    var wanted = pieceBytes
    while offset < end {
      let limit = min(wanted, end - offset)
      // A buffer of its own for every piece: events go on sharing it.
      let (read, failure) = LineScanner.read(file.raw, limit, at: offset)
      if let failure { throw failure }
      guard !read.isEmpty else { return nil }
      if let last = LineScanner.lastLineFeed(read) {
        let start = offset
        offset += last + 1
        return (read[...last], start)
      }
      if read.count < limit || offset + read.count >= end || wanted > EventLine.maximumBytes * 4 {
        let start = offset
        offset += read.count
        return (read[...], start)
      }
      wanted *= 2
    }
    return nil
  }

  private static func read(_ file: CInt, _ count: Int, at offset: Int) -> ([UInt8], SystemError?) {
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let result = pread(file, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
        if result < 0, errno == EINTR { continue }
        if result < 0 { failure = .last("pread") }
        if result <= 0 { break }
        filled += result
      }
    }
    return (bytes, failure)
  }

  private static func lastLineFeed(_ bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { lastOffset(of: 0x0A, in: $0, before: $0.count) }
  }
}

/// Calls `body` with every line of a piece (without its line feed) and the line's offset in the piece; stops when it answers false.
func forEachLine(
  _ bytes: UnsafeRawBufferPointer, _ body: (_ line: UnsafeRawBufferPointer, _ offset: Int) throws -> Bool
) rethrows {
  var at = 0
  while at < bytes.count, let start = bytes.baseAddress {
    let rest = bytes.count - at
    let found = memchr(start + at, 0x0A, rest)
    let length = found.map { (start + at).distance(to: UnsafeRawPointer($0)) } ?? rest
    guard try body(UnsafeRawBufferPointer(rebasing: bytes[at..<at + length]), at) else { return }
    at += length + 1
  }
}

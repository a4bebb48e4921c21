/// Lines of history that are complete and will not change: their encoding, and the styles and links it refers to.
///
/// A page keeps its own styles, so the terminal's table can be swept without looking at the history.
final class HistoryPage {
  /// The absolute number of the first line.
  let firstLine: Int
  let lineCount: Int
  /// The line behind the last.
  var end: Int { firstLine + lineCount }
  let unpackedSize: Int
  let styles: [Style]
  let links: [LinkTarget]
  private(set) var isPacked = false
  /// Packing was tried: what did not become smaller is not tried again.
  private(set) var isSettled = false
  private var block: PageBlock
  private var place: Range<Int>

  init(
    copying bytes: UnsafePointer<UInt8>, count: Int, firstLine: Int, lineCount: Int, styles: [Style],
    links: [LinkTarget]
  ) {
    self.firstLine = firstLine
    self.lineCount = lineCount
    self.styles = styles
    self.links = links
    unpackedSize = count
    encodedSize = links.reduce(count + styles.count * MemoryLayout<Style>.stride) { $0 + $1.bytesHeld }
    block = PageBlock(joining: [UnsafeBufferPointer(start: bytes, count: count)])
    place = 0..<count
  }

  /// The bytes as they are stored: the encoding, or what it was packed to.
  var stored: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: block.bytes[place]) }

  /// What counts against the bound of the history: the bytes before packing, and the tables.
  let encodedSize: Int

  var bytesHeld: Int { place.count + encodedSize - unpackedSize + 128 }

  /// Replaces the encodings of pages by their packed forms, where those are smaller; returns the bytes saved. Pages that were tried
  /// before are left alone.
  static func pack(_ pages: ArraySlice<HistoryPage>, _ compress: (UnsafeRawBufferPointer) -> [UInt8]?) -> Int {
    let tried = pages.filter { !$0.isSettled }
    let smaller = tried.compactMap { page in
      PackedPage.pack(page.stored, compress).flatMap { $0.count < page.place.count ? (page: page, packed: $0) : nil }
    }
    for page in tried { page.isSettled = true }
    let block = PageBlock(joining: smaller.map(\.packed))
    var saved = 0
    var start = 0
    for (page, packed) in smaller {
      saved += page.place.count - packed.count
      page.block = block
      page.place = start..<(start + packed.count)
      page.isPacked = true
      start += packed.count
    }
    return saved
  }

  /// The encoding of a packed page; nil when it cannot be unpacked.
  func unpack(_ decompress: (UnsafeRawBufferPointer, Int) -> [UInt8]?) -> [UInt8]? {
    PackedPage.unpack(stored, size: unpackedSize, decompress)
  }
}

/// Memory of one or several pages. Packed pages share it, side by side: each for itself would lie between other things, and hold back the
/// two pages of the system's memory that it begins and ends in, a third of its own size.
private final class PageBlock {
  let bytes: UnsafeMutableBufferPointer<UInt8>

  init<Piece: Collection<UInt8>>(joining pieces: [Piece]) {
    bytes = .allocate(capacity: max(pieces.reduce(0) { $0 + $1.count }, 1))
    bytes[0] = 0
    var start = 0
    for piece in pieces {
      _ = UnsafeMutableBufferPointer(rebasing: bytes[start...]).update(fromContentsOf: piece)
      start += piece.count
    }
  }

  deinit { bytes.deallocate() }
}

/// How packed pages are stored:
///
///     0  packed                      the page in one piece
///     1  (size  stored  bytes) × 4   each plane for itself (`HistoryPlanes`); stored as it is where both sizes are the same
enum PackedPage {
  private static let whole: UInt8 = 0
  private static let planes: UInt8 = 1

  /// The smaller of both forms; nil when the compressor refuses.
  static func pack(_ page: UnsafeBufferPointer<UInt8>, _ compress: (UnsafeRawBufferPointer) -> [UInt8]?) -> [UInt8]? {
    let one = compress(UnsafeRawBufferPointer(page)).map { [whole] + $0 }
    // What is taken apart must come together again: nothing less is worth any space.
    guard let split = HistoryPlanes.split(page),
      HistoryPlanes.join(split, size: page.count)?.elementsEqual(page) == true
    else { return one }
    var apart = [planes]
    for plane in split {
      let packed = plane.isEmpty ? nil : plane.withUnsafeBytes { compress($0) }
      let stored = packed.flatMap { $0.count < plane.count ? $0 : nil } ?? plane
      Varint.append(plane.count, to: &apart)
      Varint.append(stored.count, to: &apart)
      apart += stored
    }
    return one.map { $0.count <= apart.count } == true ? one : apart
  }

  static func unpack(
    _ packed: UnsafeBufferPointer<UInt8>, size: Int, _ decompress: (UnsafeRawBufferPointer, Int) -> [UInt8]?
  ) -> [UInt8]? {
    guard let form = packed.first else { return nil }
    var rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(packed)[1...])
    if form == whole { return decompress(rest, size).flatMap { $0.count == size ? $0 : nil } }
    guard form == planes else { return nil }
    var split: [[UInt8]] = []
    for _ in 0..<HistoryPlanes.count {
      guard let count = Varint.take(from: &rest), let stored = Varint.take(from: &rest),
        count <= size, stored <= rest.count
      else { return nil }
      let bytes = UnsafeRawBufferPointer(rebasing: rest[..<stored])
      guard let plane = stored == count ? Array(bytes) : decompress(bytes, count), plane.count == count else {
        return nil
      }
      split.append(plane)
      rest = UnsafeRawBufferPointer(rebasing: rest[stored...])
    }
    return HistoryPlanes.join(split, size: size)
  }
}

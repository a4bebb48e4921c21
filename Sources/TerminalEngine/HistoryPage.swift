/// Lines of history that are complete and will not change: their encoding, and the styles and links it refers to.
///
/// A page keeps its own styles, so the terminal's table can be swept without looking at the history.
final class HistoryPage {
  /// The absolute number of the first line.
  let firstLine: Int
  let lineCount: Int
  let unpackedSize: Int
  let styles: [Style]
  let links: [LinkTarget]
  private(set) var isPacked = false
  /// Packing was tried: what did not become smaller is not tried again.
  private var isSettled = false
  private var memory: UnsafeMutableBufferPointer<UInt8>

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
    memory = .allocate(capacity: max(count, 1))
    memory.baseAddress!.initialize(from: bytes, count: count)
    if count == 0 { memory[0] = 0 }
  }

  deinit { memory.deallocate() }

  /// The bytes as they are stored: the encoding, or what it was packed to.
  var stored: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(memory) }

  /// What counts against the bound of the history: the bytes before packing, and the tables.
  let encodedSize: Int

  var bytesHeld: Int { memory.count + encodedSize - unpackedSize + 128 }

  /// Replaces the encoding by its packed form when that is smaller; returns the bytes saved.
  func pack(_ compress: (UnsafeRawBufferPointer) -> [UInt8]?) -> Int {
    guard !isSettled else { return 0 }
    isSettled = true
    guard let packed = compress(UnsafeRawBufferPointer(memory)),
      !packed.isEmpty, packed.count < memory.count
    else { return 0 }
    let saved = memory.count - packed.count
    let smaller = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: packed.count)
    _ = smaller.initialize(from: packed)
    memory.deallocate()
    memory = smaller
    isPacked = true
    return saved
  }
}

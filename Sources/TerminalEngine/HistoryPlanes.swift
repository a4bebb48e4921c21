/// A page of history taken apart by what its bytes are, so that each kind is packed with statistics of its own.
///
/// Ideographs and syllables give their low and their high halves to a plane each, letters of one small alphabet their low seven bits to
/// a third; everything else stays in the first, with a mark for what was taken. Packed together they spoil each other's statistics: a
/// page of random ideographs packs to 27 bits a character that way, apart to 12.2, of which 12.1 are chance.
enum HistoryPlanes {
  static let count = 4
  private static let main = 0
  private static let low = 1
  private static let high = 2
  private static let small = 3

  /// In the first plane, for letters of two bytes in UTF-8: which 128 scalars, and how many letters.
  private static let window: UInt8 = 0xFC
  /// Fewer in a row are not worth the mark.
  private static let shortestRun = 3

  /// The planes of a page; nil when it has nothing to take apart.
  static func split(_ page: UnsafeBufferPointer<UInt8>) -> [[UInt8]]? {
    guard let start = page.baseAddress else { return nil }
    var planes = [[UInt8]](repeating: [], count: count)
    planes[main].reserveCapacity(page.count)
    var line = start
    let end = start + page.count
    while line < end {
      let encoded = HistoryLine(at: line)
      if encoded.isASCII {
        planes[main].append(contentsOf: UnsafeBufferPointer(start: line, count: encoded.end - line))
      } else if let text = encoded.text.baseAddress {
        planes[main].append(contentsOf: UnsafeBufferPointer(start: line, count: text - line))
        splitText(encoded.text, &planes)
        let textEnd = text + encoded.text.count
        planes[main].append(contentsOf: UnsafeBufferPointer(start: textEnd, count: encoded.end - textEnd))
      }
      line = encoded.end
    }
    return planes[low].isEmpty && planes[small].isEmpty ? nil : planes
  }

  private static func splitText(_ text: UnsafeBufferPointer<UInt8>, _ planes: inout [[UInt8]]) {
    var index = 0
    while index < text.count {
      let byte = text[index]
      var taken: Int
      switch byte {
      case HistoryMarker.pairs where index + 1 < text.count:
        let length = min(Int(text[index + 1]), (text.count - index - 2) / 2)
        planes[main].append(contentsOf: [byte, UInt8(truncatingIfNeeded: length)])
        for pair in 0..<length {
          planes[low].append(text[index + 2 + pair * 2])
          planes[high].append(text[index + 3 + pair * 2])
        }
        index += 2 + length * 2
        continue
      case HistoryMarker.narrow, HistoryMarker.wide:
        taken = index + 1 < text.count ? 2 + Int(text[index + 1]) : 1
      case 0xC2...0xDF:
        let length = letters(text, index)
        if length >= shortestRun {
          planes[main].append(contentsOf: [window, byte & 0x1E, UInt8(truncatingIfNeeded: length)])
          for letter in 0..<length {
            planes[small].append(text[index + letter * 2] << 6 & 0x40 | text[index + letter * 2 + 1] & 0x3F)
          }
          index += length * 2
          continue
        }
        taken = 2
      case 0xE0...0xF7: taken = UTF8Text.length(leading: byte)
      default: taken = 1
      }
      taken = min(taken, text.count - index)
      planes[main].append(contentsOf: text[index..<(index + taken)])
      index += taken
    }
  }

  /// How many letters of the same 128 scalars stand here, two bytes each.
  private static func letters(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
    var index = start
    while index + 1 < text.count, text[index] & 0xFE == text[start] & 0xFE, (index - start) / 2 < 255 { index += 2 }
    return (index - start) / 2
  }

  /// The page that was taken apart; nil when these are no planes of one of that size.
  static func join(_ planes: [[UInt8]], size: Int) -> [UInt8]? {
    guard planes.count == count else { return nil }
    var join = Join(planes, size: size)
    while join.position < planes[main].count {
      guard join.line() else { return nil }
    }
    return join.page.count == size ? join.page : nil
  }

  /// Reads the planes side by side. Nothing is believed: the planes may have been damaged.
  private struct Join {
    private let planes: [[UInt8]]
    private let size: Int
    private var places = [Int](repeating: 0, count: HistoryPlanes.count)
    private(set) var page: [UInt8] = []

    var position: Int { places[main] }

    init(_ planes: [[UInt8]], size: Int) {
      self.planes = planes
      self.size = size
      page.reserveCapacity(size)
    }

    private mutating func take(_ plane: Int = main) -> UInt8? {
      guard places[plane] < planes[plane].count else { return nil }
      defer { places[plane] += 1 }
      return planes[plane][places[plane]]
    }

    /// Copies bytes of the first plane.
    private mutating func copy(_ length: Int) -> Bool {
      guard length <= planes[main].count - position, page.count + length <= size else { return false }
      page.append(contentsOf: planes[main][position..<(position + length)])
      places[main] += length
      return true
    }

    /// Copies a number; nil when there is none, or one that no page has.
    private mutating func copyNumber() -> Int? {
      var value = 0
      for shift in stride(from: 0, to: 35, by: 7) {
        guard let byte = take() else { return nil }
        page.append(byte)
        value |= Int(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }

    mutating func line() -> Bool {
      guard let flags = take() else { return false }
      page.append(flags)
      guard let length = copyNumber(), length <= size - page.count else { return false }
      if flags & HistoryFlags.ascii != 0 {
        guard copy(length) else { return false }
      } else {
        let end = page.count + length
        while page.count < end {
          guard piece() else { return false }
        }
        guard page.count == end else { return false }
      }
      return flags & HistoryFlags.hasRuns == 0 || runs()
    }

    private mutating func piece() -> Bool {
      guard let byte = take() else { return false }
      switch byte {
      case HistoryMarker.pairs:
        guard let length = take() else { return false }
        page.append(contentsOf: [byte, length])
        for _ in 0..<length {
          guard let low = take(low), let high = take(high) else { return false }
          page.append(contentsOf: [low, high])
        }
      case HistoryPlanes.window:
        guard let window = take(), let length = take() else { return false }
        for _ in 0..<length {
          guard let bits = take(small) else { return false }
          page.append(contentsOf: [0xC0 | window | bits >> 6, 0x80 | bits & 0x3F])
        }
      case HistoryMarker.narrow, HistoryMarker.wide:
        page.append(byte)
        guard let length = take() else { return true }
        page.append(length)
        return copy(Int(length))
      case 0xC2...0xF7:
        page.append(byte)
        return copy(UTF8Text.length(leading: byte) - 1)
      default: page.append(byte)
      }
      return true
    }

    private mutating func runs() -> Bool {
      guard let count = copyNumber(), count <= size else { return false }
      for _ in 0..<count {
        guard copyNumber() != nil, let style = copyNumber() else { return false }
        if style & 1 != 0, copyNumber() == nil { return false }
      }
      return true
    }
  }
}

import Testing

@testable import TerminalEngine

@Suite("Packing pages of history")
struct HistoryPlanesTests {
  /// Numbers that are the same in every run.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state ^ state >> 29) &* 0x9E37_79B9_7F4A_7C15
    }
  }

  private static let pieces = [
    "the quick ", "中", "文字化け", "日本語のテキスト", "한국어", "\u{2E80}", "\u{D7FF}", "\u{F900}豈", "\u{4E20}\u{4EFA}",
    "привет мир ",
    "é", "naïve ", "Ελληνικά", "шум", "😀", "👨‍👩‍👧", "❤️", "e\u{301}", "עברית", "─────", "　", "  ", "\u{7FF}\u{800}",
    "\u{10FFFD}", "ﬀ",
    "\u{1B}[31m", "\u{1B}[m", "\u{1B}[1;38;5;77m", "\u{1B}]8;;http://x/1\u{7}", "\u{1B}]8;;\u{7}",
  ]

  private static func filled(_ generator: inout Generator) -> Terminal {
    let columns = [80, 7, 1, 33, 700].randomElement(using: &generator) ?? 80
    var terminal = Terminal(size: TerminalSize(rows: 5, columns: columns))
    // Some sessions print one script, some a mixture.
    let few = (0..<Int.random(in: 1...8, using: &generator)).compactMap { _ in pieces.randomElement(using: &generator) }
    for _ in 0..<Int.random(in: 200...1500, using: &generator) {
      var line = ""
      for _ in 0..<Int.random(in: 0...14, using: &generator) {
        line += few.randomElement(using: &generator) ?? ""
        if Int.random(in: 0..<9, using: &generator) == 0 { line += pieces.randomElement(using: &generator) ?? "" }
      }
      terminal.feed(line + "\r\n")
    }
    return terminal
  }

  /// Keeps what it is given and answers a ticket.
  private final class Vault {
    var kept: [[UInt8]] = []
    func pack(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
      kept.append(Array(bytes))
      return [UInt8(truncatingIfNeeded: kept.count - 1), UInt8(truncatingIfNeeded: (kept.count - 1) >> 8)]
    }
    func unpack(_ ticket: UnsafeRawBufferPointer, _ size: Int) -> [UInt8]? {
      guard ticket.count == 2 else { return nil }
      let number = Int(ticket[0]) | Int(ticket[1]) << 8
      return number < kept.count && kept[number].count == size ? kept[number] : nil
    }
  }

  /// The pages that sealing would pack. Of each visit the first thing to be packed is the page, what follows are its planes.
  private static func pages(of terminal: inout Terminal) -> [[UInt8]] {
    var pages: [[UInt8]] = []
    var isDone = false
    while !isDone {
      var isFirst = true
      isDone =
        terminal.sealHistory(atMost: 1) { page in
          if isFirst { pages.append(Array(page)) }
          isFirst = false
          return nil
        }.isDone
    }
    return pages
  }

  @Test("a page that is taken apart is the same when it is put together", arguments: 1...60)
  func roundTrip(seed: Int) throws {
    var generator = Generator(state: UInt64(seed))
    var terminal = Self.filled(&generator)
    for page in Self.pages(of: &terminal) {
      guard let planes = page.withUnsafeBufferPointer(HistoryPlanes.split) else { continue }
      #expect(HistoryPlanes.join(planes, size: page.count) == page)
      #expect(planes.reduce(0) { $0 + $1.count } <= page.count + page.count / 8)
    }
  }

  @Test("what is read of a history is the same after it was packed", arguments: 1...60)
  func sealed(seed: Int) {
    var generator = Generator(state: UInt64(seed) &* 77)
    var terminal = Self.filled(&generator)
    func read(_ line: Int) -> [String] {
      var runs: [String] = []
      terminal.visitRuns(line: line, trim: .none) { run in
        runs.append("\(run.columns) \(run.style) \(String(decoding: run.text, as: UTF8.self))")
      }
      return runs
    }
    let before = (terminal.firstLine..<terminal.screenTop).map(read)
    let vault = Vault()
    terminal.decompress = { vault.unpack($0, $1) }
    // Whole pages are refused, so that they are kept in planes; large planes too, which are then kept as they are.
    let largest = Int.random(in: 100...20_000, using: &generator)
    var isDone = false
    while !isDone {
      isDone = terminal.sealHistory(atMost: 1) { $0.count > largest ? nil : vault.pack($0) }.isDone
    }
    #expect((terminal.firstLine..<terminal.screenTop).map(read) == before)
    terminal.resize(TerminalSize(rows: 50, columns: 41))
    terminal.feed("more\r\n")
    #expect(terminal.rowText(terminal.cursor.row - 1) == "more")
  }

  @Test("damaged planes are refused or give some page, and never trap", arguments: 1...40)
  func damaged(seed: Int) throws {
    var generator = Generator(state: UInt64(seed) &* 991)
    var terminal = Self.filled(&generator)
    for page in Self.pages(of: &terminal).prefix(3) {
      guard let planes = page.withUnsafeBufferPointer(HistoryPlanes.split) else { continue }
      for _ in 0..<200 {
        var wrong = planes
        let plane = Int.random(in: 0..<HistoryPlanes.count, using: &generator)
        guard !wrong[plane].isEmpty else { continue }
        let place = Int.random(in: 0..<wrong[plane].count, using: &generator)
        if Bool.random(using: &generator) {
          wrong[plane][place] = UInt8.random(in: 0...255, using: &generator)
        } else {
          wrong[plane].removeSubrange(place...)
        }
        if let joined = HistoryPlanes.join(wrong, size: page.count) { #expect(joined.count == page.count) }
      }
    }
  }

  @Test("a history of ideographs costs two bytes each, and half of that is what packing can take")
  func ideographs() {
    var generator = Generator(state: 5)
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80))
    for _ in 0..<2000 {
      var line = ""
      for _ in 0..<30 {
        line.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: 0x4E00..<0x5E00, using: &generator))!)
      }
      terminal.feed(line + "\r\n")
    }
    #expect(terminal.bytesHeld < 2000 * 66 + 80_000)
    var planes: [Int] = []
    _ = terminal.sealHistory { bytes in
      planes.append(bytes.count)
      return nil
    }
    // A page, then what it was taken apart to: little, the low halves, the high halves.
    #expect(planes.count > 4)
    #expect(planes[2] == planes[3])
    #expect(planes[1] + planes[2] + planes[3] <= planes[0])
  }
}

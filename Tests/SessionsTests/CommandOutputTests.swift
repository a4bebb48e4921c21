import Testing

@testable import Sessions

@Suite("Where the output of a command is kept")
struct CommandOutputTests {
  private static func append(_ text: String, to output: CommandOutput) {
    Array(text.utf8).withUnsafeBytes { output.append($0, lines: text.utf8.count { $0 == 0x0A }) }
  }

  /// Every page from an offset on, and where each began.
  private static func pages(_ output: CommandOutput, limit: Int) -> (text: [UInt8], offsets: [Int]) {
    var text: [UInt8] = []
    var offsets: [Int] = []
    var next: Int? = 0
    while let offset = next {
      let piece = output.read(offset: offset, limit: limit)
      offsets.append(piece.offset)
      text += piece.bytes
      next = piece.nextOffset
    }
    return (text, offsets)
  }

  @Test(
    "a text of any length is read back whole, in pages that end between characters", arguments: [10, 70_000, 400_000])
  func whole(lines: Int) {
    let output = CommandOutput(folder: "/tmp")
    var expected: [UInt8] = []
    for number in 1...lines {
      let line = "日本語 \(number)\n"
      expected += line.utf8
      Self.append(line, to: output)
    }
    for isFinished in [false, true] {
      if isFinished { output.finish() }
      #expect(output.totalBytes == expected.count)
      #expect(output.lines == lines)
      #expect(output.droppedBytes == 0)
      let (text, _) = Self.pages(output, limit: 100_001)
      #expect(text == expected)
      #expect(output.tail(bytes: 8) == Array(expected.suffix(8).drop { $0 & 0xC0 == 0x80 }))
      #expect(output.read(offset: -20, limit: 1000).nextOffset == nil)
    }
  }

  @Test("heads, tails and pages never hold half a character", arguments: 0...16)
  func characters(count: Int) {
    let text = "aä日🙂z"
    let output = CommandOutput()
    Self.append(text, to: output)
    let all = Array(text.utf8)
    for piece in [output.head(bytes: count), output.tail(bytes: count)] {
      #expect(piece.count <= count)
      #expect(!String(decoding: piece, as: UTF8.self).contains("\u{FFFD}"))
    }
    #expect(all.starts(with: output.head(bytes: count)))
    let (head, tail, omitted) = output.parts(head: count / 2, tail: count - count / 2)
    #expect(head.count + tail.count + omitted == all.count)
    #expect((count >= all.count) == (head == all && tail.isEmpty && omitted == 0))
    if count > 0 {
      let (pages, _) = Self.pages(output, limit: count)
      #expect(pages == all)
    }
    let piece = output.read(offset: count, limit: 100)
    #expect(!String(decoding: piece.bytes, as: UTF8.self).contains("\u{FFFD}"))
    #expect(piece.offset + piece.bytes.count == all.count)
  }

  @Test("beyond the bound the middle is dropped, and said to be", arguments: [0, 1, 300_000, 1_000_001])
  func bounded(spool: Int) {
    let output = CommandOutput(folder: "/tmp", spoolLimit: spool)
    var expected: [UInt8] = []
    for number in 1...150_000 {
      let line = "größe \(number)\n"
      expected += line.utf8
      Self.append(line, to: output)
    }
    output.finish()
    #expect(output.totalBytes == expected.count)
    #expect(output.droppedBytes > 0)
    #expect(output.bytesOnSpool <= spool)
    let (text, offsets) = Self.pages(output, limit: 65_536)
    #expect(text.count >= expected.count - output.droppedBytes - 3)
    #expect(text.count <= expected.count - output.droppedBytes)
    #expect(!String(decoding: text, as: UTF8.self).contains("\u{FFFD}"))
    #expect(text.starts(with: expected.prefix(200_000)))
    #expect(text.suffix(200_000).elementsEqual(expected.suffix(200_000)))
    #expect(offsets == offsets.sorted())
    let (head, tail, omitted) = output.parts(head: 1000, tail: 1000)
    #expect(expected.starts(with: head))
    #expect(expected.suffix(tail.count).elementsEqual(tail))
    #expect(head.count + tail.count + omitted == expected.count)
    #expect(output.tail(bytes: .max).count <= CommandOutput.memoryBytes * 3)
    #expect(expected.suffix(output.tail(bytes: .max).count).elementsEqual(output.tail(bytes: .max)))
  }

  @Test("a folder that takes no file is no failure: the text goes to memory")
  func noFolder() {
    let output = CommandOutput(folder: "/proc/self/no such folder")
    let line = String(repeating: "x", count: 999) + "\n"
    for _ in 0..<1000 { Self.append(line, to: output) }
    output.finish()
    #expect(output.droppedBytes == 0)
    #expect(output.read(offset: 500_000, limit: 1000).bytes == Array(line.utf8))
  }

  @Test("when everything fits it is one piece", arguments: [(5, 5), (10, 0), (0, 10), (20, 20)])
  func onePiece(head: Int, tail: Int) {
    let output = CommandOutput()
    Self.append("0123456789", to: output)
    let parts = output.parts(head: head, tail: tail)
    #expect(parts.head == Array("0123456789".utf8))
    #expect(parts.tail.isEmpty)
    #expect(parts.omitted == 0)
  }
}

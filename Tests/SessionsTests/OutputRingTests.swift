import Formats
import Testing

@testable import Sessions

@Suite("The ring of output")
struct OutputRingTests {
  @Test("every reader sees the bytes at its own offset, across the seam", arguments: [1, 7, 4096, 65_536, 700_001])
  func offsets(piece: Int) {
    var ring = OutputRing(at: 5)
    var written = 5
    func byte(_ offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset &* 31 &+ offset >> 8) }
    let rounds = max(3, 3 * OutputRing.capacity / max(piece, 4096))
    for _ in 0..<rounds {
      let bytes = (written..<(written + piece)).map(byte)
      bytes.withUnsafeBytes { ring.append($0) }
      written += piece
    }
    #expect(ring.end == UInt64(written))
    #expect(ring.end - ring.start <= UInt64(OutputRing.capacity))
    var offset = ring.start
    var isRight = true
    while offset < ring.end {
      offset += ring.read(at: offset, limit: 10_000) { part in
        for (index, value) in part.enumerated() where value != byte(Int(offset) + index) { isRight = false }
        return UInt64(part.count)
      }
    }
    #expect(isRight)
  }

  @Test("of a piece larger than the ring the tail stays")
  func oversize() {
    var ring = OutputRing(at: 0)
    let bytes = [UInt8](repeating: 1, count: OutputRing.capacity) + [2, 3]
    bytes.withUnsafeBytes { ring.append($0) }
    #expect(ring.end == UInt64(bytes.count))
    #expect(ring.start == 2)
    #expect(ring.read(at: ring.end - 2, limit: 10) { Array($0) } == [2, 3])
  }
}

@Suite("Session labels and names")
struct SessionLabelTests {
  @Test("a label goes to the keeper and back")
  func roundTrip() throws {
    let label = SessionLabel(
      name: try SessionName("übung.1"), tags: [try Sessions.Tag("a"), try Sessions.Tag("b")],
      command: "make 'a&b' = 100% ☃", startedAt: Timestamp(milliseconds: 1_700_000_000_123),
      nonce: "abc")
    #expect(SessionLabel(label.encoded) == label)
  }

  @Test("what is no label is none", arguments: ["", "name=", "name=a&command=%zz&started_at=x", "\u{0}\u{1}"])
  func malformed(text: String) { #expect(SessionLabel(Array(text.utf8)) == nil) }

  @Test(
    "names that would mean something else in a path are refused",
    arguments: [
      "", ".", "..", "a/b", "a b", "a%", "a\n", String(repeating: "x", count: 65), "😀", "\u{3164}", "a\u{200b}",
    ])
  func badNames(text: String) { #expect(throws: SessionError.self) { try SessionName(text) } }

  @Test(
    "names in any script are fine",
    arguments: ["a", "build-1", "A.b_c", "日本", "übung", String(repeating: "x", count: 64)])
  func goodNames(text: String) throws { #expect(try SessionName(text).text == text) }
}

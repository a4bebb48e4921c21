import TerminalEngine
import Testing

/// What a few bytes may have a terminal do at a time.
@Suite("Work")
struct WorkTests {
  private func large(_ before: String = "") -> Terminal {
    var terminal = Terminal(size: TerminalSize(rows: 100, columns: 200))
    terminal.feed(before)
    return terminal
  }

  /// Feeds in portions. Returns how many there were, and the most that one did.
  private func feed(_ terminal: inout Terminal, _ text: String, work: Int) -> (portions: Int, most: Int) {
    var (portions, most) = (0, 0)
    Array(text.utf8).withUnsafeBytes { bytes in
      var rest = bytes
      while !rest.isEmpty, portions < 1_000_000 {
        var left = work
        let taken = terminal.feed(rest, work: &left)
        rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        portions += 1
        most = max(most, work - left)
      }
    }
    return (portions, most)
  }

  /// What is seen of it, and what it has answered.
  private func seen(_ terminal: inout Terminal) -> [String] {
    var seen: [String] = []
    for row in 0..<terminal.size.rows {
      var text = ""
      terminal.visitRuns(row: row, trim: .blankAny) { text += String(decoding: $0.text, as: UTF8.self) }
      seen.append(text)
    }
    return seen + [
      "\(terminal.cursor)", "\(terminal.screenTop)", String(decoding: terminal.takeReplies(), as: UTF8.self),
    ]
  }

  @Test(
    "output that costs more than its bytes stops behind each sequence that has used the work up, and comes to the same",
    arguments: [
      "\u{1B}#8", "\u{1B}[1 @", "x\u{1B}[1;1;1;1;100;200*y", "\u{1B}[1;1;100;200;1$r", "\u{1B}[65;1;1;100;200$x",
      "\u{1B}[1;1;100;200$z", "\u{1B}[1;1;99;200;1;2;1;1$v", "\u{1B}[H\u{1B}[50L", "\u{1B}[H\u{1B}[50M", "\u{1B}[50S",
      "\u{1B}[50T", "\u{1B}[2J", "\u{1B}[?1049h\u{1B}#8\u{1B}[?1049l", "\u{1B}[?3h", "\u{1B}c", "\u{1B}[1'}",
    ])
  func sequences(sequence: String) {
    let output = String(repeating: "\u{1B}[41ma" + sequence, count: 20) + "end"
    var whole = large("\u{1B}#8")
    whole.feed(output)
    var portioned = large("\u{1B}#8")
    let (portions, most) = feed(&portioned, output, work: 5_000)
    #expect(portions > 10, "nothing is counted")
    // One sequence may look at every cell of two screens, and the pen's styles.
    #expect(most < 4 * 100 * 200 + 5_000, "one portion did \(most)")
    let (one, other) = (seen(&whole), seen(&portioned))
    #expect(one == other)
  }

  @Test(
    "a character that is repeated is, piece by piece, wherever each costs much",
    arguments: ["", "\u{1B}[?69h\u{1B}[1;2s\u{1B}[100;1H", "\u{1B}[4h", "\u{1B}[?2027h"], ["a", "漢", "\u{1F1E9}"])
  func repetition(modes: String, character: String) {
    let output = modes + character + "\u{1B}[9999bend"
    var whole = large()
    whole.feed(output)
    var portioned = large()
    let (portions, most) = feed(&portioned, output, work: 1_000)
    #expect(portions > 5 && most < 5_000, "\(portions) portions, \(most)")
    let (one, other) = (seen(&whole), seen(&portioned))
    #expect(one == other)
  }

  @Test("line feeds in the middle of a sequence, and lines of two columns, are counted too")
  func insideSequences() {
    let margins = "\u{1B}[?69h\u{1B}[1;2s\u{1B}[100;1H"
    for output in [
      "\u{1B}[" + String(repeating: "\n", count: 100) + "1m", "\u{1B}" + String(repeating: "\n", count: 100) + "7",
      String(repeating: "a", count: 200),
    ] {
      var whole = large(margins)
      whole.feed(output)
      var portioned = large(margins)
      let (portions, most) = feed(&portioned, output, work: 1_000)
      #expect(portions > 50 && most < 5_000, "\(portions) portions, \(most)")
      let (one, other) = (seen(&whole), seen(&portioned))
      #expect(one == other)
    }
  }

  @Test("a mode that erases the screen does it once, however often one sequence names it")
  func modes() {
    var terminal = large()
    var left = 1 << 20
    let bytes = Array("\u{1B}[?\(Array(repeating: "3", count: 32).joined(separator: ";"))h".utf8)
    _ = bytes.withUnsafeBytes { terminal.feed($0, work: &left) }
    #expect((1 << 20) - left <= 100 * 200)
  }

  @Test("text that is merely printed costs nothing")
  func plainText() {
    var terminal = large()
    let bytes = Array(("\u{1B}[1;31mhello \u{1B}[0m" + "wörld 漢字\u{1B}[5;5H").utf8)
    var left = 1
    let taken = bytes.withUnsafeBytes { terminal.feed($0, work: &left) }
    #expect(taken == bytes.count && left == 1)
  }
}

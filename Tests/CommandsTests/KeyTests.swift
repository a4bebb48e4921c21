import Testing

@testable import Commands

@Suite("Names of keys")
struct KeyNameTests {
  @Test(
    "a key is read in every usual spelling and written in ours",
    arguments: [
      ("enter", "enter"), ("Return", "enter"), ("ESC", "escape"), ("PgUp", "pageup"), ("F12", "f12"), ("x", "x"),
      ("X", "X"), ("ctrl+c", "ctrl+c"), ("Ctrl-C", "ctrl+c"), ("C-c", "ctrl+c"), ("^C", "ctrl+c"), ("^\\", "ctrl+\\"),
      ("alt+left", "alt+left"), ("M-x", "alt+x"), ("ctrl+alt+del", "ctrl+alt+delete"), ("shift+tab", "shift+tab"),
      ("ctrl++", "ctrl++"), ("-", "-"), ("ctrl+-", "ctrl+-"), ("é", "é"),
    ])
  func spellings(text: String, name: String) {
    #expect(KeyName(text)?.text == name)
  }

  @Test(
    "what is no key is none",
    arguments: ["", "hello", "ctrl+", "ctrl+foo", "f21", "f0", "hyper+x", String(repeating: "x", count: 99)])
  func nonsense(text: String) {
    #expect(KeyName(text) == nil)
  }

  @Test(
    "a key has the bytes that terminals send",
    arguments: [
      ("ctrl+c", [3]), ("ctrl+\\", [0x1c]), ("ctrl+a", [1]), ("ctrl+[", [27]), ("ctrl+?", [127]), ("ctrl+space", [0]),
      ("alt+x", [27, 120]), ("enter", [13]), ("f1", [27, 79, 80]), ("up", [27, 91, 65]), ("ctrl+é", nil),
      ("ctrl+up", nil),
    ] as [(String, [UInt8]?)])
  func bytes(text: String, bytes: [UInt8]?) {
    #expect(KeyName(text)?.bytes == bytes)
  }

  @Test("every key that completion offers is one")
  func completions() {
    for name in KeyName.completions { #expect(KeyName(name)?.text == name, "\(name)") }
  }
}

/// The keys of an attached terminal without a prefix.
private struct DetachKeyMatcher {
  private var keys: AttachKeys

  init(_ key: DetachKey?) { keys = AttachKeys(detach: key) }

  var heldUntil: UInt64? { keys.heldUntil }

  mutating func feed(_ bytes: [UInt8], now: UInt64) -> (forward: [UInt8], detach: Bool) {
    let reading = keys.feed(bytes, now: now)
    return (reading.forward, reading.command == .detach)
  }

  mutating func expire(now: UInt64) -> [UInt8] { keys.expire(now: now) }
}

@Suite("The detach key")
struct DetachKeyTests {
  private let second: UInt64 = 1_000_000_000
  private let millisecond: UInt64 = 1_000_000

  private func matcher(_ text: String) throws -> DetachKeyMatcher {
    let key: DetachKey = try #require(DetachKey(text))
    return DetachKeyMatcher(key)
  }

  @Test("ctrl+\\ twice within half a second detaches, and neither is passed on")
  func doublePress() {
    var matcher = DetachKeyMatcher(.standard)
    #expect(matcher.feed(Array("ab".utf8) + [0x1c], now: 0) == (Array("ab".utf8), false))
    #expect(matcher.heldUntil == 500 * millisecond)
    #expect(matcher.feed([0x1c], now: 400 * millisecond) == ([], true))
  }

  @Test("both presses in one piece detach, and what follows is dropped")
  func atOnce() {
    var matcher = DetachKeyMatcher(.standard)
    #expect(matcher.feed([0x61, 0x1c, 0x1c, 0x62], now: 0) == ([0x61], true))
  }

  @Test("once, it reaches the session when the half second is over")
  func singlePress() {
    var matcher = DetachKeyMatcher(.standard)
    #expect(matcher.feed([0x1c], now: 0) == ([], false))
    #expect(matcher.expire(now: 499 * millisecond) == [])
    #expect(matcher.expire(now: 500 * millisecond) == [0x1c])
    #expect(matcher.heldUntil == nil)
    #expect(matcher.feed([0x1c], now: second) == ([], false))
  }

  @Test("a second press that comes too late begins anew, though no timer has run")
  func tooLate() {
    var matcher = DetachKeyMatcher(.standard)
    _ = matcher.feed([0x1c], now: 0)
    #expect(matcher.feed([0x1c], now: 600 * millisecond) == ([0x1c], false))
    #expect(matcher.feed([0x1c], now: 700 * millisecond) == ([], true))
  }

  @Test("another key between the presses lets everything through in order")
  func interrupted() {
    var matcher = DetachKeyMatcher(.standard)
    #expect(matcher.feed([0x1c], now: 0) == ([], false))
    #expect(matcher.feed([0x61, 0x1c], now: 1) == ([0x1c, 0x61], false))
    #expect(matcher.feed([0x1c], now: 2) == ([], true))
  }

  @Test("a prefix waits for its key for as long as it takes")
  func prefix() throws {
    var matcher = try matcher("ctrl+b d")
    #expect(matcher.feed([2], now: 0) == ([], false))
    #expect(matcher.heldUntil == nil)
    #expect(matcher.feed(Array("d".utf8), now: 60 * second) == ([], true))
  }

  @Test("a prefix and another key go to the session, and so does the prefix typed twice")
  func prefixPassesOn() throws {
    var matcher = try matcher("ctrl+b d")
    _ = matcher.feed([2], now: 0)
    #expect(matcher.feed(Array("x".utf8), now: 1) == ([2, 0x78], false))
    _ = matcher.feed([2], now: 2)
    #expect(matcher.feed([2], now: 3) == ([2], false))
    #expect(matcher.feed(Array("d".utf8), now: 4) == ([], true))
  }

  @Test("one key alone detaches at once")
  func singleKey() throws {
    var matcher = try matcher("f12")
    #expect(matcher.feed(Array("a\u{1b}[24~".utf8), now: 0) == (Array("a".utf8), true))
  }

  @Test("without a detach key everything goes through")
  func none() {
    var matcher = DetachKeyMatcher(nil)
    #expect(matcher.feed([0x1c, 0x1c], now: 0) == ([0x1c, 0x1c], false))
  }

  @Test(
    "the key is known in the forms that keyboard protocols give it",
    arguments: ["\u{1b}[92;5u", "\u{1b}[92;5:1u", "\u{1b}[27;5;92~", "\u{1b}[92;69u", "\u{1b}[92:124;5u"])
  func protocols(form: String) {
    var matcher = DetachKeyMatcher(.standard)
    #expect(matcher.feed(Array(form.utf8), now: 0) == ([], false))
    #expect(matcher.feed(Array(form.utf8), now: 1) == ([], true))
  }

  @Test("its release between the presses changes nothing, and reaches the session with the press")
  func releases() {
    var matcher = DetachKeyMatcher(.standard)
    let press = Array("\u{1b}[92;5u".utf8)
    let release = Array("\u{1b}[92;5:3u".utf8)
    #expect(matcher.feed(press + release, now: 0) == ([], false))
    #expect(matcher.feed(press, now: 1) == ([], true))
    #expect(matcher.feed(press, now: 2) == ([], false))
    #expect(matcher.feed(release + [0x61], now: 3) == (press + release + [0x61], false))
  }

  @Test("other modifiers are other keys", arguments: ["\u{1b}[92;6u", "\u{1b}[92;7u", "\u{1b}[91;5u", "\u{1b}[92u"])
  func otherKeys(form: String) {
    var matcher = DetachKeyMatcher(.standard)
    #expect(matcher.feed(Array(form.utf8), now: 0) == (Array(form.utf8), false))
  }

  @Test("a mouse that moves between the presses does not interrupt them")
  func mouse() {
    var matcher = DetachKeyMatcher(.standard)
    let motion = Array("\u{1b}[<35;10;5M".utf8)
    #expect(matcher.feed([0x1c] + motion, now: 0) == (motion, false))
    #expect(matcher.feed([0x1c], now: 1) == ([], true))
  }

  @Test("nothing typed is lost or reordered, however it is cut")
  func transparency() {
    let keys: [[UInt8]] = [[0x1c], [0x61], Array("\u{1b}[92;5u".utf8), Array("\u{1b}[<35;1;1M".utf8), [0x1b], [0xff]]
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var typed: [UInt8] = []
      var forwarded: [UInt8] = []
      var matcher = DetachKeyMatcher(.standard)
      var now: UInt64 = 0
      var detached = false
      for _ in 0..<20 where !detached {
        // Single presses only: each is followed by something else.
        let piece = (keys.randomElement(using: &generator) ?? []) + [0x62]
        now += UInt64.random(in: 0...(600 * millisecond), using: &generator)
        typed += piece
        let result = matcher.feed(piece, now: now)
        forwarded += result.forward
        detached = result.detach
      }
      #expect(!detached)
      forwarded += matcher.expire(now: now + second)
      #expect(forwarded == typed)
    }
  }

  @Test("a description is read, and nonsense is refused")
  func descriptions() {
    #expect(DetachKey("ctrl+\\ ctrl+\\") == .standard)
    #expect(DetachKey("^B d")?.text == "ctrl+b d")
    for text in ["", "ctrl+foo", "a b c d e", "ctrl+up"] { #expect(DetachKey(text) == nil, "\(text)") }
  }
}

@Suite("Answers of the user's terminal")
struct ReplyFilterTests {
  private let patience = ReplyFilter.patience

  @Test(
    "an answer that a program asked for does not reach the session a second time",
    arguments: [
      "\u{1b}[?62;22c", "\u{1b}[>1;10;0c", "\u{1b}[24;80R", "\u{1b}[?24;80R", "\u{1b}[0n", "\u{1b}[?2026;2$y",
      "\u{1b}[4;1$y", "\u{1b}[?0u", "\u{1b}[8;24;80t", "\u{1b}]11;rgb:0000/0000/0000\u{1b}\\",
      "\u{1b}]10;rgb:ffff/ffff/ffff\u{7}", "\u{1b}P>|XTerm(370)\u{1b}\\", "\u{1b}P1$r0m\u{1b}\\",
      "\u{1b}_Gi=1;OK\u{1b}\\",
    ])
  func replies(reply: String) {
    var filter = ReplyFilter()
    #expect(filter.feed(Array("a\(reply)b".utf8), now: 0) == Array("ab".utf8))
    // Cut anywhere.
    let bytes = Array(reply.utf8)
    for cut in 3..<bytes.count {
      var filter = ReplyFilter()
      let first = filter.feed(Array(bytes[..<cut]), now: 0)
      #expect(first + filter.feed(Array(bytes[cut...]) + [0x62], now: 1) == [0x62], "cut at \(cut)")
    }
  }

  @Test(
    "keys are passed on at once",
    arguments: [
      "a", "\u{1b}", "\u{1b}[A", "\u{1b}OP", "\u{1b}[1;5C", "\u{1b}[15~", "\u{1b}[92;5u", "\u{1b}[27;5;92~",
      "\u{1b}[<35;1;1M", "\u{1b}[I", "\u{1b}[200~text\u{1b}[201~", "\u{1b}x", "\u{1b}[1;2R", "\u{1b}[M !!", "日本",
      "\u{1b}\u{1b}[A", "\u{1b}[[A",
    ])
  func keys(key: String) {
    var filter = ReplyFilter()
    #expect(filter.feed(Array(key.utf8), now: 0) == Array(key.utf8))
    #expect(filter.heldUntil == nil)
  }

  @Test(
    "Alt and a letter that begins an answer is passed on after a moment", arguments: ["\u{1b}P", "\u{1b}]", "\u{1b}_"])
  func altKeys(key: String) {
    var filter = ReplyFilter()
    #expect(filter.feed(Array(key.utf8), now: 5) == [])
    #expect(filter.heldUntil == 5 + patience)
    #expect(filter.expire(now: 4 + patience) == [])
    #expect(filter.expire(now: 5 + patience) == Array(key.utf8))
    #expect(filter.feed(Array("x".utf8), now: 6 + patience) == Array("x".utf8))
  }

  @Test(
    "an answer that comes in two pieces a quarter of a second apart reaches nobody, however it is cut",
    arguments: [
      "\u{1b}]52;c;aGVsbG8gd29ybGQ=\u{1b}\\", "\u{1b}]52;c;aGVsbG8=\u{7}", "\u{1b}]11;rgb:0000/0000/0000\u{1b}\\",
      "\u{1b}]4;12;rgb:ff/ff/ff\u{7}", "\u{1b}P>|XTerm(379)\u{1b}\\", "\u{1b}P1$r0m\u{1b}\\",
      "\u{1b}P1+r5463=787465\u{1b}\\",
      "\u{1b}_Gi=1;OK\u{1b}\\", "\u{1b}[?62;22c", "\u{1b}[24;80R", "\u{1b}[?2026;2$y", "\u{1b}[8;24;80t",
    ])
  func slowReplies(reply: String) {
    let bytes = Array(reply.utf8)
    let gap: UInt64 = 250_000_000
    // The introducer alone is Alt and a letter: that nobody can tell.
    for cut in 3..<bytes.count {
      var filter = ReplyFilter()
      var forwarded = filter.feed([0x61] + bytes[..<cut], now: 0)
      forwarded += filter.expire(now: gap)
      forwarded += filter.feed(bytes[cut...] + [0x62], now: gap)
      #expect(forwarded == [0x61, 0x62], "cut at \(cut)")
      #expect(filter.heldUntil == nil)
      #expect(filter.takeReplies() == [bytes])
    }
  }

  @Test("a clipboard larger than what is held is dropped to its end, and what follows is typed")
  func largeClipboard() {
    for end in ["\u{1b}\\", "\u{7}"] {
      var filter = ReplyFilter()
      var forwarded = filter.feed(Array("a\u{1b}]52;c;".utf8), now: 0)
      for piece in 1...40 {
        forwarded += filter.feed([UInt8](repeating: 0x41, count: 1000), now: UInt64(piece) * 1_000_000_000)
      }
      let bytes = Array((end + "b").utf8)
      forwarded += filter.feed([bytes[0]], now: 41_000_000_000)
      forwarded += filter.feed(Array(bytes.dropFirst()), now: 41_000_000_001)
      #expect(forwarded == Array("ab".utf8), "\(end.debugDescription)")
    }
  }

  @Test("an answer that is cut off for good is not typed, and a key that comes into it is")
  func cutOff() {
    var filter = ReplyFilter()
    #expect(filter.feed(Array("\u{1b}]52;c;aGVs".utf8), now: 0) == [])
    #expect(filter.feed([3], now: 1) == [3])
    #expect(filter.feed(Array("\u{1b}]52;c;aGVs".utf8), now: 2) == [])
    #expect(filter.expire(now: 2 + ReplyFilter.replyPatience) == [])
    #expect(filter.feed(Array("x\u{1b}[A".utf8), now: 3 + ReplyFilter.replyPatience) == Array("x\u{1b}[A".utf8))
  }

  @Test("asked where the cursor is, the filter takes an answer that looks like F3 for one")
  func position() {
    var filter = ReplyFilter()
    filter.expectsPosition = true
    #expect(filter.feed(Array("\u{1b}[1;5R".utf8), now: 0) == [])
    #expect(filter.takeReplies() == [Array("\u{1b}[1;5R".utf8)])
    filter.expectsPosition = false
    #expect(filter.feed(Array("\u{1b}[1;5R".utf8), now: 0) == Array("\u{1b}[1;5R".utf8))
  }

  @Test("what looks like an answer inside a paste is pasted, and afterwards answers are taken out again")
  func paste() {
    let pasted = "\u{1b}[200~x\u{1b}[?62;22c\u{1b}]11;y\u{7}\u{1b}[201~"
    let bytes = Array(pasted.utf8)
    let reply = Array("\u{1b}[?62;22c".utf8)
    for cut in 6...bytes.count {
      var filter = ReplyFilter()
      let first = filter.feed(Array(bytes[..<cut]), now: 0)
      #expect(first + filter.feed(Array(bytes[cut...]) + reply, now: 1) == bytes, "cut at \(cut)")
    }
  }

  @Test("an answer without an end holds back no more than its bound")
  func bounded() {
    var filter = ReplyFilter()
    var forwarded = filter.feed(Array("\u{1b}]".utf8), now: 0)
    let piece = [UInt8](repeating: 0x61, count: 1000)
    for _ in 0..<10 { forwarded += filter.feed(piece, now: 0) }
    forwarded += filter.expire(now: patience)
    #expect(forwarded == Array("\u{1b}]".utf8) + [UInt8](repeating: 0x61, count: 10_000))
  }
}

@Suite("Leaving the terminal as it was")
struct OutputModesTests {
  private func mode(after text: String, cutAt cut: Int? = nil) -> Int? {
    var tracker = AlternateScreenTracker()
    let bytes = Array(text.utf8)
    let pieces = cut.map { [Array(bytes[..<$0]), Array(bytes[$0...])] } ?? [bytes]
    for piece in pieces { piece.withUnsafeBytes { tracker.feed($0) } }
    return tracker.mode
  }

  @Test(
    "the alternate screen is followed through the output, however it is cut",
    arguments: [
      ("plain", nil), ("\u{1b}[?1049h", 1049), ("x\u{1b}[?1049hy\u{1b}[?1049lz", nil), ("\u{1b}[?47h", 47),
      ("\u{1b}[?25;1049h", 1049), ("\u{1b}[?1049", nil), ("\u{1b}[1049h", nil), ("\u{1b}[?1049h\u{1b}[?25l", 1049),
      ("\u{1b}\u{1b}[?1049h", 1049), ("\u{1b}[?10\u{1b}[?1049h", 1049), ("\u{1b}]0;title\u{7}\u{1b}[?1049h", 1049),
      ("\u{1b}[?1049$p", nil), ("\u{1b}[?99999999999999999999h\u{1b}[?1047h", 1047),
    ] as [(String, Int?)])
  func alternateScreen(text: String, expected: Int?) {
    #expect(mode(after: text) == expected)
    for cut in 0...text.utf8.count { #expect(mode(after: text, cutAt: cut) == expected, "cut at \(cut)") }
  }

  @Test("leaving undoes what programs set, and the alternate screen only when it is on")
  func leaving() {
    let plain = String(decoding: TerminalReset.leave(alternateMode: nil, rows: 24), as: UTF8.self)
    #expect(!plain.contains("1049"))
    for mode in ["1000", "1002", "1003", "1006", "2004", "1004"] { #expect(plain.contains(mode), "\(mode)") }
    #expect(plain.contains("\u{1b}[?25h"))
    #expect(plain.contains("\u{1b}[=0;1u"))
    let alternate = String(decoding: TerminalReset.leave(alternateMode: 1047, rows: 24), as: UTF8.self)
    #expect(alternate.contains("\u{1b}[?1047l"))
  }
}

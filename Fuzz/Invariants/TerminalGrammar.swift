import TerminalEngine

/// Makes scenarios of what terminals really meet, and of what nobody should send: well-formed sequences of every kind with
/// small parameters mostly and absurd ones sometimes, cut short now and then.
package struct TerminalGrammar {
  private var random: RandomSource

  package init(seed: UInt64) { random = RandomSource(seed: seed) }

  package mutating func scenario(steps count: Int) -> Scenario {
    let size =
      random.chance(80)
      ? TerminalSize(rows: 1 + random.below(8), columns: 1 + random.below(24)) : TerminalSize(rows: 24, columns: 80)
    var scenario = Scenario(
      size: size, historyLines: random.pick([0, 3, 40, 1_000]), historyBytes: random.pick([0, 700, 8_192, 1 << 20]),
      steps: [])
    for _ in 0..<count {
      switch random.below(20) {
      case 0, 1:
        scenario.steps.append(
          .resize(TerminalSize(rows: 1 + random.below(10), columns: 1 + random.below(random.pick([4, 30, 90])))))
      case 2: scenario.steps.append(.sealHistory)
      case 3 where random.chance(30): scenario.steps.append(.clearHistory)
      case 8 where random.chance(50): scenario.steps.append(.hold(random.chance(20) ? nil : random.below(60)))
      case 4..<8:
        // In the middle of anything.
        let before = output(pieces: random.below(6))
        let after = output(pieces: 1 + random.below(6))
        let cut = random.below(after.count + 1)
        scenario.steps += [.feed(before + after.prefix(cut)), .repaint, .feed(Array(after.dropFirst(cut)))]
      default: scenario.steps.append(.feed(output(pieces: 1 + random.below(12))))
      }
    }
    return scenario
  }

  /// A small terminal full of state that is not to be seen, a picture of it at a random moment, and what brings the state to light.
  package mutating func pictureScenario() -> Scenario {
    let size = TerminalSize(rows: 1 + random.below(5), columns: 2 + random.below(11))
    var scenario = Scenario(size: size, historyLines: 10, historyBytes: 1_000, steps: [])
    for _ in 0..<(1 + random.below(3)) {
      let bytes = stateful(pieces: 1 + random.below(18))
      let cut = random.chance(50) ? bytes.count : random.below(bytes.count + 1)
      scenario.steps += [.feed(Array(bytes.prefix(cut))), .repaint, .feed(Array(bytes.dropFirst(cut)))]
      if random.chance(10) {
        scenario.steps.append(.resize(TerminalSize(rows: 1 + random.below(5), columns: 2 + random.below(11))))
      }
      for _ in 0..<(1 + random.below(4)) { scenario.steps.append(.feed(stateful(pieces: 1 + random.below(6)))) }
    }
    return scenario
  }

  private mutating func stateful(pieces: Int) -> [UInt8] {
    (0..<pieces).flatMap { _ in
      random.chance(20) ? piece() : [UInt8](random.pick(random.chance(30) ? Self.characters : Self.states).utf8)
    }
  }

  package mutating func output(pieces: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<pieces {
      var piece = self.piece()
      if random.chance(2), !piece.isEmpty { piece.removeLast(1 + random.below(piece.count)) }
      bytes += piece
    }
    return bytes
  }

  private mutating func piece() -> [UInt8] {
    switch random.below(31) {
    case 0..<7: return words()
    case 7..<9: return [UInt8](random.pick(Self.difficultText).utf8)
    case 9..<12: return [random.pick([0x0A, 0x0D, 0x08, 0x09, 0x0B, 0x0C, 0x07, 0x0E, 0x0F, 0x00, 0x18, 0x1A, 0x7F])]
    case 12: return [0x0D, 0x0A]
    case 13..<15: return graphicRendition()
    case 15..<20: return controlSequence()
    case 20..<22: return privateMode()
    case 22: return [UInt8](("\u{1B}" + random.pick(Self.escapes)).utf8)
    case 23: return operatingSystemCommand()
    case 24: return [UInt8](random.pick(Self.deviceStrings).utf8)
    case 25: return [UInt8](random.pick(Self.fragments).utf8)
    case 29: return mixedText()
    case 26: return (0..<(1 + random.below(6))).map { _ in UInt8(random.below(256)) }
    case 27: return [UInt8]("\u{1B}[\(1 + random.below(8));\(1 + random.below(24))H".utf8)
    case 28: return [UInt8](random.pick(Self.complete).utf8)
    default: return [random.pick([0x84, 0x85, 0x88, 0x8D, 0x8E, 0x8F, 0x90, 0x9B, 0x9C, 0x9D, 0xC2, 0xE2, 0xF0])]
    }
  }

  private mutating func words() -> [UInt8] {
    (0..<(1 + random.below(14))).map { _ in random.chance(15) ? 0x20 : UInt8(0x21 + random.below(94)) }
  }

  /// Characters of every width and length in bytes, close together: what a fast path for runs must not stumble over.
  private mutating func mixedText() -> [UInt8] {
    let text = (0..<(4 + random.below(40))).map { _ in
      switch random.below(10) {
      case 0..<3: random.pick(["中", "文", "字", "한", "Ａ", "あ"])
      case 3..<5: random.pick(["é", "я", "─", "→", "\u{FFFD}", "\u{2028}", "ǅ", "ﷺ"])
      case 5: random.pick(["😀", "🚀", "👩", "🇫", "𐍈", "𠀀"])
      case 6:
        random.pick(["\u{301}", "\u{FE0F}", "\u{200D}", "🏽", "❤", "⚠", "⌚", "\u{FE0E}", "क", "\u{94D}", "\u{93E}"])
      default: String(Unicode.Scalar(UInt8(0x21 + random.below(94))))
      }
    }
    return [UInt8](text.joined().utf8)
  }

  private mutating func number() -> String {
    switch random.below(12) {
    case 0: return ""
    case 1: return "0"
    case 2: return String(random.pick([24, 80, 99, 255, 256, 1_000, 32_767, 65_536]))
    case 3 where random.chance(20): return random.pick(["2147483648", "99999999999999999999", "4294967297"])
    default: return String(1 + random.below(9))
    }
  }

  private mutating func numbers(_ most: Int) -> String {
    (0..<random.below(most + 1)).map { _ in number() }.joined(separator: random.chance(6) ? ":" : ";")
  }

  private mutating func controlSequence() -> [UInt8] {
    let prefix = random.chance(10) ? random.pick(["?", ">", "=", "<"]) : ""
    let intermediate = random.chance(12) ? random.pick([" ", "!", "\"", "$", "'", "*", "#", "!!"]) : ""
    let final =
      random.chance(85) ? random.pick(Self.commonFinals) : String(Unicode.Scalar(UInt8(0x40 + random.below(63))))
    let most = random.chance(4) ? 40 : 6
    return [UInt8]("\u{1B}[\(prefix)\(numbers(most))\(intermediate)\(final)".utf8)
  }

  private mutating func graphicRendition() -> [UInt8] {
    var parameters: [String] = []
    for _ in 0..<(1 + random.below(4)) {
      switch random.below(8) {
      case 0:
        parameters.append(String(random.pick([0, 1, 2, 3, 4, 5, 7, 8, 9, 21, 22, 23, 24, 25, 27, 28, 29, 53, 55])))
      case 1: parameters.append(String(random.pick([30, 40, 90, 100]) + random.below(8)))
      case 2: parameters.append("\(random.pick([38, 48, 58]));5;\(random.below(256))")
      case 3:
        parameters.append("\(random.pick([38, 48]));2;\(random.below(256));\(random.below(256));\(random.below(300))")
      case 4:
        parameters.append(
          "\(random.pick([38, 48, 58])):2::\(random.below(256)):\(random.below(256)):\(random.below(256))")
      case 5: parameters.append("4:\(random.below(7))")
      case 6: parameters.append(random.pick(["39", "49", "59", "", "38", "38;5", "38:5", "48;2;1"]))
      default: parameters.append("\(random.pick([38, 48, 58])):5:\(random.below(256))")
      }
    }
    return [UInt8]("\u{1B}[\(parameters.joined(separator: ";"))m".utf8)
  }

  private mutating func privateMode() -> [UInt8] {
    let modes = (0..<(1 + random.below(2))).map { _ in String(random.pick(Self.privateModes)) }
    return [UInt8]("\u{1B}[?\(modes.joined(separator: ";"))\(random.pick(["h", "h", "l", "l", "s", "r", "$p"]))".utf8)
  }

  private mutating func operatingSystemCommand() -> [UInt8] {
    let end = random.pick(["\u{07}", "\u{1B}\\", "\u{9C}"])
    return [UInt8](("\u{1B}]" + random.pick(Self.commands) + end).utf8)
  }

  private static let commonFinals = "ABCDEFGHIJKLMPSTXZ@`abdefghlmnrstu".map(String.init)

  private static let privateModes = [
    1, 3, 4, 5, 6, 6, 7, 7, 8, 9, 12, 25, 40, 45, 47, 66, 69, 69, 80, 95, 1000, 1002, 1003, 1004, 1005, 1006, 1015,
    1016,
    1045, 1047, 1048, 1049, 1049, 2004, 2026, 2027, 2027, 2031, 9_999,
  ]

  private static let escapes = [
    "7", "8", "D", "E", "M", "H", "N", "O", "Z", "c", "=", ">", "6", "9", "n", "o", "|", "}", "~", "(0", "(B", ")0",
    "*0",
    "+A", "-A", "#8", "#3", "#6", "%G", "%@", " F", " G", "V", "W",
  ]

  private static let complete = [
    "\u{1B}[2;3r", "\u{1B}[r", "\u{1B}[3;9s", "\u{1B}[?69h\u{1B}[2;5s", "\u{1B}[2J", "\u{1B}[3J", "\u{1B}[K",
    "\u{1B}[1K",
    "\u{1B}[J", "\u{1B}[1J", "\u{1B}[?1049h", "\u{1B}[?1049l", "\u{1B}[!p", "\u{1B}[4h", "\u{1B}[4l", "\u{1B}[20h",
    "\u{1B}[20l", "\u{1B}[1\"q", "\u{1B}[0\"q", "\u{1B}[?2J", "\u{1B}[?K", "\u{1B}[2;2;4;6$z", "\u{1B}[1;1;2;9$r",
    "\u{1B}[65;1;1;9;9$x", "\u{1B}[1;1;3;3;1;2;4;1$v", "\u{1B}[1;2;1;1;4;8*y", "\u{1B}[2*x", "\u{1B}[1;1;3;5;7$t",
    "\u{1B}[>1u", "\u{1B}[<u", "\u{1B}[=5;1u", "\u{1B}[?u", "\u{1B}[22;0t", "\u{1B}[23;0t", "\u{1B}[18t",
    "\u{1B}[8;5;9t",
    "\u{1B}[6n", "\u{1B}[?6n", "\u{1B}[5n", "\u{1B}[c", "\u{1B}[>c", "\u{1B}[=c", "\u{1B}[>q", "\u{1B}[2 q",
    "\u{1B}[5b", "\u{1B}[#{", "\u{1B}[#}", "\u{1B}[?1049h\u{1B}7", "\u{1B}8x", "\u{1B}[ux",
    "\u{1B}[3'}", "\u{1B}[2'~", "\u{1B}[2 @", "\u{1B}[2 A", "\u{1B}[?5W", "\u{1B}[3g", "\u{1B}[?1;2$p", "\u{1B}[3X",
  ]

  private static let characters = [
    "q", "~", "#", "ab", "some words", "é", "中", "e\u{301}", "👩", "\u{200D}", "👧", "🏽", "🇫", "🇷", "❤", "\u{FE0F}",
    "\u{301}",
    "\r", "\n", "\u{08}", "\t",
  ]

  private static let states = [
    "\u{1B}7", "\u{1B}7", "\u{1B}8", "\u{1B}8", "\u{1B}[s", "\u{1B}[u", "\u{1B}[?1049h", "\u{1B}[?1049l", "\u{1B}[?47h",
    "\u{1B}[?47l", "\u{1B}[?1047h", "\u{1B}[?1047l", "\u{1B}(0", "\u{1B})0", "\u{1B}*0", "\u{1B}+A", "\u{1B}(B",
    "\u{1B}N",
    "\u{1B}O", "\u{1B}n", "\u{1B}o", "\u{0E}", "\u{0F}", "\u{1B}[31m", "\u{1B}[m", "\u{1B}[44m", "\u{1B}[1;4:3m",
    "\u{1B}]8;;http://a\u{07}", "\u{1B}]8;;\u{07}", "\u{1B}[1\"q", "\u{1B}[0\"q", "\u{1B}V", "\u{1B}W", "\u{1B}[?6h",
    "\u{1B}[?6l", "\u{1B}[?7h", "\u{1B}[?7l", "\u{1B}[4h", "\u{1B}[4l", "\u{1B}[2;3r", "\u{1B}[r", "\u{1B}[?69h",
    "\u{1B}[3;5s", "\u{1B}[?69l", "\u{1B}[b", "\u{1B}[3b", "\u{1B}[99C", "\u{1B}[99G", "\u{1B}[H", "\u{1B}[2;4H",
    "\u{1B}[9;9H",
    "\u{1B}[?45h", "\u{1B}[#{", "\u{1B}[#}", "\u{1B}[22;0t", "\u{1B}[22;2t", "\u{1B}[23;0t", "\u{1B}]0;x\u{07}",
    "\u{1B}]2;y\u{1B}\\", "\u{1B}[>1u", "\u{1B}[<u", "\u{1B}[=3u", "\u{1B}[3g", "\u{1B}H", "\u{1B}[?5W", "\u{1B}[2*x",
    "\u{1B}[1*x", "\u{1B}[1;2;2;3;7$r", "\u{1B}[?J", "\u{1B}[J", "\u{1B}[K", "\u{1B}[1K", "\u{1B}[!p",
    "\u{1B}[?6;7;69s",
    "\u{1B}[?6;7;69r", "\u{1B}[?1000;1002;25;1s", "\u{1B}[?1000;1002;25;1r", "\u{1B}[?1002h", "\u{1B}[2J", "\u{1B}[@",
    "\u{1B}[P", "\u{1B}[L", "\u{1B}[M", "\u{1B}M", "\u{1B}D", "\u{1B}#8", "\u{1B}[20h", "\u{1B}[20l", "\u{1B}[?2026h",
    "\u{1B}[?2026l", "\u{1B}[2 q", "\u{1B}[?12h", "\u{1B}[Z", "\u{1B}[2X", "\u{1B}[?1048h", "\u{1B}[?1048l",
    "\u{1B}P$q",
    "\u{1B}[?47s", "\u{1B}[?47r", "\u{1B}[?1046l", "\u{1B}[?1046h", "\u{1B}[?41h", "\u{1B}[22;1t", "\u{1B}[23;1t",
    "\u{1B}]2;un", "\u{1B}[1;3", "\u{1B}(",
  ]

  private static let commands = [
    "0;a title", "1;icon", "2;другой", "2;", "4;1;rgb:12/34/56", "4;1;?", "10;?", "11;?", "12;?", "104",
    "7;file://host/tmp",
    "8;;https://example.com", "8;id=x;https://example.org/a?b;c", "8;;", "8;;\u{7F}", "9;hello", "9;4;1;50", "9;4;0",
    "52;c;aGVsbG8=", "52;c;?", "52;;%%%", "133;A", "133;B", "133;C", "133;D;0", "133;D;256;aid=7", "133;A;k=s;aid=1",
    "133;C;cmdline_url=echo%20hi", "633;A", "633;E;echo \\x3b hi;nonce", "633;P;Cwd=/tmp", "633;D;1", "777;notify;t;b",
    "99;i=1:d=0;x", "1337;CurrentDir=/", "", ";", "999999999999;x", "x", "3;p=v", "5;0;?", "l", "L",
  ]

  private static let deviceStrings = [
    "\u{1B}P$qm\u{1B}\\", "\u{1B}P$qr\u{1B}\\", "\u{1B}P$q q\u{1B}\\", "\u{1B}P$qzz\u{1B}\\", "\u{1B}P+q544e\u{1B}\\",
    "\u{1B}Pq#0;2;0;0;0~~@@\u{1B}\\", "\u{1B}_Gf=24;AAAA\u{1B}\\", "\u{1B}^private\u{1B}\\", "\u{1B}Xstring\u{1B}\\",
    "\u{1B}P1;1|17/17\u{1B}\\", "\u{1B}P1$t\u{1B}\\", "\u{1B}kname\u{1B}\\", "\u{90}$q\"p\u{9C}",
  ]

  private static let fragments = [
    "\u{1B}", "\u{1B}[", "\u{1B}[1", "\u{1B}[?", "\u{1B}]", "\u{1B}]8;;h", "\u{1B}P", "\u{1B}P$q", "\u{1B}_",
    "\u{1B}[1;",
    "\u{1B}[3\u{08}1m", "\u{1B}[3\u{1B}[1m", "\u{1B}[;;;;;m", "\u{1B}[1:2:3m", "\u{1B}[38:2m", "\u{1B}(", "\u{1B}#",
    "\u{1B}[\u{18}", "\u{1B}]0;x\u{1B}[1m", "\u{9B}1;1H", "\u{9D}0;t\u{9C}",
  ]

  private static let difficultText = [
    "中文字符", "日本", "한국어", "e\u{301}", "a\u{300}\u{301}\u{302}", "😀", "👍🏽", "👨‍👩‍👧", "❤️", "⚠️x", "🇫🇷", "🇫", "1️⃣", "x\u{FE0F}",
    "\u{200B}", "\u{200D}", "\u{301}", "┌─┐│└┘", "naïve café", "नमस्ते", "ก็", "\u{1112}\u{1161}\u{11AB}", "\u{AD}",
    "\u{FEFF}",
    "ﷺ", "\u{FFFF}", "\u{E000}", "\u{10FFFF}", "Ａ", "ｱﾞ", "א\u{5B0}ב", "\u{202E}x", "中\u{300}", "a\u{20DD}",
  ]
}

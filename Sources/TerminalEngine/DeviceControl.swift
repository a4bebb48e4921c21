// DCS: the two requests that programs make through it.

extension Terminal {
  mutating func deviceControl() {
    guard privateMarker == 0, intermediateCount == 1, controlStringFinal == 0x71 else { return }
    switch intermediate {
    case 0x24: reportSetting(String(decoding: string, as: UTF8.self))
    case 0x2B: reportCapabilities(string)
    default: break
    }
  }

  /// DECRQSS: the control sequence that would make things as they are.
  private mutating func reportSetting(_ request: String) {
    let setting: String?
    switch request {
    case "m": setting = Self.renditionParameters(pen)
    case "r": setting = "\(topMargin + 1);\(bottomMargin + 1)"
    case "s": setting = "\(leftMargin + 1);\(rightMargin + 1)"
    case " q": setting = "\(cursorStyle == 0 ? 1 : cursorStyle)"
    // SPA protects too, and is another function.
    case "\"q": setting = penIsProtected && protection == .dec ? "1" : "0"
    case "\"p": setting = "6\(conformanceLevel);\(repliesInEightBits ? 0 : 1)"
    case "t": setting = "\(rows)"
    case "*|": setting = "\(rows)"
    case "$|": setting = "\(columns)"
    case "*x": setting = "\(attributeChangeExtent)"
    // DECSASD and DECSSDT: output goes to the main display, and there is no status line.
    case "$}", "$~": setting = "0"
    default: setting = nil
    }
    if let setting { reply("\u{1B}P1$r\(setting)\(request)\u{1B}\\") } else { reply("\u{1B}P0$r\u{1B}\\") }
  }

  /// XTGETTCAP: names in hexadecimal, separated by semicolons; each is answered alone.
  private mutating func reportCapabilities(_ request: [UInt8]) {
    for name in request.split(separator: 0x3B).prefix(Self.capabilitiesAtATime) {
      let text = String(decoding: name, as: UTF8.self)
      // Only a well-formed name is echoed: an answer must not carry text of the program's choice.
      guard let plain = Self.plainName(name) else {
        reply("\u{1B}P0+r\u{1B}\\")
        continue
      }
      switch capability(plain) {
      case .none: reply("\u{1B}P0+r\(text)\u{1B}\\")
      case .flag: reply("\u{1B}P1+r\(text)\u{1B}\\")
      case .text(let value):
        let hexadecimal = value.utf8.map { byte in
          let digits = String(byte, radix: 16, uppercase: true)
          return digits.count == 1 ? "0" + digits : digits
        }.joined()
        reply("\u{1B}P1+r\(text)=\(hexadecimal)\u{1B}\\")
      }
    }
  }

  /// More than programs ask for in one request.
  private static let capabilitiesAtATime = 64

  /// The name that pairs of hexadecimal digits spell; nil when they are none, or spell more than a name.
  private static func plainName(_ digits: ArraySlice<UInt8>) -> String? {
    guard !digits.isEmpty, digits.count % 2 == 0, digits.count <= 64 else { return nil }
    var bytes: [UInt8] = []
    var index = digits.startIndex
    while index < digits.endIndex {
      guard let high = ColorTable.hexadecimalDigit(digits[index]),
        let low = ColorTable.hexadecimalDigit(digits[index + 1])
      else { return nil }
      bytes.append(high << 4 | low)
      index += 2
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private enum CapabilityAnswer {
    case none
    case flag
    case text(String)
  }

  /// What a capability of terminfo is here: that of `xterm-256color`, with the extensions of tmux, kitty and others that are
  /// true of this terminal.
  private func capability(_ name: String) -> CapabilityAnswer {
    switch name {
    case "cols": return .text("\(columns)")
    case "lines": return .text("\(rows)")
    // The cursor keys are told as they are sent now, as xterm does it.
    case "kcuu1": return .text(cursorKey("A"))
    case "kcud1": return .text(cursorKey("B"))
    case "kcuf1": return .text(cursorKey("C"))
    case "kcub1": return .text(cursorKey("D"))
    case "khome": return .text(cursorKey("H"))
    case "kend": return .text(cursorKey("F"))
    case "kbs": return .text(modeSet.contains(.backspaceSendsBackspace) ? "\u{8}" : "\u{7F}")
    default: break
    }
    if Self.capabilityFlags.contains(name) { return .flag }
    return Self.capabilities[name].map { .text($0) } ?? .none
  }

  private func cursorKey(_ final: String) -> String {
    (modeSet.contains(.applicationCursorKeys) ? "\u{1B}O" : "\u{1B}[") + final
  }

  private static let capabilityFlags: Set<String> = [
    "am", "bce", "ccc", "mir", "msgr", "npc", "xenl", "AX", "XT", "Su", "Tc",
  ]

  private static let capabilities: [String: String] = [
    "TN": "xterm-256color", "name": "xterm-256color", "Co": "256", "colors": "256", "RGB": "8/8/8", "pairs": "65536",
    "it": "8",
    // The clipboard (OSC 52), the cursor's colour and shape, synchronized output, bracketed paste, focus.
    "Ms": "\u{1B}]52;%p1%s;%p2%s\u{7}", "Cs": "\u{1B}]12;%p1%s\u{7}", "Cr": "\u{1B}]112\u{7}", "Ss": "\u{1B}[%p1%d q",
    "Se": "\u{1B}[2 q", "Sync": "\u{1B}[?2026%?%p1%{1}%-%tl%eh%;", "BE": "\u{1B}[?2004h", "BD": "\u{1B}[?2004l",
    "PS": "\u{1B}[200~", "PE": "\u{1B}[201~", "fe": "\u{1B}[?1004h", "fd": "\u{1B}[?1004l", "kxIN": "\u{1B}[I",
    "kxOUT": "\u{1B}[O",
    // Underlines and their colour, strikethrough, overline, direct colours.
    "Smulx": "\u{1B}[4:%p1%dm", "Setulc": "\u{1B}[58:2:%p1%{65536}%/%d:%p1%{256}%/%{255}%&%d:%p1%{255}%&%d%;m",
    "smxx": "\u{1B}[9m", "rmxx": "\u{1B}[29m", "Smol": "\u{1B}[53m", "Rmol": "\u{1B}[55m",
    "setrgbf": "\u{1B}[38:2:%p1%d:%p2%d:%p3%dm", "setrgbb": "\u{1B}[48:2:%p1%d:%p2%d:%p3%dm",
    "initc":
      "\u{1B}]4;%p1%d;rgb:%p2%{255}%*%{1000}%/%2.2X/%p3%{255}%*%{1000}%/%2.2X/%p4%{255}%*%{1000}%/%2.2X\u{1B}\\",
    "oc": "\u{1B}]104\u{7}", "op": "\u{1B}[39;49m",
    "setab": "\u{1B}[%?%p1%{8}%<%t4%p1%d%e%p1%{16}%<%t10%p1%{8}%-%d%e48;5;%p1%d%;m",
    "setaf": "\u{1B}[%?%p1%{8}%<%t3%p1%d%e%p1%{16}%<%t9%p1%{8}%-%d%e38;5;%p1%d%;m",
    "sgr0": "\u{1B}(B\u{1B}[m", "bold": "\u{1B}[1m", "dim": "\u{1B}[2m", "sitm": "\u{1B}[3m", "ritm": "\u{1B}[23m",
    "smul": "\u{1B}[4m", "rmul": "\u{1B}[24m", "blink": "\u{1B}[5m", "rev": "\u{1B}[7m", "smso": "\u{1B}[7m",
    "rmso": "\u{1B}[27m", "invis": "\u{1B}[8m",
    // Movement, erasing, scrolling.
    "cup": "\u{1B}[%i%p1%d;%p2%dH", "hpa": "\u{1B}[%i%p1%dG", "vpa": "\u{1B}[%i%p1%dd", "home": "\u{1B}[H", "cr": "\r",
    "bel": "\u{7}", "cub": "\u{1B}[%p1%dD", "cuf": "\u{1B}[%p1%dC", "cuu": "\u{1B}[%p1%dA", "cud": "\u{1B}[%p1%dB",
    "clear": "\u{1B}[H\u{1B}[2J", "E3": "\u{1B}[3J", "ed": "\u{1B}[J", "el": "\u{1B}[K", "el1": "\u{1B}[1K",
    "ech": "\u{1B}[%p1%dX", "ich": "\u{1B}[%p1%d@", "dch": "\u{1B}[%p1%dP", "il": "\u{1B}[%p1%dL",
    "dl": "\u{1B}[%p1%dM",
    "indn": "\u{1B}[%p1%dS", "rin": "\u{1B}[%p1%dT", "ind": "\n", "ri": "\u{1B}M", "rep": "%p1%c\u{1B}[%p2%{1}%-%db",
    "csr": "\u{1B}[%i%p1%d;%p2%dr", "sc": "\u{1B}7", "rc": "\u{1B}8",
    "smcup": "\u{1B}[?1049h\u{1B}[22;0;0t", "rmcup": "\u{1B}[?1049l\u{1B}[23;0;0t", "smkx": "\u{1B}[?1h\u{1B}=",
    "rmkx": "\u{1B}[?1l\u{1B}>", "civis": "\u{1B}[?25l", "cnorm": "\u{1B}[?12l\u{1B}[?25h", "cvvis": "\u{1B}[?12;25h",
    "smam": "\u{1B}[?7h", "rmam": "\u{1B}[?7l", "smir": "\u{1B}[4h", "rmir": "\u{1B}[4l", "hts": "\u{1B}H",
    "tbc": "\u{1B}[3g",
    "u6": "\u{1B}[%i%d;%dR", "u7": "\u{1B}[6n", "u8": "\u{1B}[?%[;0123456789]c", "u9": "\u{1B}[c",
    // Keys.
    "kf1": "\u{1B}OP", "kf2": "\u{1B}OQ", "kf3": "\u{1B}OR", "kf4": "\u{1B}OS", "kf5": "\u{1B}[15~",
    "kf6": "\u{1B}[17~",
    "kf7": "\u{1B}[18~", "kf8": "\u{1B}[19~", "kf9": "\u{1B}[20~", "kf10": "\u{1B}[21~", "kf11": "\u{1B}[23~",
    "kf12": "\u{1B}[24~", "kich1": "\u{1B}[2~", "kdch1": "\u{1B}[3~", "kpp": "\u{1B}[5~", "knp": "\u{1B}[6~",
    "kcbt": "\u{1B}[Z", "kmous": "\u{1B}[<",
  ]
}

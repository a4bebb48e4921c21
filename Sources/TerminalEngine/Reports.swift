// What the terminal answers when a program asks.

extension Terminal {
  /// A program that asks without reading the answers loses the answers beyond this.
  static let replyLimit = 64 << 10

  mutating func reply(_ text: String) {
    guard options.answersQueries, replies.count + text.utf8.count <= Self.replyLimit else { return }
    if repliesInEightBits { replyInEightBits(text) } else { replies.append(contentsOf: text.utf8) }
  }

  /// After S8C1T ESC and a letter are one byte, as xterm sends it, in UTF-8 too: that is what the program asked for.
  private mutating func replyInEightBits(_ text: String) {
    var isEscaped = false
    for byte in text.utf8 {
      if isEscaped {
        isEscaped = false
        if (0x40..<0x60).contains(byte) {
          replies.append(byte + 0x40)
          continue
        }
        replies.append(0x1B)
      }
      if byte == 0x1B { isEscaped = true } else { replies.append(byte) }
    }
  }

  /// DA1: a VT525 with 132 columns, selective erase, horizontal scrolling, ANSI colours, rectangles and a
  /// clipboard that programs may set (OSC 52). Sixel is not among them.
  mutating func reportPrimaryAttributes() { reply("\u{1B}[?65;1;6;21;22;28;52c") }

  /// DA2: xterm's way to say VT525 and a patch level; programs compare it with 277 and the like.
  mutating func reportSecondaryAttributes() { reply("\u{1B}[>65;370;0c") }

  /// DA3: the unit's number.
  mutating func reportTertiaryAttributes() { reply("\u{1B}P!|00000000\u{1B}\\") }

  /// DSR and CPR.
  mutating func reportStatus(_ what: Int) {
    switch what {
    case 5: reply("\u{1B}[0n")
    case 6: reply("\u{1B}[\(relativeRow + 1);\(relativeColumn + 1)R")
    default: break
    }
  }

  /// DEC's DSR.
  mutating func reportPrivateStatus(_ what: Int) {
    guard isKnownAtLevel(privateStatus: what) else { return }
    switch what {
    case 5: reply("\u{1B}[?0n")
    // The page came with the VT300.
    case 6: reply("\u{1B}[?\(relativeRow + 1);\(relativeColumn + 1)\(conformanceLevel >= 3 ? ";1" : "")R")
    case 15: reply("\u{1B}[?13n")
    case 25: reply("\u{1B}[?20n")
    case 26: reply("\u{1B}[?27;1;0;0n")
    case 53, 55: reply("\u{1B}[?53n")
    case 56: reply("\u{1B}[?57;0n")
    case 62: reply("\u{1B}[0000*{")
    case 63: reply("\u{1B}P\(raw(1))!~0000\u{1B}\\")
    case 75: reply("\u{1B}[?70n")
    case 85: reply("\u{1B}[?83n")
    default: break
    }
  }

  /// DECREQTPARM.
  mutating func reportParameters() {
    if raw(0) <= 1 { reply("\u{1B}[\(raw(0) + 2);1;1;128;128;1;0x") }
  }

  /// DECRQM: 0 not known, 1 set, 2 reset, 3 always set, 4 always reset.
  mutating func reportMode() {
    let number = raw(0)
    var answer = 0
    if privateMarker == 0x3F {
      switch number {
      case 47, 1047, 1049: answer = isAlternateScreen ? 1 : 2
      case 1048: answer = 1
      // ANSI controls (there is no VT52 here), keys that repeat, alt and meta that send ESC, a blinking cursor as programs say.
      case 2, 8, 14, 1036, 1039: answer = 3
      // Known to xterm, and never on here: the 4014, logging, sixels, highlight tracking, other encodings of keys, its menus.
      case 13, 38, 46, 80, 1001, 1034, 1035, 1037, 1050, 1051, 1060, 1061, 2001...2003, 2005, 2006, 8452: answer = 4
      default:
        if let mode = ModeSet(privateMode: number) { answer = modeSet.contains(mode) ? 1 : 2 }
      }
      reply("\u{1B}[?\(number);\(answer)$y")
    } else if privateMarker == 0 {
      if let mode = ModeSet(ansiMode: number) {
        answer = modeSet.contains(mode) ? 1 : 2
      } else if (1...19).contains(number), ![6, 8, 9].contains(number) {
        // Those of ECMA-48 that terminals never had.
        answer = 4
      }
      reply("\u{1B}[\(number);\(answer)$y")
    }
  }

  /// XTWINOPS, as far as it makes sense without a window.
  mutating func windowOperation() {
    switch raw(0) {
    case 4:
      requestSize(
        rows: (raw(1) + options.cellHeight - 1) / max(options.cellHeight, 1),
        columns: (raw(2) + options.cellWidth - 1) / max(options.cellWidth, 1))
    case 8: requestSize(rows: raw(1), columns: raw(2))
    case 11: reply("\u{1B}[1t")
    case 13: reply("\u{1B}[3;0;0t")
    case 14: reply("\u{1B}[4;\(rows &* options.cellHeight);\(columns &* options.cellWidth)t")
    case 15: reply("\u{1B}[5;\(rows &* options.cellHeight);\(columns &* options.cellWidth)t")
    case 16: reply("\u{1B}[6;\(options.cellHeight);\(options.cellWidth)t")
    case 18: reply("\u{1B}[8;\(rows);\(columns)t")
    case 19: reply("\u{1B}[9;\(rows);\(columns)t")
    case 20: reportTitle("L", iconName)
    case 21: reportTitle("l", title)
    case 22: pushTitle(raw(1))
    case 23: popTitle(raw(1))
    case 24...: requestSize(rows: raw(0), columns: columns)
    default: break
    }
  }

  /// DECSCPP: 80 or 132 columns; nothing and 0 are 80.
  mutating func requestPageColumns(_ columns: Int) {
    guard [0, 80, 132].contains(columns) else { return }
    if columns == 132 { modeSet.insert(.columns132) } else { modeSet.remove(.columns132) }
    requestSize(rows: rows, columns: columns == 132 ? 132 : 80)
  }

  /// Asks the host for a size; 0 leaves a side as it is. There is no display that a window could fill.
  mutating func requestSize(rows wishedRows: Int, columns wishedColumns: Int) {
    if suspendsAtSizeRequest {
      state = .suspended
      hasStoppedForSize = true
    }
    emit(
      .sizeRequested(
        TerminalSize(
          rows: wishedRows > 0 ? wishedRows : rows, columns: wishedColumns > 0 ? wishedColumns : columns)))
  }

  /// Mode 2048.
  mutating func reportSizeInBand() {
    reply(
      "\u{1B}[48;\(rows);\(columns);\(rows &* options.cellHeight);\(columns &* options.cellWidth)t")
  }
}

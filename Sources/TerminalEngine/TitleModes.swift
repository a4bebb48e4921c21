/// XTSMTITLE and XTRMTITLE (`CSI > Pm t`, `CSI > Pm T`): how titles are set and how they are reported. 2 and 3 of xterm, UTF-8, are
/// always on here.
struct TitleModes: Equatable {
  /// 0: titles come in hexadecimal.
  var setsInHexadecimal = false
  /// 1: titles are reported in hexadecimal.
  var reportsInHexadecimal = false
}

extension Terminal {
  mutating func setTitleModes(_ on: Bool) {
    for index in 0..<max(parameterCount, 1) {
      switch raw(index) {
      case 0: titleModes.setsInHexadecimal = on
      case 1: titleModes.reportsInHexadecimal = on
      default: break
      }
    }
  }

  /// The text of an OSC 0, 1 or 2; nil when it ought to be hexadecimal and is not.
  func titleText(_ bytes: ArraySlice<UInt8>) -> String? {
    guard titleModes.setsInHexadecimal else { return Self.titleText(bytes) }
    guard bytes.count % 2 == 0, bytes.count <= 2 * Self.titleLimit else { return nil }
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count / 2)
    var index = bytes.startIndex
    while index < bytes.endIndex {
      guard let high = ColorTable.hexadecimalDigit(bytes[index]),
        let low = ColorTable.hexadecimalDigit(bytes[index + 1])
      else { return nil }
      text.append(high << 4 | low)
      index += 2
    }
    return Self.titleText(text[...])
  }

  /// `CSI 20 t` and `CSI 21 t`, where the options allow it.
  mutating func reportTitle(_ letter: String, _ text: String) {
    guard options.allowsTitleReports else { return }
    guard titleModes.reportsInHexadecimal else {
      reply("\u{1B}]\(letter)\(text)\u{1B}\\")
      return
    }
    let digits = text.utf8.map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return digits.count == 1 ? "0" + digits : digits
    }
    reply("\u{1B}]\(letter)\(digits.joined())\u{1B}\\")
  }
}

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
    for name in request.split(separator: 0x3B).prefix(16) {
      let value: String
      switch String(decoding: name, as: UTF8.self).uppercased() {
      // TN, name
      case "544E", "6E616D65": value = "xterm-256color"
      // Co, colors
      case "436F", "636F6C6F7273": value = "256"
      // RGB
      case "524742": value = "8/8/8"
      default:
        // Only a well-formed name is echoed: an answer must not carry text of the program's choice.
        let isName = name.allSatisfy { ColorTable.hexadecimalDigit($0) != nil }
        reply("\u{1B}P0+r\(isName ? String(decoding: name, as: UTF8.self) : "")\u{1B}\\")
        continue
      }
      let hexadecimal = value.utf8.map { byte in
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count == 1 ? "0" + digits : digits
      }.joined()
      reply("\u{1B}P1+r\(String(decoding: name, as: UTF8.self))=\(hexadecimal)\u{1B}\\")
    }
  }
}

// The colours that programs may change and ask for (OSC 4, 10 to 19, 104, 110 to 119).

/// Colours that differ from the options'.
struct ColorTable {
  private var palette: [UInt8: RGB] = [:]
  /// OSC 10…19: foreground, background, cursor, and seven that only remember what was set.
  private var dynamic: [RGB?] = []

  init() {}

  var bytesHeld: Int { palette.capacity * 5 + dynamic.capacity * 4 }

  subscript(palette index: UInt8) -> RGB? {
    get { palette[index] }
    set { palette[index] = newValue }
  }

  subscript(dynamic code: Int) -> RGB? {
    get { code - 10 < dynamic.count ? dynamic[code - 10] : nil }
    set {
      if dynamic.isEmpty { dynamic = Array(repeating: nil, count: 10) }
      dynamic[code - 10] = newValue
    }
  }

  mutating func resetPalette() { palette = [:] }
  var isPaletteChanged: Bool { !palette.isEmpty }

  /// xterm's 256 colours.
  static func standard(_ index: UInt8) -> RGB {
    switch index {
    case 0..<16: return basic[Int(index)]
    case 16..<232:
      let value = index - 16
      func level(_ step: UInt8) -> UInt8 { step == 0 ? 0 : 55 + step * 40 }
      return RGB(level(value / 36), level(value / 6 % 6), level(value % 6))
    default:
      let gray = 8 + (index - 232) * 10
      return RGB(gray, gray, gray)
    }
  }

  private static let basic: [RGB] = [
    RGB(0x00, 0x00, 0x00), RGB(0xCD, 0x00, 0x00), RGB(0x00, 0xCD, 0x00), RGB(0xCD, 0xCD, 0x00), RGB(0x00, 0x00, 0xEE),
    RGB(0xCD, 0x00, 0xCD), RGB(0x00, 0xCD, 0xCD), RGB(0xE5, 0xE5, 0xE5), RGB(0x7F, 0x7F, 0x7F), RGB(0xFF, 0x00, 0x00),
    RGB(0x00, 0xFF, 0x00), RGB(0xFF, 0xFF, 0x00), RGB(0x5C, 0x5C, 0xFF), RGB(0xFF, 0x00, 0xFF), RGB(0x00, 0xFF, 0xFF),
    RGB(0xFF, 0xFF, 0xFF),
  ]

  /// XParseColor's numeric forms: `rgb:h/h/h` with one to four digits each, `#rgb` to `#rrrrggggbbbb`.
  static func parse(_ text: ArraySlice<UInt8>) -> RGB? {
    if text.starts(with: "rgb:".utf8) {
      let parts = text.dropFirst(4).split(separator: 0x2F, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      var channels: [UInt8] = []
      for part in parts {
        guard (1...4).contains(part.count), let value = hexadecimal(part) else { return nil }
        channels.append(UInt8(truncatingIfNeeded: value * 255 / ((1 << (4 * part.count)) - 1)))
      }
      return RGB(channels[0], channels[1], channels[2])
    }
    guard text.first == 0x23 else { return nil }
    let digits = Array(text.dropFirst())
    guard [3, 6, 9, 12].contains(digits.count) else { return nil }
    let size = digits.count / 3
    var channels: [UInt8] = []
    for index in 0..<3 {
      guard let value = hexadecimal(digits[(index * size)..<(index * size + size)]) else { return nil }
      // The digits are the most significant ones of a channel.
      channels.append(UInt8(truncatingIfNeeded: size == 1 ? value << 4 : value >> (4 * size - 8)))
    }
    return RGB(channels[0], channels[1], channels[2])
  }

  static func hexadecimal(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for byte in digits {
      guard let digit = hexadecimalDigit(byte) else { return nil }
      value = value << 4 | Int(digit)
    }
    return value
  }

  static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}

extension RGB {
  /// `rgb:rrrr/gggg/bbbb`, as xterm answers.
  var report: String {
    func channel(_ value: UInt8) -> String {
      let digits = String(value, radix: 16)
      let two = digits.count == 1 ? "0" + digits : digits
      return two + two
    }
    return "rgb:\(channel(red))/\(channel(green))/\(channel(blue))"
  }
}

extension Terminal {
  /// A colour of the palette, as programs have set it or as the options say.
  package func paletteColor(_ index: UInt8) -> RGB {
    if let set = colors[palette: index] { return set }
    return Int(index) < options.palette.count ? options.palette[Int(index)] : ColorTable.standard(index)
  }

  /// The default foreground, or what OSC 10 made it.
  package var foregroundColor: RGB { colors[dynamic: 10] ?? options.defaultForeground }
  /// The default background, or what OSC 11 made it.
  package var backgroundColor: RGB { colors[dynamic: 11] ?? options.defaultBackground }
  /// The cursor's colour, or what OSC 12 made it.
  package var cursorColor: RGB { colors[dynamic: 12] ?? options.cursorColor }

  private func dynamicColor(_ code: Int) -> RGB {
    switch code {
    case 11, 14, 16: colors[dynamic: code] ?? backgroundColor
    case 12: cursorColor
    default: colors[dynamic: code] ?? foregroundColor
    }
  }

  /// OSC 4: pairs of an index and a colour, or `?`.
  mutating func setPalette(_ fields: [ArraySlice<UInt8>], end: String) {
    var position = 0
    while position + 1 < fields.count {
      if let index = Self.decimal(fields[position]), let number = UInt8(exactly: index) {
        if fields[position + 1].elementsEqual([0x3F]) {
          reply("\u{1B}]4;\(number);\(paletteColor(number).report)\(end)")
        } else if let color = ColorTable.parse(fields[position + 1]) {
          colors[palette: number] = color
          touchAll()
        }
      }
      position += 2
    }
  }

  /// OSC 10…19: each further field is for the next code.
  mutating func setDynamicColors(_ first: Int, _ fields: [ArraySlice<UInt8>], end: String) {
    for (offset, field) in fields.enumerated() {
      let code = first + offset
      guard code <= 19 else { return }
      if field.elementsEqual([0x3F]) {
        reply("\u{1B}]\(code);\(dynamicColor(code).report)\(end)")
      } else if let color = ColorTable.parse(field) {
        colors[dynamic: code] = color
        touchAll()
      }
    }
  }

  /// OSC 104.
  mutating func resetPalette(_ fields: [ArraySlice<UInt8>]) {
    touchAll()
    let indexes = fields.compactMap { Self.decimal($0).flatMap { UInt8(exactly: $0) } }
    if indexes.isEmpty { colors.resetPalette() }
    for index in indexes { colors[palette: index] = nil }
  }
}

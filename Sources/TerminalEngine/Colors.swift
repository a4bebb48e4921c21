// The colours that programs may change and ask for (OSC 4, 5, 10 to 19, 104, 105, 110 to 119).

/// Colours that differ from the options'.
struct ColorTable {
  private var palette: [UInt8: RGB] = [:]
  /// OSC 10…19: foreground, background, cursor, and seven that only remember what was set.
  private var dynamic: [RGB?] = []
  /// OSC 5: the colours of bold, underlined, blinking, reversed and italic text. They only remember what was set.
  private var special: [RGB?] = []
  /// How many special colours xterm has; they are also those behind the palette in OSC 4 and 104.
  static let specialCount = 5

  init() {}

  var bytesHeld: Int { palette.capacity * 5 + (dynamic.capacity + special.capacity) * 4 }

  subscript(special index: Int) -> RGB? {
    get { index < special.count ? special[index] : nil }
    set {
      if special.isEmpty { special = Array(repeating: nil, count: Self.specialCount) }
      special[index] = newValue
    }
  }

  mutating func resetSpecial() { special = [] }

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
  package var foregroundColor: RGB { colors[dynamic: 10] ?? defaultColors.foreground ?? options.defaultForeground }
  /// The default background, or what OSC 11 made it.
  package var backgroundColor: RGB { colors[dynamic: 11] ?? defaultColors.background ?? options.defaultBackground }
  /// The cursor's colour, or what OSC 12 made it.
  package var cursorColor: RGB {
    colors[dynamic: 12] ?? defaultColors.cursor ?? defaultColors.foreground ?? options.cursorColor
  }

  /// The colours of the terminal on which this one is looked at: what programs are answered that ask for the default colours
  /// and have not set others. What is nil is as the options say.
  package mutating func setDefaultColors(_ colors: DefaultColors) {
    defaultColors = colors
  }

  private func dynamicColor(_ code: Int) -> RGB {
    switch code {
    case 12, 18: colors[dynamic: code] ?? cursorColor
    // xterm highlights with the colours reversed, so that its highlight's background is the foreground.
    case 11, 14, 16, 19: colors[dynamic: code] ?? backgroundColor
    default: colors[dynamic: code] ?? foregroundColor
    }
  }

  /// OSC 4 and 5: pairs of an index and a colour, or `?`. As in xterm, a pair that means nothing ends the command, and the
  /// special colours are behind the 256 of the palette.
  mutating func setColors(_ fields: [ArraySlice<UInt8>], special isSpecial: Bool, end: String) {
    var position = 0
    while position + 1 < fields.count {
      guard let number = Self.decimal(fields[position]), let index = ColorIndex(number, isSpecial: isSpecial) else {
        return
      }
      let field = fields[position + 1]
      if field.elementsEqual([0x3F]) {
        let color =
          switch index {
          case .palette(let index): paletteColor(index)
          case .special(let index): colors[special: index] ?? foregroundColor
          }
        reply("\u{1B}]\(isSpecial ? 5 : 4);\(number);\(color.report)\(end)")
      } else {
        guard let color = ColorSpecification.parse(field) else { return }
        set(index, to: color)
      }
      position += 2
    }
  }

  private mutating func set(_ index: ColorIndex, to color: RGB?) {
    switch index {
    case .palette(let index): colors[palette: index] = color
    case .special(let index): colors[special: index] = color
    }
    touchAll()
  }

  /// OSC 10…19: each further field is for the next code.
  mutating func setDynamicColors(_ first: Int, _ fields: [ArraySlice<UInt8>], end: String) {
    for (offset, field) in fields.enumerated() {
      let code = first + offset
      guard code <= 19 else { return }
      if field.elementsEqual([0x3F]) {
        reply("\u{1B}]\(code);\(dynamicColor(code).report)\(end)")
      } else if let color = ColorSpecification.parse(field) {
        colors[dynamic: code] = color
        touchAll()
      }
    }
  }

  /// OSC 104 and 105: the colours of the indexes, or all.
  mutating func resetColors(_ fields: [ArraySlice<UInt8>], special isSpecial: Bool) {
    touchAll()
    if fields.allSatisfy(\.isEmpty) {
      if isSpecial { colors.resetSpecial() } else { colors.resetPalette() }
    }
    for field in fields {
      if let index = Self.decimal(field).flatMap({ ColorIndex($0, isSpecial: isSpecial) }) { set(index, to: nil) }
    }
  }
}

/// A colour that OSC 4 or 5 names by its number.
private enum ColorIndex {
  case palette(UInt8)
  case special(Int)

  init?(_ number: Int, isSpecial: Bool) {
    if !isSpecial, let index = UInt8(exactly: number) {
      self = .palette(index)
      return
    }
    let index = isSpecial ? number : number - 256
    guard index >= 0, index < ColorTable.specialCount else { return nil }
    self = .special(index)
  }
}

/// Default colours as somebody who looks at the terminal has told them; nil where he has not.
package struct DefaultColors: Sendable, Equatable {
  package var foreground: RGB?
  package var background: RGB?
  package var cursor: RGB?

  package init(foreground: RGB? = nil, background: RGB? = nil, cursor: RGB? = nil) {
    self.foreground = foreground
    self.background = background
    self.cursor = cursor
  }
}

extension RGB {
  /// A colour as X11 writes it: `#rrggbb`, `rgb:rrrr/gggg/bbbb`, a name; nil for anything else.
  package init?(specification: some Sequence<UInt8>) {
    guard let color = ColorSpecification.parse(Array(specification)[...]) else { return nil }
    self = color
  }
}

// SGR (ECMA-48 §8.3.117, ISO 8613-6 for colours, kitty's and VTE's underlines).

extension Terminal {
  /// `CSI … m`. The pen's cells are made when the next character needs them, as sequences come in groups.
  @inline(__always)
  mutating func selectGraphicRendition() {
    penIsStale = true
    lastScalar = 0
    let count = parameterCount
    // The two commonest: a reset, and one colour as a list of numbers.
    if count == 1 && parameters[0] == 0 {
      pen = .default
      if penLink == 0 && !penIsProtected {
        penCell = 0
        eraseCell = 0
        penIsStale = false
      }
      return
    }
    if count == 5 && subparameters == 0 && parameters[1] == 2 && parameters[0] == 38 {
      let value = Self.packRGB(parameters[2], parameters[3], parameters[4])
      pen.colors = pen.colors & ~0xFFFF_FFFF | value
      return
    }
    pen = Self.rendition(pen, parameters, count, subparameters)
  }

  @inline(__always)
  static func packRGB(_ red: Int32, _ green: Int32, _ blue: Int32) -> UInt64 {
    UInt64(
      truncatingIfNeeded: 0x0200_0000 | (red & 255) << 16 | (green & 255) << 8 | blue & 255)
  }

  /// A pen with parameters applied to it.
  @inline(never)
  private static func rendition(
    _ pen: Style, _ parameters: UnsafePointer<Int32>, _ count: Int, _ subparameters: UInt32
  ) -> Style {
    var colors = pen.colors
    var rest = pen.rest
    let attribute = Style.attributeShift
    var index = 0
    while index < count {
      let value = parameters[index]
      index &+= 1
      let hasSubparameter = index < count && subparameters & (1 &<< UInt32(truncatingIfNeeded: index)) != 0
      switch value {
      case 0:
        colors = 0
        rest = 0
      case 1: rest |= 1 << attribute
      case 2: rest |= 2 << attribute
      case 3: rest |= 4 << attribute
      case 4:
        var style: UInt64 = 1
        if hasSubparameter { style = UInt64(truncatingIfNeeded: min(max(parameters[index], 0), 5)) }
        rest = rest & ~Style.underlineMask | style << Style.underlineShift
      case 5, 6: rest |= 8 << attribute
      case 7: rest |= 16 << attribute
      case 8: rest |= 32 << attribute
      case 9: rest |= 64 << attribute
      case 21: rest = rest & ~Style.underlineMask | 2 << Style.underlineShift
      case 22: rest &= ~(3 << attribute)
      case 23: rest &= ~(4 << attribute)
      case 24: rest &= ~Style.underlineMask
      case 25: rest &= ~(8 << attribute)
      case 27: rest &= ~(16 << attribute)
      case 28: rest &= ~(32 << attribute)
      case 29: rest &= ~(64 << attribute)
      case 30...37: colors = colors & ~0xFFFF_FFFF | UInt64(truncatingIfNeeded: 0x0100_0000 | (value - 30))
      case 39: colors &= ~0xFFFF_FFFF
      case 40...47: colors = colors & 0xFFFF_FFFF | UInt64(truncatingIfNeeded: 0x0100_0000 | (value - 40)) << 32
      case 49: colors &= 0xFFFF_FFFF
      case 53: rest |= 128 << attribute
      case 55: rest &= ~(128 << attribute)
      case 59: rest &= ~0xFFFF_FFFF
      case 90...97: colors = colors & ~0xFFFF_FFFF | UInt64(truncatingIfNeeded: 0x0100_0000 | (value - 82))
      case 100...107: colors = colors & 0xFFFF_FFFF | UInt64(truncatingIfNeeded: 0x0100_0000 | (value - 92)) << 32
      case 38, 48, 58:
        var color: UInt64?
        if !hasSubparameter {
          // `38;5;n` and `38;2;r;g;b`; one that is cut short changes nothing.
          if index < count && parameters[index] == 5 {
            if index + 1 < count {
              color = UInt64(truncatingIfNeeded: 0x0100_0000 | parameters[index + 1] & 255)
            }
            index += 2
          } else if index < count && parameters[index] == 2 {
            if index + 3 < count {
              color = packRGB(parameters[index + 1], parameters[index + 2], parameters[index + 3])
            }
            index += 4
          }
        } else {
          (color, index) = colonColor(index, parameters, count, subparameters)
        }
        if let color {
          switch value {
          case 38: colors = colors & ~0xFFFF_FFFF | color
          case 48: colors = colors & 0xFFFF_FFFF | color << 32
          default: rest = rest & ~0xFFFF_FFFF | color
          }
        }
        continue
      default: break
      }
      while index < count && subparameters & (1 &<< UInt32(truncatingIfNeeded: index)) != 0 { index += 1 }
    }
    return Style(colors: colors, rest: rest)
  }

  /// `38:5:n`, `38:2:r:g:b` and `38:2:space:r:g:b` (with anything after it); the index behind the group.
  private static func colonColor(
    _ start: Int, _ parameters: UnsafePointer<Int32>, _ total: Int, _ subparameters: UInt32
  ) -> (UInt64?, Int) {
    var end = start
    while end < total && subparameters & (1 &<< UInt32(truncatingIfNeeded: end)) != 0 { end += 1 }
    let count = end - start
    switch parameters[start] {
    case 5 where count >= 2:
      return (UInt64(truncatingIfNeeded: 0x0100_0000 | parameters[start + 1] & 255), end)
    case 2 where count >= 4:
      let first = count >= 5 ? start + 2 : start + 1
      return (packRGB(parameters[first], parameters[first + 1], parameters[first + 2]), end)
    default: return (nil, end)
    }
  }

  /// The parameters that make this style from a reset pen, beginning with `0`.
  static func renditionParameters(_ style: Style) -> String {
    var bytes: [UInt8] = []
    appendRendition(style, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The same as bytes: a repaint may need one for every cell.
  static func appendRendition(_ style: Style, to bytes: inout [UInt8]) {
    bytes.append(0x30)
    let attributes = style.attributes
    if attributes.contains(.bold) { bytes.append(0x3B, 0x31) }
    if attributes.contains(.faint) { bytes.append(0x3B, 0x32) }
    if attributes.contains(.italic) { bytes.append(0x3B, 0x33) }
    switch style.underline {
    case .none: break
    case .single: bytes.append(0x3B, 0x34)
    default:
      bytes.append(0x3B, 0x34, 0x3A)
      bytes.append(0x30 + style.underline.rawValue)
    }
    if attributes.contains(.blink) { bytes.append(0x3B, 0x35) }
    if attributes.contains(.inverse) { bytes.append(0x3B, 0x37) }
    if attributes.contains(.invisible) { bytes.append(0x3B, 0x38) }
    if attributes.contains(.strikethrough) { bytes.append(0x3B, 0x39) }
    if attributes.contains(.overline) { bytes.append(0x3B, 0x35, 0x33) }
    appendColor(style.foreground, base: 30, to: &bytes)
    appendColor(style.background, base: 40, to: &bytes)
    switch style.underlineColor.kind {
    case .default: break
    case .indexed(let index):
      bytes.append(contentsOf: ";58:5:".utf8)
      bytes.append(decimal: Int(index))
    case .rgb(let rgb):
      bytes.append(contentsOf: ";58:2:".utf8)
      for channel in [rgb.red, rgb.green, rgb.blue] {
        bytes.append(0x3A)
        bytes.append(decimal: Int(channel))
      }
    }
  }

  /// `base` is 30 for the foreground, 40 for the background.
  private static func appendColor(_ color: Color, base: Int, to bytes: inout [UInt8]) {
    switch color.kind {
    case .default: return
    case .indexed(let index):
      bytes.append(0x3B)
      if index < 8 {
        bytes.append(decimal: base + Int(index))
      } else if index < 16 {
        bytes.append(decimal: base + 52 + Int(index))
      } else {
        bytes.append(decimal: base + 8)
        bytes.append(0x3B, 0x35, 0x3B)
        bytes.append(decimal: Int(index))
      }
    case .rgb(let rgb):
      bytes.append(0x3B)
      bytes.append(decimal: base + 8)
      bytes.append(0x3B, 0x32)
      bytes.append(0x3B)
      bytes.append(decimal: Int(rgb.red))
      bytes.append(0x3B)
      bytes.append(decimal: Int(rgb.green))
      bytes.append(0x3B)
      bytes.append(decimal: Int(rgb.blue))
    }
  }
}

extension [UInt8] {
  mutating func append(_ first: UInt8, _ second: UInt8) {
    append(first)
    append(second)
  }

  mutating func append(_ first: UInt8, _ second: UInt8, _ third: UInt8) {
    append(first, second)
    append(third)
  }

  /// A number that is not negative, in decimal digits.
  mutating func append(decimal value: Int) {
    if value >= 10 { append(decimal: value / 10) }
    append(0x30 + UInt8(truncatingIfNeeded: value % 10))
  }
}

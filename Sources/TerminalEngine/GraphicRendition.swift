// SGR (ECMA-48 §8.3.117, ISO 8613-6 for colours, kitty's and VTE's underlines).

extension Terminal {
  /// `CSI … m`. The pen's cells are made when the next character needs them, as sequences come in groups.
  @inline(__always)
  mutating func selectGraphicRendition() {
    penIsStale = true
    let count = parameterCount
    // The two commonest: a reset, and one colour as a list of numbers.
    if count == 1 && parameters[0] == 0 {
      pen = .default
      return
    }
    if count == 5 && subparameters == 0 && parameters[1] == 2 && parameters[0] == 38 {
      let value = Self.packRGB(parameters[2], parameters[3], parameters[4])
      pen.colors = pen.colors & ~0xFFFF_FFFF | value
      return
    }
    applyRendition(from: 0)
  }

  @inline(__always)
  static func packRGB(_ red: Int32, _ green: Int32, _ blue: Int32) -> UInt64 {
    UInt64(
      truncatingIfNeeded: 0x0200_0000 | (red & 255) << 16 | (green & 255) << 8 | blue & 255)
  }

  /// Applies the parameters from one on to the pen.
  @inline(never)
  mutating func applyRendition(from first: Int) {
    let parameters = self.parameters
    let count = parameterCount
    let subparameters = self.subparameters
    var colors = pen.colors
    var rest = pen.rest
    let attribute = Style.attributeShift
    var index = first
    while index < count {
      let value = parameters[index]
      index += 1
      let hasSubparameter = index < count && subparameters & (1 << UInt32(truncatingIfNeeded: index)) != 0
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
              color = Self.packRGB(parameters[index + 1], parameters[index + 2], parameters[index + 3])
            }
            index += 4
          }
        } else {
          (color, index) = colonColor(index)
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
      while index < count && subparameters & (1 << UInt32(truncatingIfNeeded: index)) != 0 { index += 1 }
    }
    pen = Style(colors: colors, rest: rest)
  }

  /// `38:5:n`, `38:2:r:g:b` and `38:2:space:r:g:b` (with anything after it); the index behind the group.
  private func colonColor(_ start: Int) -> (UInt64?, Int) {
    var end = start
    while end < parameterCount && subparameters & (1 << UInt32(truncatingIfNeeded: end)) != 0 { end += 1 }
    let count = end - start
    switch parameters[start] {
    case 5 where count >= 2:
      return (UInt64(truncatingIfNeeded: 0x0100_0000 | parameters[start + 1] & 255), end)
    case 2 where count >= 4:
      let first = count >= 5 ? start + 2 : start + 1
      return (Self.packRGB(parameters[first], parameters[first + 1], parameters[first + 2]), end)
    default: return (nil, end)
    }
  }

  /// The parameters that make this style from a reset pen, beginning with `0`.
  static func renditionParameters(_ style: Style) -> String {
    var text = "0"
    let attributes = style.attributes
    if attributes.contains(.bold) { text += ";1" }
    if attributes.contains(.faint) { text += ";2" }
    if attributes.contains(.italic) { text += ";3" }
    switch style.underline {
    case .none: break
    case .single: text += ";4"
    default: text += ";4:\(style.underline.rawValue)"
    }
    if attributes.contains(.blink) { text += ";5" }
    if attributes.contains(.inverse) { text += ";7" }
    if attributes.contains(.invisible) { text += ";8" }
    if attributes.contains(.strikethrough) { text += ";9" }
    if attributes.contains(.overline) { text += ";53" }
    func add(_ color: Color, _ base: Int) {
      switch color.kind {
      case .default: break
      case .indexed(let index):
        if base < 58 && index < 8 {
          text += ";\(base + Int(index) - 8)"
        } else if base < 58 && index < 16 {
          text += ";\(base + Int(index) + 44)"
        } else {
          text += base < 58 ? ";\(base);5;\(index)" : ";58:5:\(index)"
        }
      case .rgb(let rgb):
        text +=
          base < 58
          ? ";\(base);2;\(rgb.red);\(rgb.green);\(rgb.blue)" : ";58:2::\(rgb.red):\(rgb.green):\(rgb.blue)"
      }
    }
    add(style.foreground, 38)
    add(style.background, 48)
    add(style.underlineColor, 58)
    return text
  }
}

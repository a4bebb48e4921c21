/// A colour as a program named it: the terminal's default, an index of the palette, or an RGB value.
package struct Color: Equatable, Hashable, Sendable {
  package enum Kind: Equatable, Sendable {
    case `default`
    case indexed(UInt8)
    case rgb(RGB)
  }

  /// 0 is the default; `0x0100_00ii` an index; `0x02rr_ggbb` a value.
  var packed: UInt32

  init(packed: UInt32) { self.packed = packed }

  package static let `default` = Color(packed: 0)
  package static func indexed(_ index: UInt8) -> Color { Color(packed: 0x0100_0000 | UInt32(index)) }
  package static func rgb(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> Color {
    Color(packed: 0x0200_0000 | UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue))
  }

  package var kind: Kind {
    switch packed >> 24 {
    case 1: .indexed(UInt8(truncatingIfNeeded: packed))
    case 2:
      .rgb(
        RGB(
          UInt8(truncatingIfNeeded: packed >> 16), UInt8(truncatingIfNeeded: packed >> 8),
          UInt8(truncatingIfNeeded: packed)))
    default: .default
    }
  }

  package var isDefault: Bool { packed == 0 }
}

/// The renditions of SGR that are simply on or off.
package struct Attributes: OptionSet, Hashable, Sendable {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let bold = Attributes(rawValue: 1)
  package static let faint = Attributes(rawValue: 2)
  package static let italic = Attributes(rawValue: 4)
  package static let blink = Attributes(rawValue: 8)
  package static let inverse = Attributes(rawValue: 16)
  package static let invisible = Attributes(rawValue: 32)
  package static let strikethrough = Attributes(rawValue: 64)
  package static let overline = Attributes(rawValue: 128)
}

/// The underlines of SGR 4, `4:n` and 21; the raw value is the `n`.
package enum UnderlineStyle: UInt8, Hashable, Sendable {
  case none = 0
  case single = 1
  case double = 2
  case curly = 3
  case dotted = 4
  case dashed = 5
}

/// How a cell is drawn: three colours, the attributes and the underline, in two words so that comparing is cheap.
package struct Style: Equatable, Hashable, Sendable {
  /// Foreground in the low half, background in the high half.
  var colors: UInt64
  /// Underline colour (bits 0–31), attributes (32–47), underline style (48–55).
  var rest: UInt64

  static let attributeShift: UInt64 = 32
  static let underlineShift: UInt64 = 48
  static let underlineMask: UInt64 = 0xFF << 48

  init(colors: UInt64, rest: UInt64) {
    self.colors = colors
    self.rest = rest
  }

  package init(
    foreground: Color = .default, background: Color = .default, underlineColor: Color = .default,
    attributes: Attributes = [], underline: UnderlineStyle = .none
  ) {
    colors = UInt64(foreground.packed) | UInt64(background.packed) << 32
    rest =
      UInt64(underlineColor.packed) | UInt64(attributes.rawValue) << Self.attributeShift
      | UInt64(underline.rawValue) << Self.underlineShift
  }

  package static let `default` = Style(colors: 0, rest: 0)
  package var isDefault: Bool { colors | rest == 0 }
  /// All of it mixed into one word whose high bits differ between styles: a cheap hash for small tables.
  package var mixed: UInt64 { (colors &* 0x9E37_79B9_7F4A_7C15 ^ rest) &* 0xD6E8_FEB8_6659_FD93 }

  package var foreground: Color {
    get { Color(packed: UInt32(truncatingIfNeeded: colors)) }
    set { colors = colors & ~0xFFFF_FFFF | UInt64(newValue.packed) }
  }
  package var background: Color {
    get { Color(packed: UInt32(truncatingIfNeeded: colors >> 32)) }
    set { colors = colors & 0xFFFF_FFFF | UInt64(newValue.packed) << 32 }
  }
  package var underlineColor: Color {
    get { Color(packed: UInt32(truncatingIfNeeded: rest)) }
    set { rest = rest & ~0xFFFF_FFFF | UInt64(newValue.packed) }
  }
  package var attributes: Attributes {
    get { Attributes(rawValue: UInt16(truncatingIfNeeded: rest >> Self.attributeShift)) }
    set { rest = rest & ~(0xFFFF << Self.attributeShift) | UInt64(newValue.rawValue) << Self.attributeShift }
  }
  package var underline: UnderlineStyle {
    get { UnderlineStyle(rawValue: UInt8(truncatingIfNeeded: rest >> Self.underlineShift)) ?? .none }
    set { rest = rest & ~Self.underlineMask | UInt64(newValue.rawValue) << Self.underlineShift }
  }
}

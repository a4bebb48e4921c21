import Testing

@testable import TerminalEngine

@Suite("Character widths")
struct WidthTableTests {
  @Test(
    "a character takes the columns that terminals give it",
    arguments: [
      ("A", 1), ("~", 1), ("é", 1), ("я", 1), ("─", 1), ("→", 1), ("°", 1),  // ambiguous ones are narrow
      ("\u{AD}", 1),  // soft hyphen
      ("\u{0}", 0), ("\u{1B}", 0), ("\u{7F}", 0), ("\u{85}", 0), ("\u{A0}", 1),
      ("\u{300}", 0), ("\u{20D0}", 0), ("\u{488}", 0),  // combining and enclosing marks
      ("\u{903}", 1), ("\u{9BE}", 1), ("ﾞ", 1),  // spacing marks
      ("\u{200B}", 0), ("\u{200D}", 0), ("\u{200E}", 0), ("\u{2060}", 0), ("\u{FEFF}", 0), ("\u{FE0F}", 0),
      ("\u{2028}", 0), ("\u{E0061}", 0), ("\u{E0100}", 0), ("\u{3164}", 2),
      ("\u{600}", 1), ("\u{6DD}", 1),  // format characters that are drawn
      ("\u{1100}", 2), ("\u{115F}", 2), ("\u{1160}", 0), ("\u{11A8}", 0), ("\u{D7B0}", 0), ("한", 2),
      ("中", 2), ("あ", 2), ("、", 2), ("　", 2), ("Ａ", 2), ("ｱ", 1), ("￥", 2), ("〈", 2),
      ("\u{4DC0}", 2), ("\u{3400}", 2), ("\u{9FFF}", 2), ("\u{FAFF}", 2), ("\u{2FFFD}", 2), ("\u{3FFFD}", 2),
      ("\u{2A6E0}", 2),  // unassigned in a CJK plane
      ("😀", 2), ("🚀", 2), ("✅", 2), ("⚠", 1), ("❤", 1), ("⌚", 2), ("☎", 1), ("\u{1F3FD}", 2),
      ("\u{1F1E6}", 1),  // half of a flag
      // Unicode 16
      ("\u{2630}", 2), ("\u{1D300}", 2), ("\u{31E4}", 2), ("\u{1FAE9}", 2), ("\u{18CFF}", 2), ("\u{897}", 0),
      ("\u{1FAEA}", 2), ("\u{18D80}", 2), ("\u{16FF2}", 2), ("\u{187FF}", 2),  // Unicode 17
      ("\u{E000}", 1), ("\u{10FFFF}", 1), ("\u{378}", 1), ("\u{303F}", 1), ("\u{FFFD}", 1),
    ] as [(Unicode.Scalar, Int)])
  func width(_ scalar: Unicode.Scalar, columns: Int) {
    #expect(WidthTable.width(of: scalar.value) == columns, "U+\(String(scalar.value, radix: 16))")
  }

  @Test("what is not a Unicode scalar is narrow and harms nobody", arguments: [0xD800, 0xDFFF, 0x110000, .max])
  func notAScalar(_ value: UInt32) {
    #expect(WidthTable.width(of: value) <= 1)
    #expect(WidthTable.properties(of: value) & ~WidthTable.widthMask == 0)
  }

  @Test("printable ASCII is narrow and every other ASCII character takes no column")
  func ascii() {
    for value in UInt32(0)..<128 {
      #expect(WidthTable.width(of: value) == (0x20..<0x7F ~= value ? 1 : 0), "\(value)")
    }
  }

  @Test(
    "flags say what joins",
    arguments: [
      ("a", 0), ("\r", WidthTable.control), ("\u{9B}", WidthTable.control), ("\u{300}", 0), ("\u{200D}", 0),
      ("\u{1F1E6}", WidthTable.regionalIndicator), ("😀", WidthTable.pictographic),
      ("❤", WidthTable.pictographic | WidthTable.variationCapable),
      ("©", WidthTable.pictographic | WidthTable.variationCapable),
      ("\u{1F3FB}", WidthTable.modifier), ("1", WidthTable.variationCapable), ("中", 0),
      ("⌚", WidthTable.pictographic | WidthTable.variationCapable),
      ("\u{1100}", WidthTable.joining), ("ﾞ", WidthTable.joining), ("क", 0),
    ] as [(Unicode.Scalar, UInt8)])
  func flags(_ scalar: Unicode.Scalar, expected: UInt8) {
    #expect(WidthTable.properties(of: scalar.value) & ~WidthTable.widthMask == expected)
  }

  @Test("what the runs of text take without a look at its class joins nothing")
  func runsAreAlone() {
    for scalar in UInt32(0xA0)...0x10FFFF where scalar >> 11 != 0x1B {
      let properties = WidthTable.properties(of: scalar) & WidthTable.alone
      guard properties == 2 || properties == 1 && !ClusterClass.isCareful(scalar) else { continue }
      let kind = ClusterClass(scalar)
      #expect(
        [.other, .pictographic, .openSyllable, .closedSyllable].contains(kind), "U+\(String(scalar, radix: 16)) \(kind)"
      )
    }
  }

  @Test("a variation selector makes emoji of those characters that Unicode lists, and of no others")
  func emojiPresentation() {
    for scalar in "#*09©®‼⁉™ℹ↔⌚☀☎♥⚠❤➡⬛〰㊙".unicodeScalars {
      #expect(WidthTable.properties(of: scalar.value) & WidthTable.variationCapable != 0, "\(scalar)")
    }
    for scalar in "aé─中→✓".unicodeScalars {
      #expect(WidthTable.properties(of: scalar.value) & WidthTable.variationCapable == 0, "\(scalar)")
    }
  }
}

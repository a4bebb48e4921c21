#!/usr/bin/env python3
"""Writes Sources/TerminalEngine/WidthTable.swift from the Unicode Character Database.

Reads Debian's `unicode-data` package (/usr/share/unicode, Unicode 15.0) or the folder given as first argument and
prints the Swift file on standard output:

    Tools/generate-width-table.py > Sources/TerminalEngine/WidthTable.swift

One byte is kept for every code point: two bits of width and five that say how it joins its neighbours. Seven bits in
all, so that the table can live in a string literal: it is then plain constant data in the executable, shared by every
process and needing no initialisation. (One bit is stored inverted, which makes most of the literal printable ASCII.)
"""
import collections
import sys

FOLDER = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode"
END = 0x110000
BLOCK = 256

# The bits of a byte, by the names that the Swift file gives them; the width is in the two lowest.
PICTOGRAPHIC, MODIFIER, REGIONAL_INDICATOR, CONTROL, VARIATION_CAPABLE = 4, 8, 16, 32, 64
INVERTED = 64


def ranges(name):
    """(first, last, fields) of every line of a property file."""
    with open(f"{FOLDER}/{name}", encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if not line:
                continue
            fields = [field.strip() for field in line.split(";")]
            first, _, last = fields[0].partition("..")
            yield int(first, 16), int(last or first, 16), fields[1:]


def those(name, *values):
    """The set of code points that have one of the values in a property file."""
    found = set()
    for first, last, fields in ranges(name):
        if fields[0] in values:
            found.update(range(first, last + 1))
    return found


def general_categories():
    category = ["Cn"] * END
    first_of_range = None
    with open(f"{FOLDER}/UnicodeData.txt", encoding="utf-8") as file:
        for line in file:
            fields = line.split(";")
            scalar = int(fields[0], 16)
            if fields[1].endswith(", First>"):
                first_of_range = scalar
                continue
            for each in range(first_of_range if fields[1].endswith(", Last>") else scalar, scalar + 1):
                category[each] = fields[2]
    return category


def widths(category):
    width = [1] * END
    # EastAsianWidth.txt says in its header which unassigned code points are wide.
    for first, last in [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FFFD), (0x30000, 0x3FFFD)]:
        width[first:last + 1] = [2] * (last - first + 1)
    for first, last, fields in ranges("EastAsianWidth.txt"):
        # A (ambiguous) is narrow: that is what every wcwidth outside of legacy East Asian locales answers.
        value = 2 if fields[0] in ("W", "F") else 1
        width[first:last + 1] = [value] * (last - first + 1)

    ignorable = those("DerivedCoreProperties.txt", "Default_Ignorable_Code_Point")
    visible_format = those("PropList.txt", "Prepended_Concatenation_Mark")
    for scalar in range(END):
        # Spacing marks (Mc) and the Hangul fillers (Lo) keep their width: wcwidth of the C library gives them one.
        if (category[scalar] in ("Mn", "Me", "Cc", "Cf", "Zl", "Zp")
                or scalar in ignorable and category[scalar] not in ("Mc", "Lo")):
            width[scalar] = 0
    for scalar in visible_format:
        width[scalar] = 1  # Arabic number signs and the like: Cf, yet drawn
    for first, last in [(0x1160, 0x11FF), (0xD7B0, 0xD7FF)]:
        width[first:last + 1] = [0] * (last - first + 1)  # vowels and finals are drawn inside the leading consonant
    width[0x00AD] = 1  # the soft hyphen is drawn by terminals
    # Wide in the C library before Unicode 16 made them so: circled numbers on black squares, hexagrams.
    for first, last in [(0x3248, 0x324F), (0x4DC0, 0x4DFF)]:
        width[first:last + 1] = [2] * (last - first + 1)
    # Half a flag has the flag's two columns, so that the other half joins it without moving anything.
    for scalar in those("PropList.txt", "Regional_Indicator"):
        width[scalar] = 2
    return width


def flags(category):
    flag = [CONTROL if each == "Cc" else 0 for each in category]
    for scalar in those("emoji/emoji-data.txt", "Extended_Pictographic"):
        flag[scalar] |= PICTOGRAPHIC
    for scalar in those("emoji/emoji-data.txt", "Emoji_Modifier"):
        flag[scalar] |= MODIFIER
    for scalar in those("PropList.txt", "Regional_Indicator"):
        flag[scalar] |= REGIONAL_INDICATOR
    # "0023 FE0F ; emoji style; # …"
    with open(f"{FOLDER}/emoji/emoji-variation-sequences.txt", encoding="utf-8") as file:
        for line in file:
            fields = line.split("#")[0].split(";")
            if len(fields) > 1 and fields[1].strip() == "emoji style":
                flag[int(fields[0].split()[0], 16)] |= VARIATION_CAPABLE
    return flag


def literal(values, indent):
    """A Swift string literal of one byte per value, cut into lines of at most 120 columns."""
    lines, line = [], ""
    for value in values:
        character = chr(value)
        text = character if 0x20 < value < 0x7F and character not in '"\\' else "\\u{%x}" % value
        if len(indent) + len(line) + len(text) > 118:
            lines.append(line)
            line = ""
        line += text
    lines.append(line)
    return "\n".join(f"{indent}{each}\\" for each in lines[:-1]) + f"\n{indent}{lines[-1]}"


def main():
    category = general_categories()
    byte = [(width | flag) ^ INVERTED for width, flag in zip(widths(category), flags(category))]
    blocks, index = collections.OrderedDict(), []
    for start in range(0, END, BLOCK):
        index.append(blocks.setdefault(tuple(byte[start:start + BLOCK]), len(blocks)))
    assert len(blocks) <= 128, f"{len(blocks)} blocks do not fit into seven bits"
    cells = [value for block in blocks for value in block]
    print(TEMPLATE.replace("@INDEX@", literal(index, "    ")).replace("@CELLS@", literal(cells, "    "))
          .replace("@BLOCKS@", str(len(blocks))).replace("@SIZE@", str(len(index) + len(cells))), end="")


TEMPLATE = '''// Made by Tools/generate-width-table.py from Unicode 15.0; change the generator, not this file.
// swift-format-ignore-file

/// How wide a character is in a terminal, and how it joins its neighbours; one byte for each code point.
///
/// East Asian Width (UAX #11) with the customs of terminals, which are those of the C library's `wcwidth`: ambiguous
/// characters are narrow, the soft hyphen is one column, unassigned code points of the CJK blocks and planes are wide,
/// combining marks, format characters and Hangul vowels and finals take no column, spacing marks (Mc) take one.
/// Whatever is not a Unicode scalar is narrow.
package enum WidthTable {
  /// The width in columns: 0, 1 or 2.
  package static let widthMask: UInt8 = 3
  /// Extended_Pictographic: joins the one before it when a zero-width joiner (U+200D) stands between them.
  package static let pictographic: UInt8 = 4
  /// A skin tone (U+1F3FB…U+1F3FF): joins the picture before it; alone it is a swatch of two columns.
  package static let modifier: UInt8 = 8
  /// One of the letters that make a flag in pairs (U+1F1E6…U+1F1FF).
  package static let regionalIndicator: UInt8 = 16
  /// A control character (Cc): not text at all; its width is 0.
  package static let control: UInt8 = 32
  /// Shown as a picture of two columns when U+FE0F follows (emoji-variation-sequences.txt).
  package static let variationCapable: UInt8 = 64

  package static let zeroWidthJoiner: UInt32 = 0x200D
  /// VARIATION SELECTOR-16.
  package static let emojiPresentation: UInt32 = 0xFE0F

  /// The columns a scalar takes when it stands alone: 0, 1 or 2.
  @inline(__always)
  package static func width(of scalar: UInt32) -> Int { Int(properties(of: scalar) & widthMask) }

  @inline(__always)
  package static func width(of scalar: Unicode.Scalar) -> Int { width(of: scalar.value) }

  /// Width and flags of a scalar. Whatever the number, the answer is safe; beyond U+10FFFF it is plain and narrow.
  @inline(__always)
  package static func properties(of scalar: UInt32) -> UInt8 {
    guard scalar < 0x11_0000 else { return 1 }
    // Both reads are in bounds: `index` has an entry for each of the 4,352 blocks below 0x110000, and the generator
    // writes only numbers of blocks that `cells` has.
    let block = unsafe index.utf8Start[Int(scalar >> 8)]
    return unsafe cells.utf8Start[Int(block) << 8 | Int(scalar & 0xFF)] ^ inverted
  }

  /// The bit that the literal stores inverted.
  private static let inverted: UInt8 = 64

  /// Number of the block of `cells` for every 256 code points.
  private static let index: StaticString = """
@INDEX@
    """

  /// @BLOCKS@ distinct blocks of 256 property bytes; with the index @SIZE@ bytes.
  private static let cells: StaticString = """
@CELLS@
    """
}
'''

if __name__ == "__main__":
    main()

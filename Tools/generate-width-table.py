#!/usr/bin/env python3
"""Writes Sources/TerminalEngine/WidthTable.swift from the Unicode Character Database.

Reads Debian's `unicode-data` package (/usr/share/unicode, Unicode 15.0) or the folder given as first argument and
prints the Swift file on standard output:

    Tools/generate-width-table.py > Sources/TerminalEngine/WidthTable.swift

One byte is kept for every code point: two bits of width, four bits of grapheme class, one bit that is clear when
U+FE0F turns the character into a wide emoji. Seven bits in all, so that the table can live in a string literal: it is
then plain constant data in the executable, shared by every process and needing no initialisation. (That bit is set for
nearly all, which makes most of the literal printable ASCII.)
"""
import collections
import sys

FOLDER = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode"
END = 0x110000
BLOCK = 256

# The order is the raw value of `GraphemeClass` in the Swift file.
CLASSES = [
    "other", "control", "extend", "zeroWidthJoiner", "spacingMark", "prepend", "regionalIndicator",
    "hangulLeading", "hangulVowel", "hangulTrailing", "hangulSyllable", "hangulClosedSyllable",
    "pictograph", "emojiModifier",
]


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
    extending = those("DerivedCoreProperties.txt", "Grapheme_Extend")
    visible_format = those("PropList.txt", "Prepended_Concatenation_Mark")
    modifiers = those("emoji/emoji-data.txt", "Emoji_Modifier")
    for scalar in range(END):
        if scalar in modifiers:
            continue  # alone, a skin tone is drawn as a wide swatch
        if (category[scalar] in ("Mn", "Me", "Cc", "Cf", "Zl", "Zp")
                or scalar in ignorable or scalar in extending):
            width[scalar] = 0
    for scalar in visible_format:
        width[scalar] = 1  # Arabic number signs and the like: Cf, yet drawn
    for first, last in [(0x1160, 0x11FF), (0xD7B0, 0xD7FF)]:
        width[first:last + 1] = [0] * (last - first + 1)  # vowels and finals are drawn inside the leading consonant
    width[0x115F] = 2  # the leading filler stands for a leading consonant
    width[0x00AD] = 1  # the soft hyphen is drawn by terminals
    return width


def classes():
    names = {
        "CR": "control", "LF": "control", "Control": "control", "Extend": "extend", "ZWJ": "zeroWidthJoiner",
        "SpacingMark": "spacingMark", "Prepend": "prepend", "Regional_Indicator": "regionalIndicator",
        "L": "hangulLeading", "V": "hangulVowel", "T": "hangulTrailing", "LV": "hangulSyllable",
        "LVT": "hangulClosedSyllable",
    }
    result = ["other"] * END
    for first, last, fields in ranges("auxiliary/GraphemeBreakProperty.txt"):
        result[first:last + 1] = [names[fields[0]]] * (last - first + 1)
    for scalar in those("emoji/emoji-data.txt", "Extended_Pictographic"):
        assert result[scalar] == "other", hex(scalar)
        result[scalar] = "pictograph"
    for scalar in those("emoji/emoji-data.txt", "Emoji_Modifier"):
        assert result[scalar] == "extend", hex(scalar)
        result[scalar] = "emojiModifier"
    return result


def emoji_presentation():
    found = set()
    for first, last, fields in sequences("emoji/emoji-variation-sequences.txt"):
        if fields[0] == "emoji style":
            found.add(first)
    return found


def sequences(name):
    with open(f"{FOLDER}/{name}", encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                fields = [field.strip() for field in line.split(";")]
                first = int(fields[0].split()[0], 16)
                yield first, first, fields[1:]


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
    width, grapheme, wide_with_selector = widths(general_categories()), classes(), emoji_presentation()
    byte = [
        width[scalar] | CLASSES.index(grapheme[scalar]) << 2 | (scalar not in wide_with_selector) << 6
        for scalar in range(END)
    ]
    blocks, index = collections.OrderedDict(), []
    for start in range(0, END, BLOCK):
        index.append(blocks.setdefault(tuple(byte[start:start + BLOCK]), len(blocks)))
    assert len(blocks) <= 128, f"{len(blocks)} blocks do not fit into seven bits"
    cells = [value for block in blocks for value in block]
    print(TEMPLATE.replace("@INDEX@", literal(index, "    ")).replace("@CELLS@", literal(cells, "    "))
          .replace("@CASES@", "\n".join(f"    case {name}" for name in CLASSES))
          .replace("@BLOCKS@", str(len(blocks))).replace("@SIZE@", str(len(index) + len(cells))), end="")


TEMPLATE = '''// Made by Tools/generate-width-table.py from Unicode 15.0; change the generator, not this file.
// swift-format-ignore-file

/// How wide a character is in a terminal, and how it joins its neighbours into a grapheme cluster.
///
/// East Asian Width (UAX #11) with the customs of terminals: ambiguous characters are narrow, the soft hyphen is one
/// column, unassigned code points of the CJK blocks and planes are wide, combining marks, format characters and Hangul
/// vowels and finals take no column. Spacing marks (Mc) take one column, as they do in `wcwidth`, unless they extend
/// graphemes by definition. Whatever is not a Unicode scalar is narrow.
package enum WidthTable {
  /// The Grapheme_Cluster_Break property (UAX #29) with Extended_Pictographic and Emoji_Modifier taken out of it.
  package enum GraphemeClass: UInt8, Sendable {
@CASES@
  }

  /// What the table knows of one code point, packed into seven bits.
  package struct Properties: Equatable, Sendable {
    package let rawValue: UInt8

    @inline(__always)
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Columns: 0, 1 or 2.
    @inline(__always)
    package var width: Int { Int(rawValue & 0b11) }

    @inline(__always)
    package var graphemeClass: GraphemeClass { GraphemeClass(rawValue: rawValue >> 2 & 0b1111) ?? .other }

    /// U+FE0F after this character makes it an emoji of two columns (emoji-variation-sequences.txt).
    @inline(__always)
    package var takesEmojiPresentation: Bool { rawValue & 0b100_0000 == 0 }

    /// Extended_Pictographic: joins another one over U+200D.
    @inline(__always)
    package var isPictograph: Bool { graphemeClass == .pictograph }

    /// U+1F3FB…U+1F3FF, a skin tone for the pictograph before it.
    @inline(__always)
    package var isEmojiModifier: Bool { graphemeClass == .emojiModifier }

    /// U+1F1E6…U+1F1FF: two of them are a flag.
    @inline(__always)
    package var isRegionalIndicator: Bool { graphemeClass == .regionalIndicator }
  }

  /// Columns that a scalar takes on its own: 0, 1 or 2. Controls are 0; beyond U+10FFFF the answer is 1.
  @inline(__always)
  package static func width(of scalar: UInt32) -> Int { properties(of: scalar).width }

  @inline(__always)
  package static func properties(of scalar: UInt32) -> Properties {
    guard scalar < 0x11_0000 else { return Properties(rawValue: 0b100_0001) }
    // Both reads are in bounds: `index` has an entry for each of the 4,352 blocks below 0x110000, and the generator
    // writes only numbers of blocks that `cells` has.
    let block = unsafe index.utf8Start[Int(scalar >> 8)]
    return unsafe Properties(rawValue: cells.utf8Start[Int(block) << 8 | Int(scalar & 0xFF)])
  }

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

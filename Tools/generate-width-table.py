#!/usr/bin/env python3
"""Writes WidthTable.swift and ClusterClass.swift of the engine from the Unicode Character Database.

The database comes from two packages of PyPI that carry its files as Python data, both of Unicode 18.0: `unicodedata2`
(general categories, East_Asian_Width) and `wcwidth` (Grapheme_Cluster_Break, Indic_Conjunct_Break,
Extended_Pictographic, the bases of emoji-variation-sequences.txt):

    pip install --target /tmp/unicode unicodedata2==18.0.0 wcwidth==0.9.4
    PYTHONPATH=/tmp/unicode Tools/generate-width-table.py Sources/TerminalEngine

Where the C library of the machine knows a character and gives it another width, that is told on standard error: such a
difference is one to know about, and stands in docs/conformance.md.

One byte is kept for every code point in each table, of seven bits, so that a table can live in a string literal: it is
then plain constant data in the executable, shared by every process and needing no initialisation. (In the widths one
bit is stored inverted, which makes most of the literal printable ASCII.)
"""
import collections
import ctypes
import locale
import sys

import unicodedata2 as unicode
from wcwidth import table_grapheme as grapheme
from wcwidth.table_vs15 import VS15_WIDE_TO_NARROW
from wcwidth.table_vs16 import VS16_NARROW_TO_WIDE

VERSION = "18.0"
END = 0x110000
BLOCK = 256

# The bits of a byte of widths, by the names that the Swift file gives them; the width is in the two lowest.
PICTOGRAPHIC, MODIFIER, REGIONAL_INDICATOR, CONTROL, VARIATION_CAPABLE = 4, 8, 16, 32, 64
JOINING = MODIFIER | REGIONAL_INDICATOR
INVERTED = 64

# The classes of a byte of joining, in the order of the Swift file's cases.
CLASSES = ["other", "extend", "extendOutsideConjuncts", "joiner", "linker", "spacingMark", "consonant", "pictographic",
           "modifier", "regionalIndicator", "leading", "vowel", "trailing"]

MODIFIERS = range(0x1F3FB, 0x1F400)
REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)


def those(ranges):
    """The set of code points in a table of `wcwidth`: pairs of first and last."""
    return {scalar for first, last, *_ in ranges for scalar in range(first, last + 1)}


def widths(category):
    width = [1] * END
    for scalar in range(END):
        # A (ambiguous) is narrow: that is what every wcwidth outside of legacy East Asian locales answers.
        if unicode.east_asian_width(chr(scalar)) in ("W", "F"):
            width[scalar] = 2
    # EastAsianWidth.txt says in its header which unassigned code points are wide.
    for first, last in [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FFFD), (0x30000, 0x3FFFD)]:
        for scalar in range(first, last + 1):
            if category[scalar] == "Cn":
                width[scalar] = 2

    # The unassigned code points that are Default_Ignorable_Code_Point (PropList.txt, Other_Default_Ignorable…).
    ignorable = {0x2065, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)}
    # Default ignorable letters and marks are Mn, but for the Hangul fillers (Lo), which keep their width as the spacing
    # marks (Mc) do: wcwidth of the C library gives them one.
    for scalar in range(END):
        if (category[scalar] in ("Mn", "Me", "Cc", "Cf", "Zl", "Zp")
                or scalar in ignorable and category[scalar] not in ("Mc", "Lo")):
            width[scalar] = 0
    for scalar in those(grapheme.GRAPHEME_PREPEND):
        if category[scalar] == "Cf":
            width[scalar] = 1  # Arabic number signs and the like (Prepended_Concatenation_Mark): format, yet drawn
    for first, last in [(0x1160, 0x11FF), (0xD7B0, 0xD7FF)]:
        width[first:last + 1] = [0] * (last - first + 1)  # vowels and finals are drawn inside the leading consonant
    width[0x00AD] = 1  # the soft hyphen is drawn by terminals
    # Wide in the C library before Unicode 16 made them so: circled numbers on black squares, hexagrams.
    for first, last in [(0x3248, 0x324F), (0x4DC0, 0x4DFF)]:
        width[first:last + 1] = [2] * (last - first + 1)
    return width


def classes():
    """How each code point joins the one before it (UAX #29, extended clusters without GB9b)."""
    found = ["other"] * END

    def mark(name, scalars):
        for scalar in scalars:
            found[scalar] = name

    mark("spacingMark", those(grapheme.GRAPHEME_SPACINGMARK))
    mark("extendOutsideConjuncts", those(grapheme.GRAPHEME_EXTEND))
    mark("extend", those(grapheme.INCB_EXTEND) & those(grapheme.GRAPHEME_EXTEND))
    mark("linker", those(grapheme.INCB_LINKER))
    mark("consonant", those(grapheme.INCB_CONSONANT))
    mark("pictographic", those(grapheme.EXTENDED_PICTOGRAPHIC))
    mark("modifier", MODIFIERS)
    mark("regionalIndicator", REGIONAL_INDICATORS)
    mark("leading", those(grapheme.GRAPHEME_L))
    mark("vowel", those(grapheme.GRAPHEME_V))
    mark("trailing", those(grapheme.GRAPHEME_T))
    found[0x200D] = "joiner"
    return found


def is_careful(scalar):
    """Where the engine looks at every narrow character while clusters are joined (`ClusterClass.isCareful`)."""
    return 0x900 <= scalar < 0x1D00 or 0xA800 <= scalar < 0xAC00 or 0x10000 <= scalar < 0x1F000


def flags(category, width, joining):
    flag = [CONTROL if each == "Cc" else 0 for each in category]
    for scalar, name in enumerate(joining):
        if name == "pictographic":
            flag[scalar] = PICTOGRAPHIC
        elif name == "modifier":
            flag[scalar] = MODIFIER
        elif name == "regionalIndicator":
            flag[scalar] = REGIONAL_INDICATOR
        elif name != "other" and (width[scalar] == 2 or width[scalar] == 1 and not is_careful(scalar)):
            flag[scalar] = JOINING
    for table in VS16_NARROW_TO_WIDE["9.0.0"], VS15_WIDE_TO_NARROW["9.0.0"]:
        for scalar in those(table):
            flag[scalar] |= VARIATION_CAPABLE
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


def paged(values):
    """The distinct blocks of a table, one after the other, and for each block of code points the number of its block."""
    blocks, index = collections.OrderedDict(), []
    for start in range(0, END, BLOCK):
        index.append(blocks.setdefault(tuple(values[start:start + BLOCK]), len(blocks)))
    assert len(blocks) <= 128, f"{len(blocks)} blocks do not fit into seven bits"
    return index, [value for block in blocks for value in block]


def fill(template, values):
    index, cells = paged(values)
    return (template.replace("@VERSION@", VERSION).replace("@INDEX@", literal(index, "    "))
            .replace("@CELLS@", literal(cells, "    ")).replace("@BLOCKS@", str(len(cells) // BLOCK))
            .replace("@SIZE@", str(len(index) + len(cells))))


def tell_differences(width):
    """The characters that the C library of this machine knows with another width."""
    try:
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        library = ctypes.CDLL(None)
    except (locale.Error, OSError):
        return
    first = None
    for scalar in range(0xA0, END + 1):
        theirs = library.wcwidth(ctypes.c_wchar(chr(scalar))) if scalar < END and scalar >> 11 != 0x1B else -1
        differs = theirs >= 0 and theirs != width[scalar]
        if differs and first is None:
            first = scalar
        elif not differs and first is not None:
            print(f"U+{first:04X}…U+{scalar - 1:04X}: the C library says otherwise than {width[first]}", file=sys.stderr)
            first = None


def main():
    assert unicode.unidata_version.startswith(VERSION), unicode.unidata_version
    category = [unicode.category(chr(scalar)) for scalar in range(END)]
    width, joining = widths(category), classes()
    tell_differences(width)
    bits = [(columns | flag) ^ INVERTED for columns, flag in zip(width, flags(category, width, joining))]
    with open(f"{sys.argv[1]}/WidthTable.swift", "w", encoding="utf-8") as file:
        file.write(fill(WIDTHS, bits))
    numbers = [CLASSES.index(name) ^ INVERTED for name in joining]
    with open(f"{sys.argv[1]}/ClusterClass.swift", "w", encoding="utf-8") as file:
        file.write(fill(CLUSTERS, numbers))


WIDTHS = '''// Made by Tools/generate-width-table.py from Unicode @VERSION@; change the generator, not this file.
// swift-format-ignore-file

/// How wide a character is in a terminal, and how it joins its neighbours; one byte for each code point.
///
/// East Asian Width (UAX #11) with the customs of terminals, which are those of the C library's `wcwidth`: ambiguous
/// characters are narrow, the soft hyphen is one column, unassigned code points of the CJK blocks and planes are wide,
/// combining marks, format characters and Hangul vowels and finals take no column, spacing marks (Mc) take one. The
/// differences to one C library in use are in docs/conformance.md.
/// Whatever is not a Unicode scalar is narrow.
package enum WidthTable {
  /// The width in columns: 0, 1 or 2.
  package static let widthMask: UInt8 = 3
  /// Extended_Pictographic: joins the one before it when a zero-width joiner (U+200D) stands between them and clusters are
  /// joined (mode 2027), as do the others that follow.
  package static let pictographic: UInt8 = 4
  /// A skin tone (U+1F3FB…U+1F3FF): joins the picture before it; alone it is a swatch of two columns.
  package static let modifier: UInt8 = 8
  /// One of the letters that make a flag in pairs (U+1F1E6…U+1F1FF). Narrow here, as in the C library; wide where clusters are
  /// joined, so that the other half joins it without moving anything.
  package static let regionalIndicator: UInt8 = 16
  /// Both bits: one of the few others of which text in runs is not made, as they join their neighbours (`ClusterClass`).
  package static let joining: UInt8 = modifier | regionalIndicator
  /// A control character (Cc): not text at all; its width is 0.
  package static let control: UInt8 = 32
  /// Of two columns when U+FE0F follows, and of one when U+FE0E does (emoji-variation-sequences.txt).
  package static let variationCapable: UInt8 = 64

  /// What is left of the properties of a character that is neither joined nor a control by taking away what it may be
  /// besides: its width.
  package static let alone: UInt8 = ~(pictographic | variationCapable)

  package static let zeroWidthJoiner: UInt32 = 0x200D
  /// VARIATION SELECTOR-15.
  package static let textPresentation: UInt32 = 0xFE0E
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

CLUSTERS = '''// Made by Tools/generate-width-table.py from Unicode @VERSION@; change the generator, not this file.
// swift-format-ignore-file

/// How a character joins the one before it where clusters are joined (mode 2027): Grapheme_Cluster_Break and
/// Indic_Conjunct_Break of UAX #29, as far as they concern a terminal. What stands before another (Prepend, GB9b) is shown
/// in columns of its own.
package enum ClusterClass: UInt8 {
  case other = 0
  /// Accents, vowel signs and the like: join whatever they follow, and may stand inside a conjunct.
  case extend
  /// The same, but nothing is one conjunct across it (U+200C).
  case extendOutsideConjuncts
  /// ZERO WIDTH JOINER, which two pictures may be one around.
  case joiner
  /// A virama: two consonants may be one around it (GB9c).
  case linker
  /// Joins what it follows and has a column of its own there.
  case spacingMark
  /// One that a conjunct is made of.
  case consonant
  /// Extended_Pictographic.
  case pictographic
  /// A skin tone.
  case modifier
  /// Half of a flag.
  case regionalIndicator
  /// Hangul: leading consonants, vowels, final consonants, and syllables without and with a final.
  case leading
  case vowel
  case trailing
  case openSyllable
  case closedSyllable

  package init(_ scalar: UInt32) {
    if scalar &- 0xAC00 < 11_172 {
      self = (scalar &- 0xAC00) % 28 == 0 ? .openSyllable : .closedSyllable
      return
    }
    guard scalar < 0x11_0000 else {
      self = .other
      return
    }
    // Both reads are in bounds: `index` has an entry for each of the 4,352 blocks below 0x110000, and the generator
    // writes only numbers of blocks that `cells` has.
    let block = unsafe Self.index.utf8Start[Int(scalar >> 8)]
    self = ClusterClass(rawValue: unsafe Self.cells.utf8Start[Int(block) << 8 | Int(scalar & 0xFF)] ^ 64) ?? .other
  }

  /// Whether a narrow character may be of a class that matters although its flags do not say so: the scripts of India and
  /// their relatives, where it would make runs of text slow everywhere. The generator knows the same ranges.
  @inline(__always)
  static func isCareful(_ scalar: UInt32) -> Bool {
    scalar &- 0x900 < 0x1400 || scalar &- 0xA800 < 0x400 || scalar &- 0x10000 < 0xF000
  }

  /// Number of the block of `cells` for every 256 code points.
  private static let index: StaticString = """
@INDEX@
    """

  /// @BLOCKS@ distinct blocks of 256 classes, each with a bit that makes it printable; with the index @SIZE@ bytes.
  private static let cells: StaticString = """
@CELLS@
    """
}
'''

if __name__ == "__main__":
    main()

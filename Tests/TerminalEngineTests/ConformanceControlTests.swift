import TerminalEngine
import Testing

/// What a control function does to a small screen.
struct ControlCase: Sendable, CustomTestStringConvertible {
  var name: String
  var size: TerminalSize
  var input: String
  /// The rows expected, trailing blanks trimmed; rows left out are blank. nil when only the rest matters.
  var screen: [String]?
  /// Row and column from 0, where it matters.
  var cursor: [Int]?

  init(_ name: String, _ input: String, _ screen: [String]?, at cursor: [Int]? = nil, rows: Int = 4, columns: Int = 8) {
    self.name = name
    self.input = input
    self.screen = screen
    self.cursor = cursor
    size = TerminalSize(rows: rows, columns: columns)
  }

  var testDescription: String { name }
}

/// Behaviour of single functions as ECMA-48, the DEC manuals and xterm's ctlseqs.txt define them, for what the recorded
/// suites do not reach. Screens are 4×8 unless said otherwise.
@Suite("Control functions")
struct ConformanceControlTests {
  static let fourRows = "AAAA\r\nBBBB\r\nCCCC\r\nDDDD"

  static func blank(_ columns: Int) -> String { String(repeating: " ", count: columns) }

  static let movement: [ControlCase] = [
    ControlCase("CUU stops at the top", "\u{1B}[2;3H\u{1B}[9AX", ["  X"], at: [0, 3]),
    ControlCase("CUD stops at the bottom", "\u{1B}[2;3H\u{1B}[9BX", ["", "", "", "  X"], at: [3, 3]),
    ControlCase("CUF stops at the right", "\u{1B}[99CX", ["       X"], at: [0, 7]),
    ControlCase("CUB stops at the left", "abc\u{1B}[99DX", ["Xbc"], at: [0, 1]),
    ControlCase("a parameter of 0 moves by one", "\u{1B}[0B\u{1B}[0CX", ["", " X"]),
    ControlCase("CNL and CPL go to the first column", "ab\u{1B}[2EX\u{1B}[FY", ["ab", "Y", "X"]),
    ControlCase("CHA, HPA and VPA are absolute", "\u{1B}[3GA\u{1B}[5`B\u{1B}[3dC", ["  A B", "", "     C"]),
    ControlCase("HPR and VPR are relative", "\u{1B}[2aA\u{1B}[2eB", ["  A", "", "   B"]),
    ControlCase("CUP beyond the screen is brought to its edge", "\u{1B}[99;99HX", ["", "", "", "       X"]),
    ControlCase("HVP is CUP", "\u{1B}[2;2fX", ["", " X"]),
    ControlCase("absurd numbers do no harm", "\u{1B}[99999999999;1HX", ["", "", "", "X"]),
    ControlCase("BS stops at the first column", "a\u{08}\u{08}\u{08}X", ["X"], at: [0, 1]),
    ControlCase("VT and FF are line feeds", "a\u{0B}b\u{0C}c", ["a", " b", "  c"]),
    ControlCase("NEL goes to the next line's start", "ab\u{1B}Ecd", ["ab", "cd"]),
    ControlCase("IND keeps the column", "ab\u{1B}Dcd", ["ab", "  cd"]),
    ControlCase("RI keeps the column", "\r\n\nab\u{1B}Mcd", ["", "  cd", "ab"]),
    ControlCase("LNM makes LF return too", "\u{1B}[20hab\ncd", ["ab", "cd"]),
    ControlCase(
      "CUU stops at the top margin when it starts inside", "\u{1B}[2;3r\u{1B}[3;1H\u{1B}[9AX", ["", "X"]),
    ControlCase("CUU passes the margin when it starts above it", "\u{1B}[3;4r\u{1B}[2;1H\u{1B}[9AX", ["X"]),
    ControlCase("CUD stops at the bottom margin", "\u{1B}[1;2r\u{1B}[9BX", ["", "X"]),
    ControlCase("CUD below the margin goes to the bottom", "\u{1B}[1;2r\u{1B}[3;1H\u{1B}[9BX", ["", "", "", "X"]),
    ControlCase("DECSC and DECRC keep the position", "ab\u{1B}7\u{1B}[4;4H\u{1B}8X", ["abX"]),
    ControlCase("DECRC without a saved cursor goes home", "abc\r\nd\u{1B}8X", ["Xbc", "d"]),
    ControlCase("SCOSC and SCORC", "ab\u{1B}[s\u{1B}[4;4H\u{1B}[uX", ["abX"]),
  ]

  static let wrapping: [ControlCase] = [
    ControlCase("the cursor waits at the margin", "12345678", ["12345678"], at: [0, 7]),
    ControlCase("the next character wraps", "123456789", ["12345678", "9"], at: [1, 1]),
    ControlCase("CR at a pending wrap stays in the line", "12345678\rX", ["X2345678"]),
    ControlCase("BS at a pending wrap goes one back", "12345678\u{08}X", ["123456X8"]),
    ControlCase("LF at a pending wrap forgets it", "12345678\nX", ["12345678", "       X"], at: [1, 7]),
    ControlCase("CUF at a pending wrap forgets it", "12345678\u{1B}[CX", ["1234567X"]),
    ControlCase("without DECAWM the last column is overwritten", "\u{1B}[?7l123456789", ["12345679"]),
    ControlCase("SGR does not forget a pending wrap", "12345678\u{1B}[1mX", ["12345678", "X"]),
    ControlCase("wrapping scrolls at the bottom", "\u{1B}[4;1H123456789", ["", "", "12345678", "9"]),
    ControlCase(
      "reverse wrap goes from the top of the screen to its end", "\u{1B}[?45h\u{08}X", ["", "", "", "       X"]),
    ControlCase(
      "reverse wrap inside margins goes from the region's top to its end",
      "\u{1B}[?45h\u{1B}[?69h\u{1B}[3;6s\u{1B}[2;3r\u{1B}[2;3H\u{08}X", ["", "", "     X"]),
    ControlCase(
      "reverse wrap left of the margins goes to the line above",
      "\u{1B}[?45h\u{1B}[?69h\u{1B}[3;6s\u{1B}[2;3r\u{1B}[2;1H\u{08}X", ["     X"]),
    ControlCase("CUB goes on round the screen", "\u{1B}[?45h\u{1B}[2;3H\u{1B}[33DX", ["", " X"]),
    ControlCase("DECBI goes back as BS does", "\u{1B}[?45h\u{1B}[2;2H\u{1B}6X", ["", "X"]),
    ControlCase(
      "reverse wrap goes back over a line's end", "\u{1B}[?45h123456789\u{08}\u{08}X", ["1234567X", "9"]),
    ControlCase("a wide character that does not fit wraps whole", "1234567中", ["1234567", "中"], at: [1, 2]),
    ControlCase("wide characters fill a row exactly", "中中中中x", ["中中中中", "x"]),
    ControlCase("a combining mark joins a character waiting to wrap", "12345678\u{301}X", ["12345678\u{301}", "X"]),
  ]

  static let editing: [ControlCase] = [
    ControlCase("ICH pushes to the right and off", "12345678\u{1B}[1;3H\u{1B}[2@", ["12  3456"]),
    ControlCase("DCH pulls from the right", "12345678\u{1B}[1;3H\u{1B}[2P", ["125678"]),
    ControlCase("ECH erases in place", "12345678\u{1B}[1;3H\u{1B}[2X", ["12  5678"], at: [0, 2]),
    ControlCase("ICH beyond the line clears the rest", "12345678\u{1B}[1;3H\u{1B}[99@", ["12"]),
    ControlCase("DCH beyond the line clears the rest", "12345678\u{1B}[1;3H\u{1B}[99P", ["12"]),
    ControlCase("IRM inserts", "abc\u{1B}[1;2H\u{1B}[4hX\u{1B}[4lY", ["aXYc"]),
    ControlCase("IRM loses what it pushes over the margin", "12345678\u{1B}[1;1H\u{1B}[4hX", ["X1234567"]),
    ControlCase("IL opens lines", fourRows + "\u{1B}[2;3H\u{1B}[2L", ["AAAA", "", "", "BBBB"], at: [1, 0]),
    ControlCase("DL closes lines", fourRows + "\u{1B}[2;3H\u{1B}[2M", ["AAAA", "DDDD"], at: [1, 0]),
    ControlCase("IL keeps to the margins", fourRows + "\u{1B}[1;3r\u{1B}[2;1H\u{1B}[L", ["AAAA", "", "BBBB", "DDDD"]),
    ControlCase(
      "IL and DL outside the margins do nothing", fourRows + "\u{1B}[2;3r\u{1B}[4;1H\u{1B}[L\u{1B}[1;1H\u{1B}[M",
      ["AAAA", "BBBB", "CCCC", "DDDD"]),
    ControlCase("SU scrolls without moving the cursor", fourRows + "\u{1B}[2;2H\u{1B}[SX", ["BBBB", "CXCC", "DDDD"]),
    ControlCase("SD scrolls down", fourRows + "\u{1B}[2T", ["", "", "AAAA", "BBBB"]),
    ControlCase("SU in margins", fourRows + "\u{1B}[2;3r\u{1B}[S", ["AAAA", "CCCC", "", "DDDD"]),
    ControlCase("SD in margins", fourRows + "\u{1B}[2;3r\u{1B}[T", ["AAAA", "", "BBBB", "DDDD"]),
    ControlCase(
      "LF at the bottom margin scrolls the region", fourRows + "\u{1B}[2;3r\u{1B}[3;1H\nX",
      ["AAAA", "CCCC", "X", "DDDD"]),
    ControlCase(
      "RI at the top margin scrolls the region", fourRows + "\u{1B}[2;3r\u{1B}[2;1H\u{1B}MX",
      ["AAAA", "X", "BBBB", "DDDD"]),
    ControlCase(
      "LF below the region does not scroll", fourRows + "\u{1B}[1;2r\u{1B}[4;1H\nX", ["AAAA", "BBBB", "CCCC", "XDDD"]),
    ControlCase("EL to the end", "12345678\u{1B}[1;4H\u{1B}[K", ["123"]),
    ControlCase("EL to the start includes the cursor", "12345678\u{1B}[1;4H\u{1B}[1K", ["    5678"]),
    ControlCase("EL of all", "12345678\u{1B}[1;4H\u{1B}[2K", [""], at: [0, 3]),
    ControlCase("ED to the end", fourRows + "\u{1B}[2;3H\u{1B}[J", ["AAAA", "BB"]),
    ControlCase("ED to the start", fourRows + "\u{1B}[3;3H\u{1B}[1J", ["", "", "   C", "DDDD"]),
    ControlCase("ED of all keeps the cursor", fourRows + "\u{1B}[2;3H\u{1B}[2JX", ["", "  X"]),
    ControlCase("DECALN fills the screen", "\u{1B}#8", Array(repeating: "EEEEEEEE", count: 4), at: [0, 0]),
    ControlCase("REP repeats the last character", "ab\u{1B}[3bc", ["abbbbc"]),
    ControlCase("REP without a character before it does nothing", "\u{1B}[3bX", ["X"]),
    ControlCase("REP behind another function repeats nothing", "a\u{1B}[1m\u{1B}[3bX", ["aX"]),
    ControlCase("REP behind REP repeats nothing", "a\u{1B}[2b\u{1B}[2bX", ["aaaX"]),
    ControlCase("REP behind a string repeats nothing", "a\u{1B}]2;t\u{07}\u{1B}[3bX", ["aX"]),
    ControlCase("REP wraps", "1234567x\u{1B}[3b", ["1234567x", "xxx"]),
  ]

  static let tabs: [ControlCase] = [
    ControlCase("stops are every eight columns", "a\tb\tc", ["a       b       c"], columns: 20),
    ControlCase("HT stops at the last column", "\t\t\t\tX", [blank(15) + "X"], columns: 16),
    ControlCase(
      "HTS sets and TBC clears one", "\u{1B}[4G\u{1B}H\r\tX\u{1B}[4G\u{1B}[g\r\tY", ["   X    Y"], columns: 20),
    ControlCase("TBC 3 clears all", "\u{1B}[3g\tX", [blank(19) + "X"], columns: 20),
    ControlCase("CHT goes several stops on", "\u{1B}[2IX", [blank(16) + "X"], columns: 20),
    ControlCase("CBT goes back", "\u{1B}[18G\u{1B}[ZX\u{1B}[2ZY", ["        Y       X"], columns: 20),
    ControlCase("DECST8C restores the stops", "\u{1B}[3g\u{1B}[?5W\tX", ["        X"], columns: 20),
  ]

  static let margins: [ControlCase] = [
    ControlCase("DECSTBM homes the cursor", "abc\u{1B}[2;3rX", ["Xbc"]),
    ControlCase("DECSTBM with top not above bottom is ignored", "abc\u{1B}[3;3r\u{1B}[3;2rX", ["abcX"]),
    ControlCase("DECOM counts from the margin", "\u{1B}[2;3r\u{1B}[?6hX\u{1B}[9;9HY", ["", "X", "       Y"]),
    ControlCase("leaving DECOM homes", "\u{1B}[2;3r\u{1B}[?6h\u{1B}[2;2H\u{1B}[?6lX", ["X"]),
    ControlCase(
      "DECSLRM bounds printing", "\u{1B}[?69h\u{1B}[3;5s\u{1B}[1;3Habcdef", ["  abc", "  def"]),
    ControlCase(
      "IL moves only what is between the margins",
      "12345678\r\nabcdefgh\u{1B}[?69h\u{1B}[3;5s\u{1B}[1;3H\u{1B}[L", ["12   678", "ab345fgh", "  cde"]),
    ControlCase(
      "DCH stays between the margins", "12345678\u{1B}[?69h\u{1B}[3;5s\u{1B}[1;3H\u{1B}[P", ["1245 678"]),
    ControlCase(
      "ICH stays between the margins", "12345678\u{1B}[?69h\u{1B}[3;5s\u{1B}[1;3H\u{1B}[@", ["12 34678"]),
    ControlCase("CR goes to the left margin when right of it", "\u{1B}[?69h\u{1B}[3;6s\u{1B}[1;5Ha\rX", ["  X a"]),
    ControlCase("CR goes to column one when left of the margin", "\u{1B}[?69h\u{1B}[4;6s\u{1B}[1;2Ha\rX", ["Xa"]),
    ControlCase(
      "SU moves only what is between the margins", "12345678\r\nabcdefgh\u{1B}[?69h\u{1B}[3;5s\u{1B}[S",
      ["12cde678", "ab   fgh"]),
    ControlCase("DECIC inserts columns", "1234\r\nabcd\u{1B}[1;2H\u{1B}[2'}", ["1  234", "a  bcd"]),
    ControlCase("DECDC deletes columns", "1234\r\nabcd\u{1B}[1;2H\u{1B}[2'~", ["14", "ad"]),
    ControlCase("SL moves all to the left", "1234\r\nabcd\u{1B}[2 @", ["34", "cd"]),
    ControlCase("SR moves all to the right", "1234\r\nabcd\u{1B}[2 A", ["  1234", "  abcd"]),
    ControlCase("DECBI at the margin scrolls right", "1234\u{1B}[1;1H\u{1B}6X", ["X1234"]),
    ControlCase("DECFI at the margin scrolls left", "12345678\u{1B}[1;8H\u{1B}9", ["2345678"]),
  ]

  static let rectangles: [ControlCase] = [
    ControlCase("DECFRA fills", "\u{1B}[88;2;2;3;4$x", ["", " XXX", " XXX"]),
    ControlCase("DECERA erases", fourRows + "\u{1B}[2;2;3;3$z", ["AAAA", "B  B", "C  C", "DDDD"]),
    ControlCase("DECCRA copies", "ab\r\ncd\u{1B}[1;1;2;2;1;2;5;1$v", ["ab", "cd  ab", "    cd"]),
    ControlCase("DECCRA copies onto itself", "abcd\u{1B}[1;1;1;3;1;1;2;1$v", ["aabc"]),
    ControlCase(
      "DECSERA spares what is protected", "a\u{1B}[1\"qb\u{1B}[0\"qc\u{1B}[1;1;1;3${", [" b"]),
    ControlCase("DECSEL spares what is protected", "a\u{1B}[1\"qb\u{1B}[0\"qc\u{1B}[?2K", [" b"]),
    ControlCase("DECSEL spares what SPA protects, too", "a\u{1B}Vb\u{1B}Wc\u{1B}[?2K", [" b"]),
    ControlCase("EL and ECH spare what SPA protects", "a\u{1B}Vb\u{1B}Wc\u{1B}[2K\u{1B}[1G\u{1B}[8X", [" b"]),
    ControlCase("EL does not spare what DECSCA protects", "a\u{1B}[1\"qb\u{1B}[0\"qc\u{1B}[2K", [""]),
    ControlCase("DECSCA makes SPA's protection DEC's", "\u{1B}Va\u{1B}[2\"q\u{1B}[2K", [""]),
    ControlCase("DECSERA spares what DECSCA protects", "a\u{1B}[1\"qb\u{1B}[0\"qc\u{1B}[1;1;1;8${", [" b"]),
    ControlCase("DECSERA does not spare what SPA protects", "a\u{1B}Vb\u{1B}Wc\u{1B}[1;1;1;8${", [""]),
    ControlCase("after DECSTR nothing is protected", "a\u{1B}[1\"qb\u{1B}[!p\u{1B}[?2K", [""]),
    ControlCase("DECSED spares what is protected", "a\u{1B}[1\"qb\u{1B}[0\"qc\u{1B}[?2J", [" b"]),
    ControlCase("EL takes what DECSCA protects", "a\u{1B}[1\"qb\u{1B}[2K", [""]),
    ControlCase("a rectangle upside down is ignored", fourRows + "\u{1B}[3;3;2;2$z", ["AAAA", "BBBB", "CCCC", "DDDD"]),
  ]

  static let characterSets: [ControlCase] = [
    ControlCase("DEC special graphics in G0", "\u{1B}(0lqk\u{1B}(Bx", ["┌─┐x"]),
    ControlCase("SO and SI switch to G1 and back", "\u{1B})0a\u{0E}x\u{0F}x", ["a│x"]),
    ControlCase("SS2 takes one character from G2", "\u{1B}*0\u{1B}Nxx", ["│x"]),
    ControlCase("SS3 takes one character from G3", "\u{1B}+0\u{1B}Oqq", ["─q"]),
    ControlCase("DECSC keeps the character set", "\u{1B}(0\u{1B}7\u{1B}(Bq\u{1B}8q", ["─"]),
    ControlCase("the British set has a pound", "\u{1B}(A#\u{1B}(B#", ["£#"]),
    ControlCase("RIS goes back to ASCII", "\u{1B}(0\u{1B}cq", ["q"]),
  ]

  static let unicode: [ControlCase] = [
    ControlCase("an invalid byte is one replacement character", "a\u{FFFD}b", ["a\u{FFFD}b"]),
    ControlCase("overwriting the first half of a wide character clears the second", "中x\u{1B}[1;1HA", ["A x"]),
    ControlCase("overwriting the second half clears the first", "中x\u{1B}[1;2HA", [" Ax"]),
    ControlCase("a wide character over two halves clears both others", "中中\u{1B}[1;2H国", [" 国"]),
    ControlCase("EL through a wide character leaves no half", "a中b\u{1B}[1;3H\u{1B}[K", ["a"]),
    ControlCase("EL to the start through a wide character", "a中b\u{1B}[1;2H\u{1B}[1K", ["   b"]),
    ControlCase("DCH of one half leaves no half", "a中bc\u{1B}[1;2H\u{1B}[P", ["a bc"]),
    ControlCase("ICH that pushes half over the edge clears the other", "123456中\u{1B}[1;1H\u{1B}[@", [" 123456"]),
    ControlCase("ECH of one half clears both", "a中b\u{1B}[1;3H\u{1B}[X", ["a  b"]),
    ControlCase("combining marks stay with their base", "e\u{301}x", ["e\u{301}x"], at: [0, 2]),
    ControlCase(
      "a row filled by wide characters is not written beyond", "sＡＢＣx\u{FFFD}éabcdefgh",
      ["sＡＢＣx", "\u{FFFD}éabcdef", "gh"]),
    ControlCase(
      "narrow after wide at the edge, byte lengths mixed", "中中中中─é中─abcdefghijkl", ["中中中中", "─é中─abc", "defghijk", "l"]),
    ControlCase("a variation selector is an accent", "❤\u{FE0F}x", ["❤\u{FE0F}x"], at: [0, 2]),
    ControlCase("where clusters are joined it widens", "\u{1B}[?2027h❤\u{FE0F}x", ["❤\u{FE0F}x"], at: [0, 3]),
    ControlCase("U+0085 is NEL and U+009B is CSI", "a\u{85}b\u{9B}2Cc", ["a", "b  c"]),
    ControlCase("a zero width space takes no column", "a\u{200B}b", nil, at: [0, 2]),
  ]

  static let parsing: [ControlCase] = [
    ControlCase("controls inside a sequence are obeyed", "ab\u{1B}[\r2CX", ["abX"]),
    ControlCase("CAN ends a sequence", "a\u{1B}[2\u{18}Cb", ["aCb"]),
    ControlCase("ESC starts anew inside a sequence", "a\u{1B}[2\u{1B}[2Cb", ["a  b"]),
    ControlCase("DEL is ignored", "a\u{7F}b\u{1B}[\u{7F}CX", ["ab X"]),
    ControlCase("NUL is ignored", "a\u{00}b", ["ab"]),
    ControlCase("an unknown sequence prints nothing", "a\u{1B}[1;2;3;4\u{22}\u{22}zb\u{1B}[?1;2~c", ["abc"]),
    ControlCase("a private prefix keeps its meaning apart", "abc\u{1B}[?1Dd", ["abcd"]),
    ControlCase("more parameters than anyone reads", "\u{1B}[" + String(repeating: "1;", count: 200) + "1mX", ["X"]),
    ControlCase(
      "colons belong to SGR alone", "\u{1B}[2;2H\u{1B}[3:4H\u{1B}[4;1:2H\u{1B}[2:3J\u{1B}[?7:1lX", ["", " X"]),
    ControlCase("OSC ends with BEL", "a\u{1B}]0;title\u{07}b", ["ab"]),
    ControlCase("OSC ends with ST", "a\u{1B}]0;title\u{1B}\\b", ["ab"]),
    ControlCase("CAN ends an OSC", "a\u{1B}]0;tit\u{18}b", ["ab"]),
    ControlCase(
      "DCS, APC, PM and SOS are swallowed", "a\u{1B}Pq123\u{1B}\\b\u{1B}_x\u{1B}\\c\u{1B}^y\u{1B}\\d\u{1B}Xz\u{1B}\\e",
      ["abcde"]),
  ]

  static let screens: [ControlCase] = [
    ControlCase("1049 shows an empty screen and gives the old one back", "ab\u{1B}[?1049hXX\u{1B}[?1049lc", ["abc"]),
    ControlCase("1049 clears on entry", "\u{1B}[?1049hold\u{1B}[?1049l\u{1B}[?1049hX", ["X"]),
    ControlCase(
      "1049 erases where the alternate screen is shown already", "\u{1B}[?1049hold\u{1B}[?1049h\u{1B}[HX", ["X"]),
    ControlCase(
      "1049 l restores the cursor on the main screen too", "\u{1B}[2;2H\u{1B}7\u{1B}[4;4H\u{1B}[?1049lX", ["", " X"]),
    ControlCase("1047 finds what 47 left", "\u{1B}[?47hA\u{1B}[?47l\u{1B}[?1047h", ["A"]),
    ControlCase(
      "DECALN ends origin mode", "\u{1B}[2;3r\u{1B}[?6h\u{1B}#8\u{1B}[2;3r\u{1B}[HX",
      ["XEEEEEEE", "EEEEEEEE", "EEEEEEEE", "EEEEEEEE"]),
    ControlCase("47 keeps what was on the alternate screen", "\u{1B}[?47hA\u{1B}[?47l\u{1B}[?47h", ["A"]),
    ControlCase("1047 clears on leaving", "\u{1B}[?1047hA\u{1B}[?1047l\u{1B}[?1047h", [""]),
    ControlCase("1048 saves and restores the cursor", "ab\u{1B}[?1048h\u{1B}[4;4H\u{1B}[?1048lX", ["abX"]),
    ControlCase(
      "DECSTR resets the margins and the modes", fourRows + "\u{1B}[2;3r\u{1B}[?6h\u{1B}[4h\u{1B}[!p\u{1B}[4;1HX",
      ["AAAA", "BBBB", "CCCC", "XDDD"]),
    ControlCase("RIS clears everything", fourRows + "\u{1B}[2;3r\u{1B}[?7l\u{1B}cX", ["X"]),
  ]

  static let all =
    movement + wrapping + editing + tabs + margins + rectangles + characterSets + unicode + parsing + screens

  @Test("a control function does what its standard says", arguments: all)
  func control(_ the: ControlCase) { check(the) { [$0] } }

  @Test("it does the same when it comes byte by byte", arguments: all)
  func controlBytewise(_ the: ControlCase) { check(the) { $0.map { [$0] } } }

  func check(_ the: ControlCase, cut: ([UInt8]) -> [[UInt8]]) {
    var terminal = Terminal(size: the.size)
    for piece in cut([UInt8](the.input.utf8)) { terminal.feed(piece) }
    if let expected = the.screen {
      let rows = (0..<the.size.rows).map { terminal.rowText($0).trimmingTrailingBlanks() }
      #expect(rows == expected + Array(repeating: "", count: the.size.rows - expected.count))
    }
    if let cursor = the.cursor { #expect([terminal.cursor.row, terminal.cursor.column] == cursor) }
  }
}

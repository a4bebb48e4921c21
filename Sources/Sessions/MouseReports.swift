import TerminalEngine

/// Brings the mouse reports of a painted viewer into the session's coordinates and into the form that its programs have asked for.
///
/// The viewer's terminal reports in the form of mode 1006 (`CSI < button ; column ; row M` or `m`), in cells of its own from 1 (xterm's
/// control sequences, "Extended coordinates"). Reports may come cut in two. Everything else passes as it is.
struct MouseReports {
  /// A report that was cut off, from its `<`. The longest that is one: three numbers of up to five digits.
  private var held: [UInt8] = []
  private static let longest = 20
  /// Far beyond every screen; what is greater is cut.
  private static let greatest = 99_999
  /// How much of `CSI` ended the last piece and was passed on: it may have been the escape key, or alt and `[`.
  private var passed = 0

  private static let introducer: [UInt8] = [0x1B, 0x5B]

  mutating func translate(_ bytes: [UInt8], window: ScreenWindow, modes: TerminalModes) -> [UInt8] {
    if held.isEmpty, passed == 0, !bytes.contains(0x1B) { return bytes }
    let missing = MouseReports.introducer[passed...]
    let isWithoutIntroducer = passed > 0
    passed = 0
    let bytes = held + bytes
    var out: [UInt8] = []
    var index = 0
    if isWithoutIntroducer, bytes.starts(with: missing + [0x3C]) {
      out += missing
      index = take(bytes, from: missing.count, isWithoutIntroducer: true, window, modes, &out)
    } else if isWithoutIntroducer, !missing.isEmpty, bytes.elementsEqual(missing) {
      passed = MouseReports.introducer.count
      return bytes
    }
    held = []
    while index < bytes.count {
      guard bytes[index] == 0x1B else {
        out.append(bytes[index])
        index += 1
        continue
      }
      let rest = bytes[index...]
      if rest.count >= 3, rest.starts(with: MouseReports.introducer), bytes[index + 2] == 0x3C {
        index = take(bytes, from: index + 2, isWithoutIntroducer: false, window, modes, &out)
      } else {
        if MouseReports.introducer.starts(with: rest) { passed = rest.count }
        out.append(0x1B)
        index += 1
      }
    }
    return out
  }

  /// Reads a report from its `<`; returns the index behind it. One that is not whole is held; what is none passes.
  private mutating func take(
    _ bytes: [UInt8], from start: Int, isWithoutIntroducer: Bool, _ window: ScreenWindow, _ modes: TerminalModes,
    _ out: inout [UInt8]
  ) -> Int {
    let introducer = isWithoutIntroducer ? [] : MouseReports.introducer
    var numbers = [0]
    var index = start + 1
    while index < bytes.count, index - start < MouseReports.longest {
      let byte = bytes[index]
      index += 1
      switch byte {
      case 0x30...0x39:
        numbers[numbers.count - 1] = min(numbers[numbers.count - 1] * 10 + Int(byte - 0x30), MouseReports.greatest)
      case 0x3B: numbers.append(0)
      case 0x4D, 0x6D:
        guard numbers.count == 3 else {
          out += introducer + bytes[start..<index]
          return index
        }
        let report = MouseReport(button: numbers[0], column: numbers[1], row: numbers[2], isRelease: byte == 0x6D)
        if let moved = report.moved(
          by: window, isKept: isWithoutIntroducer, inPixels: modes.mouseEncoding == .sgrPixels)
        {
          out += introducer + moved.encoded(modes)
        }
        return index
      default:
        out += introducer + bytes[start..<(index - 1)]
        return index - 1
      }
    }
    if index - start >= MouseReports.longest {
      out += introducer + bytes[start..<index]
    } else if isWithoutIntroducer {
      // Its introducer has gone, so the rest of it can only follow as it comes.
      out += bytes[start..<index]
    } else {
      held = introducer + bytes[start..<index]
    }
    return index
  }

  /// Whether somebody did something, and not only passed by: by motion of a mouse over a window, or by leaving the window, nobody takes a
  /// session's size over.
  static func isDeed(_ bytes: [UInt8]) -> Bool {
    guard bytes.first == 0x1B else { return !bytes.isEmpty }
    var rest = bytes[...]
    while !rest.isEmpty {
      if rest.starts(with: [0x1B, 0x5B, 0x4F]) {  // The focus has gone.
        rest = rest.dropFirst(3)
        continue
      }
      guard rest.starts(with: [0x1B, 0x5B, 0x3C]) else { return true }
      let button = rest.dropFirst(3).prefix { (0x30...0x39).contains($0) }
      rest = rest.dropFirst(3).drop { (0x30...0x3B).contains($0) }
      // Motion without a button (35), and with modifiers (4, 8, 16).
      guard rest.first == 0x4D, button.count <= 3, button.reduce(0, { $0 * 10 + Int($1 - 0x30) }) & ~28 == 35 else {
        return true
      }
      rest = rest.dropFirst()
    }
    return false
  }
}

/// One report of a mouse, in cells from 1.
private struct MouseReport {
  var button: Int
  var column: Int
  var row: Int
  var isRelease: Bool

  private var isMotion: Bool { button & 32 != 0 }

  /// In the session's coordinates; `nil` for a press outside of its screen, unless it is to be kept. The end of what began inside is told
  /// at the nearest cell.
  func moved(by window: ScreenWindow, isKept: Bool, inPixels: Bool) -> MouseReport? {
    // Pixels are reported only while the window is at the screen's beginning.
    if inPixels { return self }
    let isInside = (1...max(window.rows, 1)).contains(row) && (1...max(window.columns, 1)).contains(column)
    guard isInside || isRelease || isMotion || isKept else { return nil }
    var moved = self
    moved.row = min(max(row, 1), max(window.rows, 1)) + window.row
    moved.column = min(max(column, 1), max(window.columns, 1)) + window.column
    return moved
  }

  /// What follows `CSI`, in the form that is asked for.
  func encoded(_ modes: TerminalModes) -> [UInt8] {
    // Other than 1006, the forms do not tell which button was released; the wheel's never are.
    let code = isRelease ? button & ~3 | 3 : button
    switch modes.mouseEncoding {
    case .sgr, .sgrPixels: return Array("<\(button);\(column);\(row)\(isRelease ? "m" : "M")".utf8)
    case .urxvt: return Array("\(code + 32);\(column);\(row)M".utf8)
    case .utf8:
      // Up to 2015, in two bytes.
      var text = "M"
      for value in [code, column, row] {
        text.unicodeScalars.append(Unicode.Scalar(UInt32(min(value, 2015) + 32)) ?? " ")
      }
      return Array(text.utf8)
    case .x10: return [0x4D] + [code, column, row].map { UInt8(clamping: min($0, 223) + 32) }
    }
  }
}

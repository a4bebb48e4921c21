import Glibc

/// Follows the one thing in a session's output that cannot be undone blindly when we leave: whether the terminal is on
/// its alternate screen. (Leaving it when it was never entered would move the cursor on the user's own screen.)
package struct AlternateScreenTracker: Sendable {
  /// The private mode that was set: 47, 1047 or 1049; leaving takes the same one.
  package private(set) var mode: Int?
  private var pending: [UInt8] = []

  package init() {}

  /// Takes output, cut anywhere.
  package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    var index = 0
    while index < bytes.count {
      if pending.isEmpty {
        // Nearly all output has no escape: look for the next one only.
        let rest = UnsafeRawBufferPointer(rebasing: bytes[index...])
        guard let start = rest.baseAddress, let escape = memchr(start, 0x1b, rest.count) else { return }
        index += UnsafeRawPointer(escape) - start
      }
      pending.append(bytes[index])
      index += 1
      if isOver(pending) {
        apply()
        // An escape that interrupts a sequence begins the next one.
        pending = pending.last == 0x1b ? [0x1b] : []
      }
    }
  }

  /// No control sequence any more, or one that is complete.
  private func isOver(_ bytes: [UInt8]) -> Bool {
    switch bytes.count {
    case 1: return false
    case 2: return bytes[1] != UInt8(ascii: "[")
    default:
      let last = bytes[bytes.count - 1]
      return !(0x20...0x3f).contains(last) || bytes.count >= ControlSequence.longest
    }
  }

  private mutating func apply() {
    guard
      let sequence = ControlSequence(pending[...]), sequence.prefix == UInt8(ascii: "?"), sequence.intermediates.isEmpty
    else { return }
    for parameter in sequence.parameters {
      guard let number = parameter.first, [47, 1047, 1049].contains(number) else { continue }
      switch sequence.final {
      case UInt8(ascii: "h"): mode = number
      case UInt8(ascii: "l"): mode = nil
      default: break
      }
    }
  }
}

/// The bytes that put the user's terminal back after a session's programs had it: whatever they set is unset, and what
/// they did not set is not changed by it. A sequence that a terminal does not know is ignored by it.
package enum TerminalReset {
  /// Before anything of the session is shown: keep the title, and push what is on the screen into the scrollback so
  /// that the session does not overwrite it.
  /// - Parameter used: how many rows have something on them; nil when that is not known. No more is pushed than they are, so that no blank
  ///   lines come between what was there and what is shown.
  package static func enter(rows: Int, used: Int? = nil) -> [UInt8] {
    let pushed = used.map { max(0, min($0, rows)) } ?? max(1, min(rows, 1000))
    return Array("\u{1b}[22;0t\u{1b}[\(rows);1H".utf8) + [UInt8](repeating: 0x0a, count: pushed)
      + Array("\u{1b}[H".utf8)
  }

  /// - Parameters:
  ///   - alternateMode: the private mode by which the alternate screen was entered, when it was.
  ///   - rows: of the user's terminal; the cursor ends at its last row.
  package static func leave(alternateMode: Int?, rows: Int) -> [UInt8] {
    // Title.
    unset(alternateMode: alternateMode) + Array("\u{1b}[23;0t\u{1b}[\(max(1, rows));1H\r\n".utf8)
  }

  /// What a picture of the session may begin on: all that was set is unset, and what was cut off in the middle has ended.
  package static func unset(alternateMode: Int?) -> [UInt8] {
    var text = "\u{1b}\\"  // Ends a string that was cut off in the middle.
    text += "\u{1b}[?2026l"  // Shows what was being painted at once.
    text += "\u{1b}[=0;1u"  // Kitty keyboard flags of this screen.
    if let alternateMode { text += "\u{1b}[?\(alternateMode)l\u{1b}[=0;1u" }
    text += "\u{1b}[?1000;1002;1003;1004;1005;1006;1015;1016;2004l"  // Mouse, focus, bracketed paste.
    text += "\u{1b}[?9l\u{1b}[?1001l\u{1b}[>4m"  // X10 mouse, highlight mouse, modifyOtherKeys.
    text += "\u{1b}[?1l\u{1b}>"  // Cursor keys and keypad as usual.
    text += "\u{1b}[?5l\u{1b}[?6l\u{1b}[?7h\u{1b}[?45l\u{1b}[?69l\u{1b}[4l\u{1b}[20l"
    text += "\u{1b}[r\u{1b}(B\u{0f}"  // Scroll region, character sets.
    text += "\u{1b}]8;;\u{1b}\\\u{1b}[m"  // Hyperlink, colours.
    text += "\u{1b}[0 q\u{1b}[?25h"  // Cursor shape and visibility.
    return Array(text.utf8)
  }
}

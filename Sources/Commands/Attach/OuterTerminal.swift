package import Formats
import Sys

/// What the user's own terminal is asked once, before a session is shown on it: where its cursor stands and which colours it has.
///
/// The last question is one that every terminal answers (DA1), so that nothing is waited for that will not come.
package struct OuterTerminal: Sendable, Equatable {
  /// A terminal that has not answered by then is one that does not, or is too far away to be waited for.
  /// `ROOST_TERMINAL_PATIENCE_MS` says it for one that is far away; 10 s at most.
  static let patience = Duration.milliseconds(
    Host.environment("ROOST_TERMINAL_PATIENCE_MS").flatMap { Int($0) }.map { min(max($0, 0), 10_000) } ?? 150)

  /// CPR (ECMA-48 §8.3.14), OSC 10 and 11 with `?` (xterm ctlseqs), DA1 (ECMA-48 §8.3.24).
  package static let questions = Array("\u{1b}[6n\u{1b}]10;?\u{1b}\\\u{1b}]11;?\u{1b}\\\u{1b}[c".utf8)

  /// How many rows from the top have something on them: those above the cursor, and its own unless it stands at the beginning.
  package private(set) var rowsUsed: Int?
  /// `#rrggbb`
  package private(set) var foreground: String?
  package private(set) var background: String?
  /// All that will be answered has been.
  package private(set) var isComplete = false

  package init() {}

  /// Takes one answer, whole; others than those to the questions are passed over.
  package mutating func take(_ reply: [UInt8]) {
    if let sequence = ControlSequence(reply[...]) {
      switch (sequence.prefix, sequence.intermediates, sequence.final) {
      case (nil, [], UInt8(ascii: "R")) where sequence.parameters.count == 2 && !isComplete:
        let (row, column) = (sequence.parameters[0].first ?? 1, sequence.parameters[1].first ?? 1)
        rowsUsed = column > 1 ? row : max(0, row - 1)
      case (UInt8(ascii: "?"), [], UInt8(ascii: "c")): isComplete = true
      default: break
      }
      return
    }
    let text = String(decoding: reply, as: UTF8.self)
    guard text.hasPrefix("\u{1b}]1"), let semicolon = text.firstIndex(of: ";") else { return }
    let color = OuterTerminal.color(text[text.index(after: semicolon)...].prefix { $0 != "\u{7}" && $0 != "\u{1b}" })
    switch text.dropFirst(2).prefix(3) {
    case "10;": foreground = color ?? foreground
    case "11;": background = color ?? background
    default: break
    }
  }

  /// What a server is told of the colours; nil when none are known.
  package var colors: JSON? {
    guard foreground != nil || background != nil else { return nil }
    return .object([
      "foreground": foreground.map { .string($0) }, "background": background.map { .string($0) },
    ])
  }

  /// `rgb:hhhh/hhhh/hhhh`, with one to four digits a channel (XParseColor); a fourth channel, the opacity, is left out.
  private static func color(_ text: Substring) -> String? {
    guard let colon = text.firstIndex(of: ":"), text.hasPrefix("rgb") else { return nil }
    let channels = text[text.index(after: colon)...].split(separator: "/", omittingEmptySubsequences: false)
    guard (3...4).contains(channels.count) else { return nil }
    var result = "#"
    for channel in channels.prefix(3) {
      guard (1...4).contains(channel.utf8.count), let value = UInt32(channel, radix: 16) else { return nil }
      let most = UInt32(1) << (4 * UInt32(channel.utf8.count)) - 1
      let byte = (value * 255 + most / 2) / most
      let digits = String(byte, radix: 16)
      result += digits.count == 1 ? "0" + digits : digits
    }
    return result
  }
}

/// What a person at an attached session is told while nothing comes from it: a bar on the first line, as mosh has it. The picture that
/// comes with the session paints over it.
struct WaitNotice: Sendable {
  /// What is over sooner is only a flicker.
  static let delay = Duration.milliseconds(300)

  private let text: String

  /// - Parameter reason: as the server says it.
  init(reason: String, detachKey: DetachKey?) {
    let leaving = detachKey.map { " (\($0.text) leaves)" } ?? ""
    text = " roost: \(printable(reason.isEmpty ? "the connection was lost" : reason)); waiting for it\(leaving) "
  }

  /// Paints the bar, whatever was cut off in the middle, and puts the cursor back.
  func bytes(columns: Int) -> [UInt8] {
    var line = ""
    var width = 0
    for character in text {
      width += displayWidth(String(character))
      if width > columns { break }
      line.append(character)
    }
    // Ends a string and a synchronized update; without the origin mode the first line is that of the screen, without the insert mode nothing
    // is pushed aside. All of it is set anew by the picture.
    return Array(
      "\u{1b}\\\u{1b}[?2026l\u{1b}7\u{1b}[?6l\u{1b}[4l\u{1b}(B\u{0f}\u{1b}[H\u{1b}[0;7m\(line)\u{1b}[0m\u{1b}8".utf8)
  }
}

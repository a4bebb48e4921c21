import Glibc

/// Raw mode of the terminal a person sits at: every key goes through, nothing is echoed or turned into a signal.
package struct RawMode: Sendable {
  private let descriptor: CInt
  private let saved: termios

  /// Enters raw mode (cfmakeraw) and remembers what was set before. What has been typed ahead stays there to be read.
  /// Fails with ENOTTY when it is not a terminal.
  package static func enter(_ descriptor: CInt) throws(SystemError) -> RawMode {
    var settings = termios()
    guard tcgetattr(descriptor, &settings) == 0 else { throw .last("tcgetattr") }
    let saved = settings
    cfmakeraw(&settings)
    guard tcsetattr(descriptor, TCSADRAIN, &settings) == 0 else { throw .last("tcsetattr") }
    return RawMode(descriptor: descriptor, saved: saved)
  }

  /// Puts back what was set before; safe to call more than once. What was typed and not read is dropped: it was meant
  /// for, or is an answer to, what had the terminal until now.
  package func restore() {
    var settings = saved
    tcsetattr(descriptor, TCSAFLUSH, &settings)
  }
}

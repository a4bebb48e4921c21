import Glibc

/// Reads a line from the terminal without showing what is typed: for secrets. At most `limit` bytes, without the line's end.
/// Fails with ENOTTY when there is no terminal.
package func readHiddenLine(prompt: String, limit: Int) throws(SystemError) -> String {
  // The terminal itself, so that standard input and output may be something else.
  let opened = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
  guard opened >= 0 else { throw .last("open /dev/tty") }
  let terminal = Descriptor(owning: opened)
  var settings = termios()
  guard tcgetattr(terminal.raw, &settings) == 0 else { throw .last("tcgetattr") }
  var saved = settings
  settings.c_lflag &= ~tcflag_t(ECHO)
  settings.c_lflag |= tcflag_t(ICANON | ECHONL)
  try writeAll(terminal.raw, Array(prompt.utf8))
  guard tcsetattr(terminal.raw, TCSAFLUSH, &settings) == 0 else { throw .last("tcsetattr") }
  defer { tcsetattr(terminal.raw, TCSADRAIN, &saved) }
  var line: [UInt8] = []
  var byte: UInt8 = 0
  while line.count < limit {
    let count = read(terminal.raw, &byte, 1)
    if count < 0, errno == EINTR { continue }
    guard count == 1, byte != 0x0A else { break }
    line.append(byte)
  }
  return String(decoding: line, as: UTF8.self)
}

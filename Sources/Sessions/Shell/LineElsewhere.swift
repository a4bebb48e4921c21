extension CommandMarker {
  /// One line for a shell that cannot be seen from here: a POSIX shell, or fish (from 3.4 on). Both read all of it; they differ in what they
  /// call the status, which is taken from how they read two backslashes in quotes. As in ``line(for:run:program:isHere:)`` nothing in it means
  /// anything to a line editor, a history or a terminal.
  static func lineElsewhere(for command: String, run: UInt64) -> String {
    var text = ""
    for scalar in command.unicodeScalars {
      switch scalar {
      case "\\", "'", "\"", "$", "`", "!", "^": text += octal(scalar)
      default: text += scalar.value < 0x20 || scalar.value == 0x7F ? octal(scalar) : String(scalar)
      }
    }
    let end = #"printf "\033]133;D;%s;\#(option)=1;run=\#(run)\007""#
    return #" printf '\033]133;C;\#(option)=1;run=\#(run)\007';eval "$(printf %s 'eval "$(printf %b "\#(text)")"';"#
      + #"test '\\' = \\ && printf %s ';\#(end) $status' || printf %s ';\#(end) "$?"')""#
  }
}

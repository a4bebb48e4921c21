extension CommandMarker {
  /// One line for a shell that cannot be seen from here: a POSIX shell, or fish (from 3.4 on). Both read all of it; they differ in what they
  /// call the status, which is taken from how they read two backslashes in quotes, and fish keeps none from the command before. As in ``line(for:run:program:isHere:)`` nothing in it means
  /// anything to a line editor, a history or a terminal.
  static func lineElsewhere(for command: String, run: UInt64) -> String {
    func quoted(_ words: String) -> String {
      var text = ""
      for scalar in words.unicodeScalars {
        switch scalar {
        case "\\", "'", "\"", "$", "`", "!", "^": text += octal(scalar)
        default: text += scalar.value < 0x20 || scalar.value == 0x7F ? octal(scalar) : String(scalar)
        }
      }
      return text
    }
    let end = #"printf "\033]133;D;%s;\#(option)=1;run=\#(run)\007""#
    // fish cannot read the first words, and says so to nobody.
    return #" eval '_roost=$?' 2>/dev/null;printf '\033]133;C;\#(option)=1;run=\#(run)\007';eval '';"#
      + #"eval "$(printf %s 'eval "$(printf %b "';test '\\' = \\ || printf %s '\#(quoted(resuming(for: command)))';"#
      + #"printf %s '\#(quoted(command))")"';"#
      + #"test '\\' = \\ && printf %s ';\#(end) $status' || printf %s ';_roost=$?;\#(end) "$_roost";\#(leavingLine)')""#
  }
}

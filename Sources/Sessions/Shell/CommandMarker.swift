/// Makes a plain POSIX shell, which reports nothing by itself, report one command. Every mark carries the number of its run, and nothing else
/// that is printed is taken for one.
enum CommandMarker {
  /// The option by which marks of this kind are told from a shell's own.
  static let option = "plain"

  /// Shells that read such lines, by the name of their program.
  static let shells: Set<String> = [
    "sh", "dash", "ash", "ksh", "ksh93", "mksh", "lksh", "posh", "yash", "busybox", "bash", "rbash", "zsh",
    "ash.static",
  ]

  /// Of those, the ones that edit the line themselves: their terminal is not in line mode while their prompt stands.
  static let editing: Set<String> = ["ksh", "ksh93", "mksh", "lksh", "yash", "busybox", "ash", "bash", "rbash", "zsh"]

  /// The most bytes that a terminal in line mode takes for one line (n_tty(4): `N_TTY_BUF_SIZE` less the line's end).
  static let lineLimit = 4095

  /// Two files: the shell is told to read the outer one (`. FILE`), which reads the inner one, where the command stands as it is. What is
  /// left open in the command ends with its file. A command that the shell gives up altogether (it could not be parsed, or a special builtin
  /// failed) never comes to the mark of the end; the prompt then tells, which carries a mark until the outer file has ended.
  ///
  /// - Parameters:
  ///   - program: Name of the shell's program: some have no `printf` of their own, and the program that had printed the last mark
  ///   would hold the terminal a moment longer than the mark says.
  ///   - isRedefined: Whether the words that print may be functions of somebody's: then a copy of the shell prints, which has none.
  static func files(
    for command: String, run: UInt64, program: String, inner path: String, isRedefined: Bool = false
  ) -> (outer: String, inner: String) {
    // Nobody's alias or function is meant.
    // Nowhere in the files do the bytes of a mark stand as they are: `set -v` prints the files.
    let sign = ";\(option)=1;run=\(run)"
    // zsh's `command` means programs only.
    let prints =
      program.contains("ksh") ? #"\command print -n --"# : program == "zsh" ? #"\builtin printf"# : #"\command printf"#
    // A group's redirections come first, so that a trace of ours goes nowhere.
    // The terminal itself: `exec >file` takes standard output away.
    let aside = "9>/dev/tty >/dev/null 2>&1"
    // In ksh93 a DEBUG trap changes the status that a group sees, and `.` cuts that of a signal to eight bits. An empty line ends a line that
    // goes on; a here-document that nobody ends would take ours.
    let (last, before, status, after) =
      ["ksh", "ksh93"].contains(program)
      ? (command.contains("<<") ? "" : "\n_roost=$?\n", "_roost=${_roost-$?}\n", "$_roost", #" \unset _roost;"#)
      : isRedefined ? ("", "_roost=$?\n", "$_roost", #" \unset _roost;"#) : ("", "", "$?", "")
    let (open, close) = isRedefined ? (#"( \unset -f command printf print builtin; "#, ")") : ("", "")
    // What follows the command is read with what comes before it: `set -v` shows it then.
    let prompts = program == "yash" ? ["PS1", "YASH_PS1"] : ["PS1"]
    let outer = """
      { _roost='\u{1B}'; \(prompts.map { armed($0, sign) }.joined(separator: " ")) \\unset _roost; } \(aside)
      { . \(quoted(path))
      \(before){ \(open)\(prints) "\\033]133;D;\(status)\(sign)\\007" >&9\(close); \(prompts.map(disarmed).joined(separator: " "))\(after) } \(aside)
      }

      """
    return (outer, "{ \(open)\(prints) \"\\033]133;C\(sign)\\007\" >&9\(close); } \(aside)\n\(command)\n\(last)")
  }

  /// The status of a command that a signal has ended is 128 and its number (POSIX leaves open what above 128), which ksh93 tells as 256
  /// and yash as 384 and its number.
  static func exitStatus(_ told: Int) -> Int {
    switch told {
    case 385...512: told - 256
    case 257...384: told - 128
    default: told
    }
  }

  /// What to type so that the shell reads the file.
  static func reading(_ path: String) -> String { " . \(quoted(path))" }

  /// Has a prompt carry the mark that says that the whole command was given up. yash has prompts of its own beside POSIX's, where it is asked to.
  private static func armed(_ prompt: String, _ sign: String) -> String {
    let old = #"case "${\#(prompt)-}" in (*"]133;P;roost=back;"*) \#(prompt)=${\#(prompt)#*"\#u{7}"};; esac;"#
    let set = #"\#(prompt)="$_roost]133;P;roost=back\#(sign)\#u{7}${\#(prompt)-}";"#
    return prompt == "PS1" ? "\(old) \(set)" : #"case "${\#(prompt)+x}" in (x) \#(old) \#(set); esac;"#
  }

  private static func disarmed(_ prompt: String) -> String {
    let cut = #"\#(prompt)=${\#(prompt)#*"\#u{7}"};"#
    return prompt == "PS1" ? cut : #"case "${\#(prompt)+x}" in (x) \#(cut); esac;"#
  }

  /// One line for a shell that cannot read our files. The command is one quoted word of which nothing means anything to a line editor, a
  /// history or a terminal.
  ///
  /// - Parameter isHere: The shell is of this machine, and its marks go to the terminal itself, whatever becomes of its standard output.
  static func line(for command: String, run: UInt64, isHere: Bool = false) -> String {
    let out = isHere ? " >/dev/tty" : ""
    var text = ""
    for scalar in command.unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "'", "!", "^": text += octal(scalar)
      default: text += scalar.value < 0x20 || scalar.value == 0x7F ? octal(scalar) : String(scalar)
      }
    }
    return #" printf '\033]133;C;\#(option)=1;run=\#(run)\007'\#(out);eval "$(printf %b '\#(text)')";"#
      + #"printf '\033]133;D;%s;\#(option)=1;run=\#(run)\007' "$?"\#(out)"#
  }

  static func octal(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 8)
    return "\\0" + String(repeating: "0", count: 3 - digits.count) + digits
  }

  static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }
}

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

  /// Of those, the ones that can evaluate a file without reading it as a script of its own: `return`, `$0` and the traps of bash, then
  /// mean what they mean at the prompt.
  static let evaluating: Set<String> = ["bash", "rbash", "ksh", "ksh93", "mksh", "lksh", "zsh"]

  /// What a plain shell is given a run by.
  struct Files {
    /// What the shell is told to read, which reads the inner one.
    var outer: String
    /// The command as it stands. What is left open in it ends with its file.
    var inner: String
    /// The same, and a line behind it that takes the command's status.
    var closed: String?
  }

  /// A command that the shell gives up altogether (ctrl+c, it could not be parsed, or a special builtin failed) never comes to the mark of the
  /// end; the prompt then tells, which carries a mark with the status until the outer file has ended.
  ///
  /// - Parameters:
  ///   - program: Name of the shell's program: some have no `printf` of their own, and the program that had printed the last mark
  ///   would hold the terminal a moment longer than the mark says.
  ///   - isWary: Whether the words that print may be functions of somebody's, and the prompt read-only: then a copy of the shell prints, which
  ///   has none, and tries.
  static func files(
    for command: String, run: UInt64, program: String, inner path: String, closed closedPath: String,
    isWary: Bool = false
  ) -> Files {
    // Nobody's alias or function is meant.
    // Nowhere in the files do the bytes of a mark stand as they are: `set -v` prints the files.
    let sign = ";\(option)=\(signalBase(of: program));run=\(run)"
    // zsh's `command` means programs only.
    let prints =
      program.contains("ksh") ? #"\command print -n --"# : program == "zsh" ? #"\builtin printf"# : #"\command printf"#
    // A group's redirections come first, so that a trace of ours goes nowhere.
    // The terminal itself: `exec >file` takes standard output away.
    let aside = "9>/dev/tty >/dev/null 2>&1"
    let (open, close) = isWary ? (#"( \#(forgettingFunctions(in: program)) "#, ")") : ("", "")
    let prompts = program == "yash" ? ["PS1", "YASH_PS1"] : ["PS1"]
    let arming = prompts.map { armed($0, sign, status: program == "zsh" ? "%?" : #"\$?"#, isWary: isWary) }
      .joined(separator: " ")
    let evaluates = evaluates(command, program: program, isWary: isWary)
    let begins = #"\#(open)\#(prints) "\033]133;C\#(sign)\007" >&9\#(close)"#
    let inner = """
      { \\unset _roost _roost_end; \(beginning(begins, program: program)) } \(aside)
      \(command)

      """
    // Of what is but a comment nothing comes: that the command before it failed is not its own failure.
    let status = isNothing(command) ? "0" : "$_roost"
    // The prompt comes last of all that may fail: bash and ksh93 leave a group where it is read-only.
    let end = """
      { _roost_was=${_roost:-$?}; _roost=$_roost_was; \(leavable(program: program)) \(open)\(prints) "\\033]133;D;\(status)\(sign)\\007" >&9\(close); \\unset _roost _roost_end _roost_esc; \(prompts.map { disarmed($0, program: program, isWary: isWary) }.joined(separator: " ")) case $_roost_was in (0) \\unset _roost_was; \\eval '' ;; (*) \(leaving) ;; esac; } \(aside)
      """
    // Ours is to succeed: a trap on ERR would run once more for it. A trace of it, or a trap on DEBUG, goes nowhere.
    let isClosed = !isWary && isOverAtItsEnd(command)
    let takes = "\n\n{ _roost=$?; } >/dev/null 2>&1"
    guard evaluates else {
      let isTrapping = isClosed && ["busybox", "ash", "ash.static", "sh"].contains(program)
      // `set -v` would show the line behind the command.
      let reads =
        isTrapping
        ? #"case $- in (*v*) \. \#(quoted(path)) ;; (*) \. \#(quoted(closedPath)) ;; esac"#
        : #"\. \#(quoted(path))"#
      return Files(
        outer: preamble(arming, "", aside, saves: true) + "{ \(reads)\n\(end)\n}\n", inner: inner,
        closed: isTrapping ? inner + takes + "\n" : nil)
    }
    let evaluation = #"\eval "$(<\#(quoted(path)))${_roost_end-}""#
    let tail =
      isClosed
      ? "_roost_end='\(program.contains("ksh") ? "\n\n_roost=$?" : takes)'"
      // zsh gives a here-document that is left open the end of its last line only where there is one.
      : program == "zsh" ? "_roost_end='\n'" : "_roost_end="
    guard program.contains("ksh") else {
      let chooses = "case $- in (*v*) _roost_end= ;; (*) \(tail) ;; esac;"
      return Files(outer: preamble(arming, chooses, aside) + "{ \(evaluation)\n\(end)\n}\n", inner: inner)
    }
    // These show some of our words under `set -x` wherever they are sent, and ksh93 runs a trap on DEBUG for each redirection: then nothing
    // stands behind the command, and the prompt tells its end.
    let trapped = program.hasPrefix("ksh") ? #"$(\trap -p DEBUG)"# : ""
    let chooses =
      mayTrace(command)
      ? "_roost_end=-;" : "case $-:\(trapped) in (*[vx]*:*|*:?*) _roost_end=- ;; (*) \(tail) ;; esac;"
    let outer =
      preamble(arming, chooses, aside)
      + "case ${_roost_end-} in (-) \\eval \"$(<\(quoted(path)))\" ;; (*) { \(evaluation)\n\(end)\n} ;; esac\n"
    return Files(outer: outer, inner: inner)
  }

  /// What takes the functions out of a copy of the shell that the words which print may be. `unset` may be one itself in zsh, and in bash but for
  /// POSIX mode.
  private static func forgettingFunctions(in program: String) -> String {
    switch program {
    case "zsh": #"\disable -f unset command printf print builtin;"#
    case "bash", "rbash": #"POSIXLY_CORRECT=1; \unset -f unset command printf print builtin;"#
    default: #"\unset -f command printf print builtin;"#
    }
  }

  /// Whether the shell evaluates the file.
  private static func evaluates(_ command: String, program: String, isWary: Bool) -> Bool {
    // bash would take what is typed next for the rest of what it evaluates, once its line editor is off (`set +o emacs`).
    !isWary && evaluating.contains(program) && !(program.hasSuffix("bash") && command.contains("+o "))
  }

  /// Whether the command itself may begin a trace, or a trap on DEBUG. One that has to do with the prompt leaves that alone to tell the end.
  private static func mayTrace(_ command: String) -> Bool {
    ["set -", "DEBUG"].contains { command.contains($0) } && !command.contains("PS1")
  }

  private static func preamble(_ arming: String, _ more: String, _ aside: String, saves: Bool = false) -> String {
    let saved = saves ? "_roost_was=$?; " : ""
    // Where `unset` is a function of somebody's, the status of an earlier command is still there.
    return "{ \(saved)_roost= _roost_esc='\u{1B}'; \(arming) \(more) \\unset _roost_esc; } \(aside)\n"
  }

  /// Tells that the command begins, and leaves `$?` as it was at the prompt, and in `$_` nothing of ours.
  ///
  /// - Parameter tells: The words that print the mark.
  private static func beginning(_ tells: String, program: String) -> String {
    // What these trace would be in the command's output.
    let clears =
      program.contains("ksh")
      ? #"case $- in (*x*) \eval ''; (\#(tells)) ;; (*) \#(tells); \eval '' ;; esac"# : #"\#(tells); \eval ''"#
    return leavable(program: program)
      + #" case ${_roost_was-0} in (0) \unset _roost_was; \#(clears) ;; (*) \#(tells); \#(leaving) ;; esac;"#
  }

  /// Ends with the status of the last command, and without the variable that holds it. A function of ours has all of them, also above those of
  /// a process, and nothing forks: what is typed next comes soon.
  private static let leaving =
    #"\eval "\\unset _roost_was; _roost() { \\unset -f _roost; \\eval ''; \\return $_roost_was; }; _roost ''" ''"#

  /// Makes the status 0 where leaving it as it is would end the shell (`set -e`), or run a trap on ERR.
  private static func leavable(program: String) -> String {
    let traps =
      switch program {
      case "dash", "posh", "yash": ""
      // A copy of mksh has no traps.
      case _ where program.contains("ksh"): #"${ \trap;}"#
      default: #"$(\trap)"#
      }
    let options = program.contains("ksh") ? "[ex]" : "e"
    return
      "case ${_roost_was-0} in (0) ;; (*) case $-:\(traps) in (*\(options)*:*|*ERR*) _roost_was=0 ;; esac ;; esac;"
  }

  /// Whether there is no command in it.
  static func isNothing(_ command: String) -> Bool {
    command.split(whereSeparator: \.isNewline).allSatisfy { line in
      line.first { $0 != " " && $0 != "\t" }.map { $0 == "#" } ?? true
    }
  }

  /// Whether another line behind the command is a command of its own, and is not shown by what the command sets (`set -v`).
  private static func isOverAtItsEnd(_ command: String) -> Bool {
    let bare = command.filter { !$0.isWhitespace }
    let words = command.split { $0.isWhitespace || $0 == ";" }
    // Of one that is still open the shell would say that a word of ours is wrong.
    let opened = words.count { ["for", "select", "case"].contains($0) }
    return words.count { $0 == "done" || $0 == "esac" } >= opened
      && !["<<", "set -", "verbose"].contains { command.contains($0) }
      && !["|", "&", "\\", "()"].contains { bare.hasSuffix($0) }
  }

  /// What the shell adds to the number of a signal for the status of a command that it has ended. POSIX leaves that open, but for its being
  /// above 128. The value of ``option`` in each mark.
  private static func signalBase(of program: String) -> Int {
    switch program {
    case "ksh", "ksh93": 256
    case "yash": 384
    default: 128
    }
  }

  /// The highest number of a signal (signal(7): `SIGRTMAX`).
  private static let lastSignal = 64

  /// The status that a mark has told: that of a signal is 128 and its number whatever the shell, and any other is what the shell says.
  ///
  /// - Parameter base: The value of ``option`` in the mark.
  static func exitStatus(_ told: Int, base: String?) -> Int {
    for known in [256, 384] where (known + 1...known + lastSignal).contains(told) {
      // 1 where nobody knows which shell it is.
      return base == "1" || base == String(known) ? told - known + 128 : told
    }
    return told
  }

  /// What to type so that the shell reads the file. Quoted, a word is nobody's alias. The words behind the file are what is in `$_` afterwards.
  static func reading(_ path: String, for command: String, program: String, isWary: Bool = false) -> String {
    evaluates(command, program: program, isWary: isWary)
      ? #" \eval "_roost_was=$?;$(<\#(quoted(path)))" ''"# : #" \. \#(quoted(path))"#
  }

  /// Has a prompt carry the mark that says that the whole command was given up, and with what status. yash has prompts of its own beside
  /// POSIX's, where it is asked to.
  private static func armed(_ prompt: String, _ sign: String, status: String, isWary: Bool) -> String {
    let old = #"case "${\#(prompt)-}" in (*"]133;P;roost=back;"*) \#(prompt)=${\#(prompt)#*"\#u{7}"};; esac;"#
    let set = #"\#(prompt)="$_roost_esc]133;P;roost=back\#(sign);status=\#(status)\#u{7}${\#(prompt)-}";"#
    let both = "\(old) \(set)"
    let tried = isWary ? "(\(prompt)=x) && { \(both) };" : both
    return prompt == "PS1" ? tried : #"case "${\#(prompt)+x}" in (x) \#(tried) esac;"#
  }

  /// - Parameter program: bash and ksh93 give up all of what is read where a variable is read-only, and `$?` with it.
  private static func disarmed(_ prompt: String, program: String, isWary: Bool) -> String {
    let tries =
      switch program {
      case _ where isWary: "(\(prompt)=x) && "
      // A copy of ksh93 is no process.
      case "ksh", "ksh93": "(\(prompt)=x) && "
      case "bash", "rbash": "[[ ${\(prompt)@a} == *r* ]] || "
      default: ""
      }
    return
      #"case "${\#(prompt)-}" in (*"]133;P;roost=back;"*) \#(tries)\#(prompt)=${\#(prompt)#*"\#u{7}"};; esac;"#
  }

  /// One line for a shell that cannot read our files. The command is one quoted word of which nothing means anything to a line editor, a
  /// history or a terminal.
  ///
  /// - Parameter isHere: The shell is of this machine, and its marks go to the terminal itself, whatever becomes of its standard output.
  static func line(for command: String, run: UInt64, program: String, isHere: Bool = false) -> String {
    let out = isHere ? " >/dev/tty" : ""
    let sign = "\(option)=\(signalBase(of: program));run=\(run)"
    var text = ""
    for scalar in (resuming(for: command) + command).unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "'", "!", "^": text += octal(scalar)
      default: text += scalar.value < 0x20 || scalar.value == 0x7F ? octal(scalar) : String(scalar)
      }
    }
    return #" _roost=$?;printf '\033]133;C;\#(sign)\007'\#(out);eval '';eval "$(printf %b '\#(text)')";"#
      + #"_roost=$?;printf '\033]133;D;%s;\#(sign)\007' "$_roost"\#(out);\#(leavingLine)"#
  }

  /// What comes before the command in a line, so that it finds the status of the command before it: not where that would end the shell, or run a
  /// trap on ERR, and not where there is no command, which would be told with it.
  static func resuming(for command: String) -> String {
    isNothing(command) ? "" : "case $-:$_roost:$(trap) in (*e*:*:*|*:0:*|*ERR*) ;; (*) (exit $_roost) ;; esac; "
  }

  /// The last words of a line: the next command finds the status of this one, and in `$_` nothing of ours.
  static let leavingLine =
    #"case $-:$(trap) in (*e*:*|*ERR*) unset _roost;eval "";; (*) eval "unset _roost;(exit $_roost)" "";; esac"#

  static func octal(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 8)
    return "\\0" + String(repeating: "0", count: 3 - digits.count) + digits
  }

  static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }
}

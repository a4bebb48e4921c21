/// Makes a plain POSIX shell, which reports nothing by itself, report one command: the line that is typed prints the marks.
enum CommandMarker {
  /// The option by which marks of this kind are told from a shell's own.
  static let option = "roost"

  /// Shells that read such a line, by the name of their program.
  static let shells: Set<String> = [
    "sh", "dash", "ash", "ksh", "ksh93", "mksh", "posh", "yash", "busybox", "bash", "zsh",
  ]

  /// The line to type when the shell has dropped the end of ``line(for:)``.
  static let endLine = #" printf '\033]133;D;%s;roost=1\007' "$?""#

  /// The line to type. The command goes through `eval` as one quoted word, so that whatever it contains cannot reach the marks.
  static func line(for command: String) -> String {
    let quoted = command.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#)
    return #" printf '\033]133;C;roost=1\007';eval '\#(quoted)';printf '\033]133;D;%s;roost=1\007' "$?""#
  }
}

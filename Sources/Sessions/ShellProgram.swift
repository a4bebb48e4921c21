/// Shells by their names, for what is told of a session to people.
enum ShellProgram {
  private static let names: Set<String> = [
    "sh", "bash", "zsh", "fish", "dash", "ash", "ksh", "ksh93", "mksh", "oksh", "pdksh", "yash", "posh", "busybox",
    "csh",
    "tcsh", "rc", "es", "elvish", "nu", "xonsh", "pwsh",
  ]

  /// Whether a session's command is a shell alone: `/bin/bash`, not `bash -c …`.
  static func isShell(_ command: String) -> Bool {
    names.contains(String(command.split(separator: "/").last ?? ""))
  }
}

import Glibc
package import Store
import Sys

/// Makes an interactive shell tell where its prompts, commands and their ends are, without the user changing anything.
///
/// What the shells then write (FinalTerm's marks as iTerm2 and the xterm world know them, and one of VS Code's):
/// - `OSC 133 ; A` the prompt begins · `B` the prompt ends, what is typed begins
/// - `OSC 633 ; E ; <command line> ; <nonce>` the command line about to run: `\\` is a backslash, `\xHH` a byte. Left out
///   when the shell cannot be sure of it (bash, for a line that its history does not take)
/// - `OSC 133 ; C` the command's output begins · `D ; <status>` it has ended. An empty line has neither
/// - `OSC 7 ; file://host/path` the working directory, before each prompt
///
/// Any program can write such marks as well: only an E with the session's nonce is the shell's own.
package enum ShellIntegration {
  /// What to start the shell with.
  package struct Injection: Sendable, Equatable {
    /// Before any other arguments of the shell.
    package var arguments: [String]
    /// Over the environment that it would get otherwise. The scripts take these variables out again.
    package var environment: [String: String]
  }

  package enum Shell: String, Sendable, CaseIterable {
    case bash, zsh, fish

    /// By the program's file name; nil for every other shell.
    package init?(path: String) {
      let name = path.split(separator: "/").last ?? ""
      self.init(rawValue: String(name))
    }
  }

  /// Writes the shell's script below `folder`, unless it is there already, and says how to start the shell with it.
  /// nil for a shell that has no integration.
  ///
  /// - Parameters:
  ///   - nonce: Random, of letters and digits, one for each session.
  ///   - runFile: Where the shell's line editor finds the commands that it is given.
  ///   - login: The shell is to be a login shell. The arguments then include what makes it one.
  ///   - environment: Of the shell to be started, "NAME=value" each: some of it has to be kept aside.
  package static func prepare(
    shell path: String, folder: String, nonce: String, runFile: String = "", login: Bool = false,
    environment: [String] = []
  ) throws(StoreError) -> Injection? {
    guard let shell = Shell(path: path) else { return nil }
    func present(_ name: String) -> String? {
      environment.last { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }
    try preparePrivateFolder(folder)
    var variables = ["ROOST_SHELL_NONCE": nonce, "ROOST_SHELL_RUN": runFile]
    switch shell {
    case .bash:
      let script = "\(folder)/roost.bash"
      try write(bashScript, to: script)
      guard login else { return Injection(arguments: ["--rcfile", script], environment: variables) }
      // --rcfile does not count for a login shell. In POSIX mode bash reads $ENV and nothing else; the script leaves
      // that mode and reads what a login shell reads.
      variables["ROOST_BASH_LOGIN"] = "1"
      variables["ENV"] = script
      if let env = present("ENV") { variables["ROOST_BASH_ENV"] = env }
      return Injection(arguments: ["--posix", "-l"], environment: variables)
    case .zsh:
      let dots = "\(folder)/zsh"
      try preparePrivateFolder(dots)
      try write(zshScript, to: "\(dots)/.zshenv")
      variables["ZDOTDIR"] = dots
      if let own = present("ZDOTDIR") { variables["ROOST_ZDOTDIR"] = own }
      return Injection(arguments: login ? ["-l"] : [], environment: variables)
    case .fish:
      let script = "\(folder)/roost.fish"
      try write(fishScript, to: script)
      let quoted = script.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "\\'")
      return Injection(
        arguments: (login ? ["-l"] : []) + ["--init-command", "source '\(quoted)'"], environment: variables)
    }
  }

  /// What the script of bash has as the first of the prompt commands, or as the only one.
  static let bashPromptCommands = [#"{ __roost_precmd "$?" both; }"#, #"{ __roost_precmd "$?"; }"#].map {
    $0 + " 9>/dev/tty >/dev/null 2>&1"
  }

  private static func write(_ script: String, to path: String) throws(StoreError) {
    do throws(SystemError) {
      try AtomicFile.writeIfChanged(Array(script.utf8), to: path)
    } catch {
      throw StoreError(code: .systemFailure, message: "the shell integration cannot be written: \(error)")
    }
  }
}

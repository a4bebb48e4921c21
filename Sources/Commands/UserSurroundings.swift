import Glibc
import Sys

/// The shell and the home that sessions begin with: what the environment says where that can be used, and something that works where not.
struct UserSurroundings {
  /// Where no shell is named, or the one that is cannot be run.
  private static let standardShells = ["/bin/bash", "/bin/sh"]
  /// Shells of accounts that nobody is to log in to: they end at once.
  private static let refusingShells: Set<String> = ["nologin", "false", "true", "sync", "halt", "shutdown"]

  let shell: String
  /// A folder that a program can start in.
  let home: String
  /// The environment with both.
  let environment: [String: String]
  /// What is used instead of what the environment says: sentences for a person.
  let replacements: [String]

  /// - Parameter given: The shell that was asked for; taken as it is, so that a wrong name is told where it is used.
  init(
    shell given: String? = nil, environment variables: [String: String] = Host.environmentByName,
    userShell: String = Host.userShell, userHome: String? = Host.databaseHome
  ) {
    var environment = variables
    var replacements: [String] = []
    let named = variables["SHELL"].flatMap { $0.isEmpty ? nil : $0 }
    let usable = ([named, userShell].compactMap { $0 } + UserSurroundings.standardShells)
      .first { UserSurroundings.isUsable(shell: $0) }
    // With none at all the failure of the first session names what was wanted.
    let shell = given ?? usable ?? named ?? userShell
    if given == nil, let named, named != shell {
      replacements.append("the shell \(named) cannot be run; using \(shell)")
    }
    if named != shell, named.map({ !UserSurroundings.isUsable(shell: $0) }) ?? true { environment["SHELL"] = shell }
    let home = variables["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? userHome ?? "/"
    if UserSurroundings.canEnter(home) {
      self.home = home
    } else {
      self.home = "/"
      replacements.append("the home \(home) cannot be entered; sessions start in /")
    }
    if (variables["HOME"] ?? "").isEmpty { environment["HOME"] = self.home }
    self.shell = shell
    self.environment = environment
    self.replacements = replacements
  }

  private static func isUsable(shell: String) -> Bool {
    guard shell.hasPrefix("/"), let name = shell.split(separator: "/").last, !refusingShells.contains(String(name))
    else { return false }
    var status = stat()
    return stat(shell, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && faccessat(AT_FDCWD, shell, X_OK, AT_EACCESS) == 0
  }

  private static func canEnter(_ folder: String) -> Bool {
    var status = stat()
    return stat(folder, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      && faccessat(AT_FDCWD, folder, X_OK, AT_EACCESS) == 0
  }
}

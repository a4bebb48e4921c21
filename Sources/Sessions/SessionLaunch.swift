import Formats
import Store
import Sys
import TerminalEngine

/// Turns a wish for a session into what the keeper starts.
struct SessionLaunch {
  let child: ChildSpec
  /// What runs, for people.
  let title: String
  /// The word by which the shell's own reports are told from a program's imitation of them; `nil` without integration.
  let nonce: String?

  /// Variables of the server's own surroundings that would mislead a program, and secrets that it must not see.
  private static let withheld: Set<String> = [
    "ROOST_TOKEN", "ROOST_CORRELATION_ID", "ROOST_SESSION", "ROOST_SESSION_ID", "ROOST_SOCKET", "ROOST_SERVER_NAME",
    "ROOST_ON",
    "TMUX", "TMUX_PANE", "STY",
    "WINDOW", "LINES",
    "COLUMNS", "TERMCAP", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC",
    "WATCHDOG_PID", "OLDPWD", "SHLVL",
    "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "VTE_VERSION", "WT_SESSION", "KITTY_WINDOW_ID", "WINDOWID", "_",
  ]

  init(spec: SessionSpec, name: SessionName, id: String, options: SessionStoreOptions) {
    var environment = (spec.callersEnvironment ?? options.environment).filter {
      !SessionLaunch.withheld.contains($0.key)
    }
    if spec.callersEnvironment != nil {
      // These the server has seen to be usable.
      environment["SHELL"] = options.environment["SHELL"]
      if (environment["HOME"] ?? "").isEmpty { environment["HOME"] = options.environment["HOME"] }
    }
    environment["TERM"] = "xterm-256color"
    environment["COLORTERM"] = "truecolor"
    environment["ROOST_SESSION"] = name.text
    environment["ROOST_SESSION_ID"] = id
    environment["ROOST_SERVER_NAME"] = options.serverName
    environment["ROOST_SOCKET"] = options.socketPath
    let directory = spec.directory ?? options.home
    environment["PWD"] = directory
    var arguments: [String]
    var nonce: String?
    switch spec.program {
    case .argv(let argv):
      arguments = argv
      title = argv.joined(separator: " ")
    case .command(let command):
      arguments = [options.shell, "-c", command]
      title = command
    case .shell(let wanted):
      let shell = wanted ?? options.shell
      arguments = [shell]
      title = shell
      let word = makeUUID().filter { $0 != "-" }
      if spec.integrates,
        let added = try? ShellIntegration.prepare(
          shell: shell, folder: options.integrationFolder, nonce: word,
          environment: environment.map { "\($0.key)=\($0.value)" })
      {
        arguments += added.arguments
        environment.merge(added.environment) { _, new in new }
        nonce = word
      } else {
        arguments.append("-i")
      }
    }
    environment.merge(spec.environment) { _, new in new }
    self.nonce = nonce
    child = ChildSpec(
      arguments: arguments, environment: environment.map { "\($0.key)=\($0.value)" }, directory: directory,
      size: WindowSize(rows: UInt16(spec.size.rows), columns: UInt16(spec.size.columns)))
  }
}

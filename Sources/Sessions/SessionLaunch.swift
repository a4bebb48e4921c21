import Formats
import Keeper
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

  init(spec: SessionSpec, name: SessionName, id: String, options: SessionStoreOptions) {
    var environment = OuterVariables.removed(from: spec.callersEnvironment ?? options.environment)
    if spec.callersEnvironment != nil {
      // These the server has seen to be usable.
      environment["SHELL"] = options.environment["SHELL"]
      if (environment["HOME"] ?? "").isEmpty { environment["HOME"] = options.environment["HOME"] }
    }
    environment["TERM"] = "xterm-256color"
    environment["COLORTERM"] = "truecolor"
    environment["ROOST_SESSION"] = name.text
    environment[SessionMark.variable] = id
    environment["ROOST_SERVER_NAME"] = options.serverName
    environment["ROOST_SOCKET"] = options.socketPath
    let directory = spec.directory ?? options.home
    environment["PWD"] = directory
    // Before our own: what the caller wants to be ZDOTDIR or ENV is what the integration puts back.
    environment.merge(spec.environment) { _, new in new }
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
          runFile: RunFile.path(in: options.integrationFolder, session: id),
          environment: environment.map { "\($0.key)=\($0.value)" })
      {
        arguments += added.arguments
        environment.merge(added.environment) { _, new in new }
        nonce = word
      } else {
        arguments.append("-i")
      }
    }
    self.nonce = nonce
    child = ChildSpec(
      arguments: arguments, environment: environment.map { "\($0.key)=\($0.value)" }, directory: directory,
      size: WindowSize(rows: UInt16(spec.size.rows), columns: UInt16(spec.size.columns)))
  }
}

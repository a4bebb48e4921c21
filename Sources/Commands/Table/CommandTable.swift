import Formats
import Glibc
import Net

/// Every command of `roost`.
package enum CommandTable {
  package static let root: CommandDefinition = CommandDefinition(
    name: "",
    summary: "Roost hosts terminal sessions that people and programs drive together.",
    discussion: """
      Without a command it starts a server when none runs, opens a new session and attaches to it. Press ctrl+\\ twice \
      to detach: the session goes on, and 'roost attach' brings it back.
      """,
    options: [
      Options.name, Options.command, Options.shell, Options.workingDirectory, Options.variable, Options.tag,
      Options.history, Options.noIntegration, Options.allowTitleReport, Options.prefix, Options.detachKey,
      Options.status, Options.noStatus,
    ],
    examples: [
      CommandExample("roost", "a new session, right here"),
      CommandExample("roost new build -d -- make -j4", "run a program in the background, with a screen of its own"),
      CommandExample(
        "roost run build --new -- make test", "run a command in a session and get its output and exit status"),
      CommandExample("roost interact build 'git status' --enter --prompt", "type something and see what came of it"),
      CommandExample("roost wait build --match 'Listening on' --timeout 1m", "wait for a sign of life"),
    ],
    subcommands: [
      new, attach, ls, rename, tag, resize, clients, detach, kill, signal, rm,
      run, send, keys, interact, wait, screen, scrollback, commands, output, runs, integrate,
      events,
      status, serveCommand, stop, servers, token, call,
      completions, help, version, keeperCommand,
    ],
    action: .client(openSession, needsServer: openingNeedsServer))

  /// Options of every command.
  package static let globals = Options.globals
}

extension CommandTable {
  static let completions: CommandDefinition = CommandDefinition(
    name: "completions", summary: "print the completion script of a shell",
    discussion: """
      Load it in your shell's start-up file: 'source <(roost completions bash)', likewise for zsh (after compinit), or \
      'roost completions fish | source'. Names of sessions are completed too.
      """,
    arguments: [Arguments.shellName],
    examples: [
      CommandExample("source <(roost completions bash)", "completion in this bash"),
      CommandExample(
        "roost completions fish > ~/.config/fish/completions/roost.fish", "completion in every fish from now on"),
    ],
    action: .immediate { invocation throws(CommandFailure) in
      guard let shell = CompletionShell(rawValue: try invocation.required(Arguments.shellName)) else { return .usage }
      Output(environment: invocation.environment).write(Completions(root: root, globals: globals).script(for: shell))
      return .ok
    })

  static let help: CommandDefinition = CommandDefinition(
    name: "help", summary: "explain a command, or print the manual page",
    arguments: [Arguments.helpTopic], options: [Options.manual],
    examples: [
      CommandExample("roost help wait", "the same as 'roost wait --help'"),
      CommandExample("roost help --man | man -l -", "read the manual page"),
    ],
    action: .immediate(showHelp))

  static let version = CommandDefinition(
    name: "version", summary: "print the version",
    examples: [CommandExample("roost version --json", "the version for a program")],
    action: .immediate { invocation throws(CommandFailure) in
      let output = Output(environment: invocation.environment)
      if invocation.has(Options.json) {
        output.json(["name": "roost", "version": .string(roostVersion)])
      } else {
        output.line("roost \(roostVersion)")
      }
      return .ok
    })

  private static func showHelp(_ invocation: Invocation) throws(CommandFailure) -> ExitCode {
    let output = Output(environment: invocation.environment)
    if invocation.has(Options.manual) {
      output.write(ManPage(root: root, globals: globals, version: roostVersion).text())
      return .ok
    }
    var path: [CommandDefinition] = []
    var command = root
    for word in invocation.arguments(Arguments.helpTopic) {
      guard let next = command.subcommand(named: word) else {
        let guess = foreignCommandNames[word] ?? nearest(to: word, among: command.visibleSubcommands.map(\.name))
        throw CommandFailure(
          .usage, "there is no command '\(printable(word))'", hint: guess.map { "Did you mean '\($0)'?" })
      }
      path.append(next)
      command = next
    }
    output.write(HelpText(root: root, globals: globals, width: output.width ?? 80, style: output.style).text(path))
    return .ok
  }
}

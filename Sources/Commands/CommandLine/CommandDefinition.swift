/// One command of `roost`, said once: parsing, `--help`, shell completions and the man page are all made from it.
package struct CommandDefinition: Sendable {
  /// The word on the command line; empty for the root, which is what plain `roost` does.
  package var name: String
  package var aliases: [String] = []
  /// One line, lower case, no full stop: shown in lists.
  package var summary: String
  /// Paragraphs for `--help` and the man page, separated by an empty line.
  package var discussion = ""
  package var section: CommandSection = .other
  package var arguments: [ArgumentDefinition] = []
  /// What may follow `--`, where a command takes it apart from its other arguments.
  package var trailing: ArgumentDefinition?
  package var options: [OptionDefinition] = []
  package var examples: [CommandExample] = []
  package var subcommands: [CommandDefinition] = []
  /// Left out of lists, completions and the man page.
  package var isHidden = false
  /// Takes every following word as it is; nothing is parsed.
  package var takesRawArguments = false
  var action: CommandAction

  /// The subcommand called `word`, by name or alias.
  package func subcommand(named word: String) -> CommandDefinition? {
    subcommands.first { $0.name == word || $0.aliases.contains(word) }
  }

  /// Does nothing by itself: a subcommand must follow.
  package var isOnlyGroup: Bool { if case .group = action { true } else { false } }

  package var visibleSubcommands: [CommandDefinition] {
    subcommands.filter { !$0.isHidden }
  }
}

/// How a command is carried out.
enum CommandAction: Sendable {
  /// Needs nothing but the process itself; no thread is started.
  case immediate(@Sendable (Invocation) throws(CommandFailure) -> ExitCode)
  /// Talks to a server; runs on an event loop. Before there is one, `needsServer` checks what can be checked without a
  /// server and says whether one is to be started when none runs.
  case client(
    @Sendable (ClientContext) async throws(CommandFailure) -> ExitCode,
    needsServer: @Sendable (Invocation) throws(CommandFailure) -> Bool = { _ in false })
  /// Is a server: what is done before a second thread runs.
  case server(@Sendable (Invocation) throws(CommandFailure) -> ServerGroundwork)
  /// Only groups subcommands.
  case group
}

/// Where a command stands in the list that `roost help` prints.
package enum CommandSection: String, Sendable, CaseIterable {
  case sessions = "Sessions"
  case driving = "Driving a session"
  case events = "Events"
  case server = "Server"
  case other = "Other"
}

/// A command line worth copying and what it does.
package struct CommandExample: Sendable {
  package var line: String
  package var meaning: String

  package init(_ line: String, _ meaning: String) {
    self.line = line
    self.meaning = meaning
  }
}

/// What the text of a value must be; also decides what a shell offers to complete it.
package enum ValueKind: Sendable, Equatable {
  case text
  case integer(ClosedRange<Int>)
  /// `500ms`, `2s`, `5m`, `1h`.
  case duration
  case choice([String])
  /// `KEY=VALUE`.
  case assignment
  case file
  case directory
  /// The name or id of a session.
  case session
  /// A server behind the one that is asked.
  case backend
  case signal
  case key
  case scope
  /// The name of an operation of the server.
  case operation
}

/// An option of a command. A switch has no `placeholder`; every other option takes a value.
package struct OptionDefinition: Sendable {
  /// With its dashes: `--timeout`.
  package var name: String
  /// A second spelling in full: `--server-name` for `-L`.
  package var short: Character?
  package var placeholder: String?
  package var kind: ValueKind
  package var help: String
  /// The variable that gives the value when the command line does not.
  package var environment: String?
  /// Shown in help; the code that reads the option applies it.
  package var defaultText: String?
  package var repeats: Bool

  package var isSwitch: Bool { placeholder == nil }

  /// A switch: there or not.
  package init(_ name: String, short: Character? = nil, environment: String? = nil, help: String) {
    self.init(name, short: short, placeholder: nil, kind: .text, environment: environment, help: help)
  }

  /// An option with a value.
  package init(
    _ name: String, short: Character? = nil, placeholder: String?, kind: ValueKind = .text, environment: String? = nil,
    defaultText: String? = nil, repeats: Bool = false, help: String
  ) {
    self.name = name
    self.short = short
    self.placeholder = placeholder
    self.kind = kind
    self.help = help
    self.environment = environment
    self.defaultText = defaultText
    self.repeats = repeats
  }
}

/// A word that is not an option.
package struct ArgumentDefinition: Sendable {
  package enum Count: Sendable { case one, optional, many, oneOrMore }

  package var name: String
  package var kind: ValueKind
  package var count: Count
  package var help: String

  package init(_ name: String, kind: ValueKind = .text, count: Count = .one, help: String) {
    self.name = name
    self.kind = kind
    self.count = count
    self.help = help
  }

  /// As a usage line writes it: `SESSION`, `[NAME]`, `TEXT…`.
  package var usage: String {
    switch count {
    case .one: name
    case .optional: "[\(name)]"
    case .many: "[\(name)…]"
    case .oneOrMore: "\(name)…"
    }
  }
}

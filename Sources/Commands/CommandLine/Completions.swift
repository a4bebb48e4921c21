/// A shell that `roost completions` writes a script for.
package enum CompletionShell: String, Sendable, CaseIterable {
  case bash, zsh, fish
}

/// Completion scripts made from the command table. They are static, so that completing an option starts no process;
/// only the names of sessions are asked for, with `roost ls --names`.
package struct Completions {
  let root: CommandDefinition
  let globals: [OptionDefinition]

  package init(root: CommandDefinition, globals: [OptionDefinition]) {
    self.root = root
    self.globals = globals
  }

  package func script(for shell: CompletionShell) -> String {
    switch shell {
    case .bash: BashCompletions(commands: leaves, root: root, globals: globals).script()
    case .zsh: ZshCompletions(commands: leaves, root: root, globals: globals).script()
    case .fish: FishCompletions(commands: leaves, root: root, globals: globals).script()
    }
  }

  /// Every visible command and subcommand with the words that name it.
  private var leaves: [CompletedCommand] {
    root.visibleSubcommands.flatMap { command in
      [CompletedCommand(words: [command.name], command: command)]
        + command.visibleSubcommands.map {
          CompletedCommand(words: [command.name, $0.name], command: $0)
        }
    }
  }
}

/// A command as completion sees it.
struct CompletedCommand {
  var words: [String]
  var command: CommandDefinition

  var isGroup: Bool { !command.subcommands.isEmpty }
  var name: String { words.joined(separator: " ") }
}

/// The fixed words that complete a kind of value, where there are any.
func completionWords(_ kind: ValueKind) -> [String]? {
  switch kind {
  case .choice(let choices): choices
  case .signal: commonSignalNames
  case .key: KeyName.completions
  case .scope: tokenScopes
  default: nil
  }
}

/// In single quotes for a POSIX shell; fish reads it the same way as long as there is no backslash.
func shellQuoted(_ text: String) -> String {
  "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
}

/// The names of options as a shell's word list has them, with the short spellings.
func spellings(_ option: OptionDefinition) -> [String] {
  (option.short.map { ["-\($0)"] } ?? []) + [option.name]
}

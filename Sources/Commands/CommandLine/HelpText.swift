/// What `--help` prints, made from the command table.
package struct HelpText {
  let root: CommandDefinition
  let globals: [OptionDefinition]
  let width: Int
  let style: TextStyle

  /// Widest help: longer lines are hard to read.
  static let widest = 100

  package init(root: CommandDefinition, globals: [OptionDefinition], width: Int = 80, style: TextStyle = .plain) {
    self.root = root
    self.globals = globals
    self.width = min(max(width, 60), HelpText.widest)
    self.style = style
  }

  /// Help of the command at `path`; of `roost` itself when it is empty.
  package func text(_ path: [CommandDefinition]) -> String {
    let lines = path.isEmpty ? overview() : help(path)
    return lines.joined(separator: "\n") + "\n"
  }

  /// `roost send [OPTIONS] SESSION TEXT…`
  package func usageLine(_ path: [CommandDefinition]) -> String {
    let command = path.last ?? root
    var words = ["roost"] + path.map(\.name)
    if !command.subcommands.isEmpty {
      words.append(command.isOnlyGroup ? "COMMAND" : "[COMMAND]")
    }
    if !command.takesRawArguments { words.append("[OPTIONS]") }
    words += command.arguments.map(\.usage)
    if let trailing = command.trailing {
      words.append(trailing.count == .many ? "[-- \(trailing.name)…]" : "-- \(trailing.name)…")
    }
    return words.joined(separator: " ")
  }

  private func overview() -> [String] {
    var lines = wrapped(root.summary, width: width)
    lines += ["", heading("Usage") + " " + usageLine([])]
    lines += discussion(root)
    for section in CommandSection.allCases {
      let commands = root.visibleSubcommands.filter { $0.section == section }
      guard !commands.isEmpty else { continue }
      lines += ["", heading(section.rawValue)]
      lines += definitionList(commands.map { ($0.name, $0.summary) }, indent: 2, width: width)
    }
    lines += optionLines("Options of plain 'roost'", root.options)
    lines += optionLines("Options of every command", globals)
    lines += ["", heading("Exit status")]
    lines += definitionList(
      ExitCode.meanings.map { (String($0.code.rawValue), $0.meaning) }, indent: 2, width: width)
    lines += ["    'roost run' exits with the status of the command it ran."]
    lines += exampleLines(root)
    lines += ["", "'roost help COMMAND' says more about a command, 'roost help --man' prints the manual page."]
    return lines
  }

  private func help(_ path: [CommandDefinition]) -> [String] {
    guard let command = path.last else { return overview() }
    let name = (["roost"] + path.map(\.name)).joined(separator: " ")
    var lines = wrapped("\(name): \(command.summary)", width: width)
    lines += ["", heading("Usage") + " " + usageLine(path)]
    if !command.aliases.isEmpty {
      lines.append("       also: " + command.aliases.map { "roost \($0)" }.joined(separator: ", "))
    }
    lines += discussion(command)
    if !command.visibleSubcommands.isEmpty {
      lines += ["", heading("Commands")]
      lines += definitionList(command.visibleSubcommands.map { ($0.name, $0.summary) }, indent: 2, width: width)
    }
    let arguments = command.arguments + (command.trailing.map { [$0] } ?? [])
    if !arguments.isEmpty {
      lines += ["", heading("Arguments")]
      lines += definitionList(arguments.map { ($0.name, $0.help) }, indent: 2, width: width)
    }
    lines += optionLines("Options", command.options)
    lines += optionLines("Options of every command", globals)
    lines += exampleLines(command)
    return lines
  }

  private func heading(_ text: String) -> String {
    style.bold(text + ":")
  }

  private func discussion(_ command: CommandDefinition) -> [String] {
    paragraphs(command.discussion).flatMap { paragraph in
      [""] + (paragraph.hasPrefix(" ") ? [paragraph] : wrapped(paragraph, width: width))
    }
  }

  private func optionLines(_ title: String, _ options: [OptionDefinition]) -> [String] {
    guard !options.isEmpty else { return [] }
    let items = options.map { (term: term($0), meaning: meaning($0)) }
    return ["", heading(title)] + definitionList(items, indent: 2, width: width)
  }

  private func term(_ option: OptionDefinition) -> String {
    let short = option.short.map { "-\($0), " } ?? "    "
    let repeats = option.repeats ? "…" : ""
    return short + option.name + (option.placeholder.map { " \($0)\(repeats)" } ?? "")
  }

  private func meaning(_ option: OptionDefinition) -> String {
    var notes: [String] = []
    if case .choice(let choices) = option.kind { notes.append(choices.joined(separator: ", ")) }
    if let text = option.defaultText { notes.append("default: \(text)") }
    if let variable = option.environment { notes.append("variable: \(variable)") }
    return option.help + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
  }

  private func exampleLines(_ command: CommandDefinition) -> [String] {
    guard !command.examples.isEmpty else { return [] }
    return ["", heading("Examples")]
      + command.examples.flatMap { example in
        ["  " + example.line] + wrapped(example.meaning, width: width - 6).map { "      " + $0 }
      }
  }
}

/// The manual page roost(1) in the language of man(7), made from the command table.
package struct ManPage {
  let root: CommandDefinition
  let globals: [OptionDefinition]
  let version: String

  package init(root: CommandDefinition, globals: [OptionDefinition], version: String) {
    self.root = root
    self.globals = globals
    self.version = version
  }

  package func text() -> String {
    var page: [String] = [
      #".TH ROOST 1 "" "roost \#(escaped(version))" "User Commands""#,
      ".SH NAME", #"roost \- \#(escaped(root.summary))"#,
      ".SH SYNOPSIS", ".B roost", #"[\fICOMMAND\fR] [\fIOPTIONS\fR]"#,
      ".SH DESCRIPTION",
    ]
    page += body(root.discussion)
    page += [".SH OPTIONS", "Plain", ".B roost", "takes:"] + root.options.flatMap(option)
    page += [".PP", "Every command takes:"] + globals.flatMap(option)
    page.append(".SH COMMANDS")
    for command in root.visibleSubcommands {
      page += entry([command])
      for subcommand in command.visibleSubcommands { page += entry([command, subcommand]) }
    }
    page.append(".SH EXIT STATUS")
    for (code, meaning) in ExitCode.meanings {
      page += [".TP", ".B \(code.rawValue)", escaped(meaning)]
    }
    page += [".PP", ".B roost run", "exits with the status of the command it ran."]
    page += [".SH ENVIRONMENT"] + variables()
    page.append(".SH EXAMPLES")
    page += root.examples.flatMap(example)
    return page.joined(separator: "\n") + "\n"
  }

  private func entry(_ path: [CommandDefinition]) -> [String] {
    guard let command = path.last else { return [] }
    let usage = HelpText(root: root, globals: globals).usageLine(path)
    var lines = [".SS \(escaped(usage))"]
    lines.append(sentence(command.summary))
    if !command.discussion.isEmpty { lines += [".PP"] + body(command.discussion) }
    for argument in command.arguments + (command.trailing.map { [$0] } ?? []) {
      lines += [".TP", ".I \(escaped(argument.name))", escaped(argument.help)]
    }
    lines += command.options.flatMap(option)
    if !command.examples.isEmpty {
      lines += [".PP", "Examples:"] + command.examples.flatMap(example)
    }
    return lines
  }

  private func option(_ option: OptionDefinition) -> [String] {
    let short = option.short.map { #"\fB\-\#($0)\fR, "# } ?? ""
    let value = option.placeholder.map { #" \fI\#(escaped($0))\fR"# } ?? ""
    var help = sentence(option.help)
    if case .choice(let choices) = option.kind { help += " One of \(escaped(choices.joined(separator: ", ")))." }
    if let text = option.defaultText { help += " Default: \(escaped(text))." }
    if let variable = option.environment { help += #" Variable: \fB\#(escaped(variable))\fR."# }
    return [".TP", #"\#(short)\fB\#(escaped(option.name))\fR\#(value)"#, help]
  }

  private func example(_ example: CommandExample) -> [String] {
    [".TP", ".B \(escaped(example.line))", sentence(example.meaning)]
  }

  private func variables() -> [String] {
    var seen: Set<String> = []
    var lines: [String] = []
    let commands = root.visibleSubcommands + root.visibleSubcommands.flatMap(\.visibleSubcommands)
    for option in globals + root.options + commands.flatMap(\.options) {
      guard let variable = option.environment, seen.insert(variable).inserted else { continue }
      lines += [".TP", ".B \(escaped(variable))", "The same as", #"\fB\#(escaped(option.name))\fR."#]
    }
    lines += [".TP", ".B NO_COLOR", "When set, nothing is coloured."]
    return lines
  }

  private func body(_ discussion: String) -> [String] {
    paragraphs(discussion).enumerated().flatMap { index, paragraph in
      let text = paragraph.hasPrefix(" ") ? [".nf", escapedLines(paragraph), ".fi"] : [escapedLines(paragraph)]
      return (index == 0 ? [] : [".PP"]) + text
    }
  }

  private func sentence(_ text: String) -> String {
    let first = text.prefix(1).uppercased() + text.dropFirst()
    return escaped(first.hasSuffix(".") ? first : first + ".")
  }

  private func escapedLines(_ text: String) -> String {
    text.split(separator: "\n").map { escaped(String($0)) }.joined(separator: "\n")
  }

  /// Backslashes and dashes mean something to roff, and so does a dot or quote at the beginning of a line.
  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += #"\e"#
      case "-": result += #"\-"#
      case "…": result += #"\&..."#
      default: result.append(character)
      }
    }
    return result.hasPrefix(".") || result.hasPrefix("'") ? #"\&"# + result : result
  }
}

/// A command line that was understood: which command, and its checked values.
package struct Invocation: Sendable {
  /// Where a value came from: what is typed beats what the environment says.
  package enum Source: Sendable, Equatable { case commandLine, environment }

  package struct Value: Sendable, Equatable {
    package var text: String
    package var source: Source
  }

  /// The command and those above it, outermost first, without the root.
  package var path: [CommandDefinition]
  package var command: CommandDefinition
  package var environment: [String: String]
  var options: [String: [Value]] = [:]
  /// Words for `command.arguments`, by argument name.
  var arguments: [String: [String]] = [:]
  /// The words after `--` where the command takes them apart, and every word of a command that takes raw arguments.
  package var trailing: [String] = []
  /// True when `--` was written, also with nothing behind it.
  package var hasTrailing = false

  /// `send`, `token create`; empty for plain `roost`.
  package var commandName: String {
    path.map(\.name).joined(separator: " ")
  }

  package func has(_ option: OptionDefinition) -> Bool {
    options[option.name] != nil
  }

  package func source(of option: OptionDefinition) -> Source? {
    options[option.name]?.last?.source
  }

  /// The last value given.
  package func text(_ option: OptionDefinition) -> String? {
    options[option.name]?.last?.text
  }

  package func texts(_ option: OptionDefinition) -> [String] {
    options[option.name]?.map(\.text) ?? []
  }

  /// The value of an option of kind `.integer`; it was checked when it was parsed.
  package func integer(_ option: OptionDefinition) -> Int? {
    text(option).flatMap { Int($0) }
  }

  /// The value of an option of kind `.duration`.
  package func duration(_ option: OptionDefinition) -> Duration? {
    text(option).flatMap(Duration.init(commandLine:))
  }

  /// The value of an option of kind `.duration` in milliseconds, as the API takes it.
  package func milliseconds(_ option: OptionDefinition) -> Int? {
    duration(option)?.wholeMilliseconds
  }

  /// The word given for an argument that takes at most one.
  package func argument(_ argument: ArgumentDefinition) -> String? {
    arguments[argument.name]?.first
  }

  package func arguments(_ argument: ArgumentDefinition) -> [String] {
    arguments[argument.name] ?? []
  }

  /// The word of an argument that the parser made sure of.
  package func required(_ argument: ArgumentDefinition) throws(CommandFailure) -> String {
    guard let word = self.argument(argument) else {
      throw CommandFailure(.usage, "\(argument.name) is missing")
    }
    return word
  }
}

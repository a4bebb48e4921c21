/// Reads a command line against the command table.
package struct CommandParser {
  /// What a command line asks for.
  package enum Outcome: Sendable {
    case run(Invocation)
    /// `--help` of the command at this path (empty: of `roost` itself).
    case help([CommandDefinition])
    case version
  }

  /// A command line that makes no sense, and where help for it is.
  package struct UsageError: Error, Equatable {
    package var message: String
    package var hint: String?
    /// `roost send`
    package var commandLine: String
  }

  let root: CommandDefinition
  /// Options that every command takes.
  let globals: [OptionDefinition]
  let environment: [String: String]

  package init(root: CommandDefinition, globals: [OptionDefinition], environment: [String: String]) {
    self.root = root
    self.globals = globals
    self.environment = environment
  }

  package func parse(_ words: [String]) throws(UsageError) -> Outcome {
    var scan = Scan(command: root)
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      if scan.onlyWords {
        scan.words.append(word)
      } else if word == "--" {
        scan.onlyWords = true
        scan.wordsBeforeTrailing = scan.words.count
      } else if word == "--help" || word == "-h" {
        return .help(helpPath(scan, following: words[index...]))
      } else if word == "--version" || word == "-V", scan.path.isEmpty {
        return .version
      } else if word.hasPrefix("--") {
        try readLongOption(word, words, &index, &scan)
      } else if word.hasPrefix("-"), word != "-", !isNegativeNumber(word) {
        try readShortOptions(word, words, &index, &scan)
      } else if !scan.command.subcommands.isEmpty, scan.words.isEmpty {
        try enterSubcommand(word, &scan)
        if scan.command.takesRawArguments {
          var invocation = Invocation(path: scan.path, command: scan.command, environment: environment)
          invocation.trailing = Array(words[index...])
          invocation.options = scan.options
          return .run(invocation)
        }
      } else {
        scan.words.append(word)
      }
    }
    if case .group = scan.command.action {
      throw usage("say which: \(scan.command.visibleSubcommands.map(\.name).joined(separator: ", "))", scan)
    }
    return .run(try finish(scan))
  }

  /// State of one pass over the words.
  private struct Scan {
    var path: [CommandDefinition] = []
    var command: CommandDefinition
    var options: [String: [Invocation.Value]] = [:]
    var words: [String] = []
    var onlyWords = false
    var wordsBeforeTrailing: Int?
  }

  private func helpPath(_ scan: Scan, following: ArraySlice<String>) -> [CommandDefinition] {
    // `roost --help send` is as clear as `roost send --help`.
    var path = scan.path
    var command = scan.command
    for word in following {
      guard let next = command.subcommand(named: word) else { break }
      path.append(next)
      command = next
    }
    return path
  }

  private func isNegativeNumber(_ word: String) -> Bool {
    word.count > 1 && word.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
  }

  private func accepted(by command: CommandDefinition) -> [OptionDefinition] {
    command.options + globals
  }

  private func commandLine(_ scan: Scan) -> String {
    (["roost"] + scan.path.map(\.name)).joined(separator: " ")
  }

  private func usage(_ message: String, _ scan: Scan, hint: String? = nil) -> UsageError {
    UsageError(message: message, hint: hint, commandLine: commandLine(scan))
  }

  // MARK: Words

  private func enterSubcommand(_ word: String, _ scan: inout Scan) throws(UsageError) {
    guard let next = scan.command.subcommand(named: word) else {
      let names = scan.command.visibleSubcommands.flatMap { [$0.name] + $0.aliases }
      let foreign = scan.path.isEmpty ? foreignCommandNames[word] : nil
      let guess = foreign ?? nearest(to: word, among: names)
      throw usage(
        "there is no command '\(printable(word))'", scan, hint: guess.map { "Did you mean '\($0)'?" })
    }
    scan.path.append(next)
    scan.command = next
  }

  // MARK: Options

  private func readLongOption(
    _ word: String, _ words: [String], _ index: inout Int, _ scan: inout Scan
  ) throws(UsageError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let option = accepted(by: scan.command).first(where: { $0.name == name }) else {
      throw unknownOption(name, scan)
    }
    if option.isSwitch {
      guard parts.count == 1 else { throw usage("\(name) takes no value", scan) }
      record(option, "", &scan)
      return
    }
    if parts.count == 2 {
      record(option, try checked(String(parts[1]), option.kind, called: name, scan), &scan)
      return
    }
    guard index < words.count else {
      throw usage("\(name) needs a value: \(name) \(option.placeholder ?? "")", scan)
    }
    record(option, try checked(words[index], option.kind, called: name, scan), &scan)
    index += 1
  }

  private func readShortOptions(
    _ word: String, _ words: [String], _ index: inout Int, _ scan: inout Scan
  ) throws(UsageError) {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      guard let option = accepted(by: scan.command).first(where: { $0.short == letter }) else {
        throw unknownOption("-\(letter)", scan)
      }
      if option.isSwitch {
        record(option, "", &scan)
        continue
      }
      if letters.isEmpty {
        guard index < words.count else {
          throw usage("-\(letter) needs a value: -\(letter) \(option.placeholder ?? "")", scan)
        }
        record(option, try checked(words[index], option.kind, called: "-\(letter)", scan), &scan)
        index += 1
      } else {
        let value = letters.first == "=" ? letters.dropFirst() : letters
        record(option, try checked(String(value), option.kind, called: "-\(letter)", scan), &scan)
      }
      return
    }
  }

  private func record(
    _ option: OptionDefinition, _ text: String, _ scan: inout Scan, from source: Invocation.Source = .commandLine
  ) {
    let value = Invocation.Value(text: text, source: source)
    if option.repeats {
      scan.options[option.name, default: []].append(value)
    } else {
      scan.options[option.name] = [value]
    }
  }

  private func unknownOption(_ name: String, _ scan: Scan) -> UsageError {
    let names = accepted(by: scan.command).map(\.name) + ["--help"]
    let guess = name.hasPrefix("--") ? nearest(to: name, among: names) : nil
    var hint = guess.map { "Did you mean '\($0)'?" }
    if hint == nil, scan.command.trailing != nil || scan.command.arguments.last?.count.isOpenEnded == true {
      hint = "Put '--' before words that begin with a dash and are no options."
    }
    return usage("there is no option '\(printable(name))'", scan, hint: hint)
  }

  // MARK: Values

  private func checked(
    _ text: String, _ kind: ValueKind, called name: String, _ scan: Scan
  ) throws(UsageError) -> String {
    let shown = printable(text)
    guard !text.utf8.contains(0) else { throw usage("\(name): the value contains a NUL", scan) }
    switch kind {
    case .integer(let range):
      guard let value = Int(text), range.contains(value) else {
        throw usage("\(name): '\(shown)' is not a whole number \(describe(range))", scan)
      }
    case .duration:
      guard Duration(commandLine: text) != nil else {
        throw usage("\(name): '\(shown)' is not a duration", scan, hint: "Write it as 500ms, 2s, 5m or 1h.")
      }
    case .choice(let choices):
      guard choices.contains(text) else {
        let guess = nearest(to: text, among: choices)
        throw usage(
          "\(name): '\(shown)' is not one of \(choices.joined(separator: ", "))", scan,
          hint: guess.map { "Did you mean '\($0)'?" })
      }
    case .assignment:
      guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
        throw usage("\(name): '\(shown)' is not of the form KEY=VALUE", scan)
      }
    case .session, .backend, .operation, .key, .scope, .signal, .file, .directory:
      guard !text.isEmpty else { throw usage("\(name): the value is empty", scan) }
    case .text:
      break
    }
    return text
  }

  private func describe(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
  }

  // MARK: The end

  private func finish(_ scanned: Scan) throws(UsageError) -> Invocation {
    var scan = scanned
    let options = accepted(by: scan.command)
    // Options before the command word were read against the root; they must also be options of the command.
    for name in scan.options.keys.sorted() where !options.contains(where: { $0.name == name }) {
      throw usage("'\(scan.command.name)' has no option '\(name)'", scan)
    }
    for option in options where scan.options[option.name] == nil {
      try readEnvironment(option, &scan)
    }
    var invocation = Invocation(path: scan.path, command: scan.command, environment: environment)
    invocation.options = scan.options
    var words = scan.words[...]
    if scan.command.trailing != nil, let before = scan.wordsBeforeTrailing {
      invocation.trailing = Array(words.dropFirst(before))
      invocation.hasTrailing = true
      words = words.prefix(before)
    }
    invocation.arguments = try assign(words, scan)
    return invocation
  }

  private func readEnvironment(_ option: OptionDefinition, _ scan: inout Scan) throws(UsageError) {
    guard let variable = option.environment, let text = environment[variable], !text.isEmpty else { return }
    if option.isSwitch {
      switch text.lowercased() {
      case "1", "true", "yes", "on": record(option, "", &scan, from: .environment)
      case "0", "false", "no", "off": return
      default: throw usage("\(variable): '\(printable(text))' is neither true nor false", scan)
      }
      return
    }
    let texts = option.repeats ? text.split(separator: ",").map(String.init) : [text]
    for text in texts {
      record(option, try checked(text, option.kind, called: variable, scan), &scan, from: .environment)
    }
  }

  private func assign(_ given: ArraySlice<String>, _ scan: Scan) throws(UsageError) -> [String: [String]] {
    var words = given
    var assigned: [String: [String]] = [:]
    let definitions = scan.command.arguments
    for (position, argument) in definitions.enumerated() {
      // Words kept back for the arguments that follow and must have one.
      let neededLater = definitions[(position + 1)...].count { $0.count == .one || $0.count == .oneOrMore }
      let available = max(0, words.count - neededLater)
      let taken: ArraySlice<String>
      switch argument.count {
      case .one:
        guard let first = words.first else { throw usage("\(argument.name) is missing", scan) }
        taken = [first]
      case .optional: taken = words.prefix(min(1, available))
      case .many: taken = words.prefix(available)
      case .oneOrMore:
        taken = words.prefix(available)
        guard !taken.isEmpty else { throw usage("\(argument.name) is missing", scan) }
      }
      words = words.dropFirst(taken.count)
      guard !taken.isEmpty else { continue }
      var values: [String] = []
      for word in taken {
        values.append(try checked(word, argument.kind, called: argument.name, scan))
      }
      assigned[argument.name] = values
    }
    if let extra = words.first {
      throw usage("there is one word too many: '\(printable(extra))'", scan)
    }
    return assigned
  }
}

extension ArgumentDefinition.Count {
  var isOpenEnded: Bool { self == .many || self == .oneOrMore }
}

import Formats
import Testing

@testable import Commands

/// Every command and subcommand, hidden ones too, with the path to it.
let allCommandPaths: [[CommandDefinition]] =
  [[]]
  + CommandTable.root.subcommands.flatMap { command in
    [[command]] + command.subcommands.map { [command, $0] }
  }

@Suite("Help")
struct HelpTests {
  private func help(width: Int, style: TextStyle = .plain) -> HelpText {
    HelpText(root: CommandTable.root, globals: CommandTable.globals, width: width, style: style)
  }

  @Test("every command explains itself within the width of the terminal", arguments: [60, 80, 100, 200])
  func everyCommand(width: Int) {
    for path in allCommandPaths {
      let name = path.map(\.name).joined(separator: " ")
      let text = help(width: width).text(path)
      #expect(text.contains("Usage: roost"), "\(name)")
      #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"), "\(name)")
      for line in text.split(separator: "\n") {
        #expect(displayWidth(String(line)) <= 100, "\(name): \(line)")
      }
    }
  }

  @Test("help says something useful about every command, argument and option")
  func completeness() {
    for path in allCommandPaths {
      guard let command = path.last else { continue }
      let name = path.map(\.name).joined(separator: " ")
      #expect(!command.summary.isEmpty && !command.summary.hasSuffix("."), "\(name)")
      #expect(command.isHidden || !command.subcommands.isEmpty || !command.examples.isEmpty, "\(name) has no example")
      for argument in command.arguments { #expect(!argument.help.isEmpty, "\(name) \(argument.name)") }
      for option in command.options { #expect(!option.help.isEmpty, "\(name) \(option.name)") }
    }
  }

  @Test("no command has two options of one spelling")
  func distinctOptions() {
    for path in allCommandPaths {
      let options = (path.last ?? CommandTable.root).options + CommandTable.globals
      let spelled = options.flatMap(spellings)
      #expect(Set(spelled).count == spelled.count, "\(path.map(\.name)): \(spelled.sorted())")
      #expect(!spelled.contains("-h") && !spelled.contains("--help"))
    }
  }

  @Test("command names and aliases are distinct")
  func distinctNames() {
    let names = CommandTable.root.subcommands.flatMap { [$0.name] + $0.aliases }
    #expect(Set(names).count == names.count)
    for word in foreignCommandNames.keys where word != "delete" && word != "info" {
      #expect(!names.contains(word), "\(word) is a command of ours")
    }
    for target in foreignCommandNames.values { #expect(names.contains(target), "\(target)") }
  }

  @Test("an example of the help is a command line that parses")
  func examplesParse() throws {
    let parser = CommandParser(root: CommandTable.root, globals: CommandTable.globals, environment: [:])
    for path in allCommandPaths {
      for example in (path.last ?? CommandTable.root).examples {
        guard let words = shellWords(example.line) else { continue }
        #expect(throws: Never.self, "\(example.line)") { try parser.parse(words) }
      }
    }
  }

  /// The words after `roost` of an example without pipes, redirections and other shell grammar.
  private func shellWords(_ line: String) -> [String]? {
    guard line.hasPrefix("roost"), !line.contains("|"), !line.contains("<"), !line.contains(">"), !line.contains("&")
    else {
      return nil
    }
    var words: [String] = []
    var word = ""
    var isQuoted = false
    for character in line {
      if character == "'" {
        isQuoted.toggle()
      } else if character == " ", !isQuoted {
        words.append(word)
        word = ""
      } else {
        word.append(character)
      }
    }
    words.append(word)
    return Array(words.dropFirst().filter { !$0.isEmpty })
  }

  @Test("colours are used only where they are wanted")
  func colours() {
    #expect(!help(width: 80).text([]).contains("\u{1b}"))
    #expect(help(width: 80, style: .coloured).text([]).contains("\u{1b}[1m"))
    #expect(!TextStyle(isTerminal: true, environment: ["NO_COLOR": "1"]).isEnabled)
    #expect(TextStyle(isTerminal: true, environment: ["NO_COLOR": ""]).isEnabled)
    #expect(!TextStyle(isTerminal: true, environment: ["TERM": "dumb"]).isEnabled)
    #expect(!TextStyle(isTerminal: false, environment: [:]).isEnabled)
  }

  @Test("exit codes are as documented")
  func exitCodes() {
    let documented = ExitCode.meanings.map(\.code.rawValue)
    #expect(documented == [0, 1, 2, 3, 4, 5, 6, 7])
    let statuses: [(Int, ExitCode)] = [
      (400, .usage), (401, .refused), (403, .refused), (404, .notFound), (408, .timedOut), (409, .conflict),
      (500, .failed),
      (503, .failed),
    ]
    for (status, code) in statuses { #expect(ExitCode(httpStatus: status) == code) }
  }
}

@Suite("Layout")
struct LayoutTests {
  @Test("a table lines up, cuts at the terminal's edge, and shows no control characters")
  func table() {
    var table = Table(["NAME", "WHAT"])
    table.add(["a", "first"])
    table.add(["longer", "se\u{1b}[31mcond"])
    #expect(table.text(width: nil) == "NAME    WHAT\na       first\nlonger  se^[[31mcond\n")
    #expect(table.text(width: 12) == "NAME    WHAT\na       fir…\nlonger  se^…\n")
  }

  @Test("wide characters count for two columns, combining ones for none")
  func widths() {
    #expect(displayWidth("abc") == 3)
    #expect(displayWidth("日本") == 4)
    #expect(displayWidth("e\u{301}") == 1)
    #expect(displayWidth("👍🏽") == 2)
    #expect(displayWidth("❤️") == 2)
    #expect(displayWidth("│…é") == 3)
    #expect(clipped("日本語", to: 5) == "日本…")
  }

  @Test("paragraphs wrap, and a long word stands alone")
  func wrapping() {
    #expect(wrapped("one two three", width: 7) == ["one two", "three"])
    #expect(wrapped("a verylongwordindeed b", width: 5) == ["a", "verylongwordindeed", "b"])
    #expect(wrapped("", width: 5) == [])
  }

  @Test("text that people see has no control characters left in it")
  func printableText() {
    #expect(printable("a\u{1b}b\n") == "a^[b^J")
    #expect(printable("\u{9b}31m\u{7f}") == "\\u{9b}31m\\u{7f}")
    #expect(printable("\u{202e}abc") == "\\u{202e}abc")
    #expect(printable("a\u{2028}b\u{200b}\u{feff}") == "a\\u{2028}b\\u{200b}\\u{feff}")
    // What joins characters into one stays.
    #expect(printable("👩\u{200d}🚀") == "👩\u{200d}🚀")
    #expect(printableLines("a\tb\nc\u{7}") == "a\tb\nc^G")
    #expect(printable("日本 – ok") == "日本 – ok")
  }

  @Test("JSON that people see has none either, and says the same") func shownDocument() throws {
    let value: JSON = ["a\u{9b}31m\u{7f}": ["\u{202e}abc\u{2066}", "\u{200f}\u{61c}", "日本 – \u{1b}\n\"ok\"", nil]]
    for text in [value.text, value.prettyText] {
      let shown = shownJSON(text)
      #expect(try JSON(parsing: shown) == value)
      #expect(shown.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\\" || !printable(String($0)).hasPrefix("\\") })
      #expect(shown.contains("\\u009b31m\\u007f") && shown.contains("\\u202eabc"))
    }
    #expect(shownJSON(#"{"a":1}"#) == #"{"a":1}"#)
  }

  @Test(
    "durations are read as people write them",
    arguments: [
      ("500ms", 500), ("2s", 2000), ("5m", 300_000), ("1h", 3_600_000), ("1h30m", 5_400_000), ("1.5s", 1500), ("0", 0),
      ("0s", 0), ("2d", 172_800_000), ("0.0005s", 1), (".5s", nil), ("", nil), ("5", nil), ("s", nil), ("-1s", nil),
      ("5 s", nil), ("1x", nil), ("1.2.3s", nil), ("99999999999h", nil), ("9223372036854775807s", nil), ("5S", nil),
      ("1s2", nil), ("１s", nil),
    ] as [(String, Int?)])
  func durations(text: String, milliseconds: Int?) {
    #expect(Duration(commandLine: text)?.wholeMilliseconds == milliseconds)
  }

  @Test(
    "durations are shown with as much as says something",
    arguments: [
      (0, "0ms"), (999, "999ms"), (1000, "1s"), (59_999, "59s"), (61_000, "1m1s"), (600_000, "10m"), (3_600_000, "1h"),
      (5_400_000, "1h30m"), (86_400_000, "1d"), (90_000_000, "1d1h"), (-5, "0ms"),
    ])
  func briefDurations(milliseconds: Int, text: String) {
    #expect(briefDuration(milliseconds: milliseconds) == text)
  }

  @Test("sessions with numbers for names come in order of the numbers, before the others")
  func naturalOrder() {
    #expect(["b", "10", "2", "a"].sorted(by: naturallyPrecedes) == ["2", "10", "a", "b"])
  }
}

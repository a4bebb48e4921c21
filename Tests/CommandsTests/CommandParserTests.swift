import Testing

@testable import Commands

private func parse(_ words: String..., environment: [String: String] = [:]) throws -> CommandParser.Outcome {
  try parser(environment).parse(words)
}

private func parser(_ environment: [String: String] = [:]) -> CommandParser {
  CommandParser(root: CommandTable.root, globals: CommandTable.globals, environment: environment)
}

private func invocation(_ words: [String], environment: [String: String] = [:]) throws -> Invocation {
  let outcome = try parser(environment).parse(words)
  guard case .run(let invocation) = outcome else { throw Unexpected(outcome: outcome) }
  return invocation
}

private struct Unexpected: Error {
  var outcome: CommandParser.Outcome
}

/// What the parser says about a wrong command line.
private func complaint(about words: [String], environment: [String: String] = [:]) -> CommandParser.UsageError? {
  do {
    _ = try parser(environment).parse(words)
    return nil
  } catch {
    return error
  }
}

@Suite("Reading a command line")
struct CommandParserTests {
  @Test("plain roost runs the root command")
  func root() throws {
    let invocation = try invocation([])
    #expect(invocation.commandName == "")
    #expect(invocation.command.name == "")
  }

  @Test(
    "options are read in every usual spelling",
    arguments: [
      ["resize", "s", "--rows", "50", "--cols", "100"], ["resize", "s", "--rows=50", "--cols=100"],
      ["resize", "--rows", "50", "s", "--cols", "100"], ["resize", "--cols=100", "--rows", "50", "--", "s"],
    ])
  func spellings(words: [String]) throws {
    let invocation = try invocation(words)
    #expect(invocation.integer(Options.rows) == 50)
    #expect(invocation.integer(Options.columns) == 100)
    #expect(invocation.argument(Arguments.session) == "s")
  }

  @Test(
    "short options may be joined, with their value or before it",
    arguments: [
      ["new", "-dLx"], ["new", "-d", "-L", "x"], ["new", "-dL=x"], ["-Lx", "new", "-d"], ["-L", "x", "new", "-d"],
    ])
  func shortOptions(words: [String]) throws {
    let invocation = try invocation(words)
    #expect(invocation.has(Options.detached))
    #expect(invocation.text(Options.serverName) == "x")
  }

  @Test("an option that repeats keeps all its values, any other the last")
  func repetition() throws {
    let invocation = try invocation(["new", "-t", "a", "--tag", "b", "--rows", "1", "--rows", "2"])
    #expect(invocation.texts(Options.tag) == ["a", "b"])
    #expect(invocation.integer(Options.rows) == 2)
  }

  @Test("what follows two dashes is the program of a new session, dashes and all")
  func trailing() throws {
    let invocation = try invocation(["new", "web", "-d", "--", "python3", "-m", "http.server", "--", "x"])
    #expect(invocation.argument(Arguments.newName) == "web")
    #expect(invocation.trailing == ["python3", "-m", "http.server", "--", "x"])
    #expect(invocation.has(Options.detached))
  }

  @Test("a new session without a name takes a program too")
  func trailingWithoutName() throws {
    let invocation = try invocation(["new", "--", "top"])
    #expect(invocation.argument(Arguments.newName) == nil)
    #expect(invocation.trailing == ["top"])
  }

  @Test("run takes its command after two dashes, or without them when it has no dashes of its own")
  func runCommand() throws {
    for words in [["run", "s", "--", "make", "-j4"], ["run", "s", "make", "--", "-j4"]] {
      let invocation = try invocation(words)
      #expect(invocation.argument(Arguments.session) == "s")
      #expect(invocation.arguments(Arguments.commandLine) == ["make", "-j4"])
    }
  }

  @Test("a lone dash is a word")
  func dash() throws {
    #expect(try invocation(["send", "s", "-"]).arguments(Arguments.text) == ["-"])
  }

  @Test("subcommands are found by name and alias")
  func subcommands() throws {
    #expect(try invocation(["token", "ls"]).commandName == "token ls")
    #expect(try invocation(["token", "list"]).commandName == "token ls")
    #expect(try invocation(["list"]).commandName == "ls")
    #expect(try invocation(["server"]).commandName == "serve")
    #expect(try invocation(["a", "x"]).commandName == "attach")
  }

  @Test("the keeper's words are not parsed")
  func rawArguments() throws {
    let invocation = try invocation(["keeper", "--socket", "/x", "--help", "-z"])
    #expect(invocation.trailing == ["--socket", "/x", "--help", "-z"])
  }

  @Test(
    "help is found wherever it is asked for",
    arguments: [
      (["--help"], ""), (["-h"], ""), (["send", "--help"], "send"), (["--help", "send"], "send"),
      (["token", "create", "-h"], "token create"), (["token", "--help"], "token"), (["send", "x", "--help"], "send"),
    ])
  func help(words: [String], path: String) throws {
    guard case .help(let found) = try parser().parse(words) else {
      Issue.record("no help for \(words)")
      return
    }
    #expect(found.map(\.name).joined(separator: " ") == path)
  }

  @Test("help after two dashes is a word like any other")
  func helpIsAWord() throws {
    #expect(try invocation(["send", "s", "--", "--help"]).arguments(Arguments.text) == ["--help"])
  }

  @Test("the version is printed for --version and -V")
  func version() throws {
    for word in ["--version", "-V"] {
      guard case .version = try parse(word) else {
        Issue.record("no version for \(word)")
        continue
      }
    }
  }

  // MARK: Mistakes

  @Test(
    "a wrong command or option gets the nearest one as a suggestion",
    arguments: [
      (["sned", "x"], "send"), (["atach"], "attach"), (["lst"], "ls"), (["new-session"], "new"),
      (["capture-pane"], "screen"),
      (["kill-server"], "stop"), (["exec"], "run"), (["token", "craete"], "create"),
      (["send", "s", "--entr"], "--enter"),
      (["wait", "s", "--promt"], "--prompt"), (["serve", "--ephemral"], "--ephemeral"),
      (["screen", "s", "--format", "plian"], "plain"), (["completions", "bsh"], "bash"),
    ])
  func suggestions(words: [String], suggestion: String) throws {
    let found = try #require(complaint(about: words))
    #expect(found.hint == "Did you mean '\(suggestion)'?")
  }

  @Test(
    "a wrong command line is refused",
    arguments: [
      ["frobnicate"], ["send"], ["rename", "a"], ["rename", "a", "b", "c"], ["new", "a", "b"], ["ls", "x"], ["kill"],
      ["signal", "s"], ["run", "s"], ["run"], ["resize", "s", "--rows"], ["resize", "s", "--rows", "0"],
      ["resize", "s", "--rows", "1001"], ["resize", "s", "--rows", "ten"], ["resize", "s", "--rows="],
      ["wait", "s", "--timeout", "5"], ["wait", "s", "--idle", "-1s"], ["new", "--env", "NOVALUE"],
      ["new", "--env", "=x"], ["ls", "--json=yes"], ["attach", ""], ["token"], ["screen", "s", "--since", "-5"],
      ["screen", "s", "--limit", "5"], ["-c", "x", "ls"], ["ls", "-z"], ["keys", "s", "x", "--frob"],
      ["new", "--cwd", ""], ["send", "s", "--key"], ["completions"], ["completions", "tcsh"],
      ["new", "a\u{0}b", "--tag", "\u{0}"],
    ])
  func refusals(words: [String]) throws {
    let found = try #require(complaint(about: words))
    #expect(!found.message.isEmpty)
    #expect(found.commandLine.hasPrefix("roost"))
  }

  @Test("what was typed is never printed as it is when it could move the cursor")
  func hostileWords() throws {
    let found = try #require(complaint(about: ["\u{1b}]0;x\u{7}"]))
    #expect(!found.message.unicodeScalars.contains { $0.value < 0x20 })
  }

  @Test("an unknown option before a program points at the two dashes")
  func dashHint() throws {
    let found = try #require(complaint(about: ["run", "s", "make", "-j4"]))
    #expect(found.hint?.contains("--") == true)
  }

  // MARK: The environment

  @Test("variables give what the command line does not")
  func variables() throws {
    let environment = ["ROOST_SERVER_NAME": "ci", "ROOST_NO_AUTH": "1", "ROOST_MAX_SESSIONS": "7"]
    let fromVariables = try invocation(["serve"], environment: environment)
    #expect(fromVariables.text(Options.serverName) == "ci")
    #expect(fromVariables.has(Options.noAuthentication))
    #expect(fromVariables.integer(Options.maxSessions) == 7)
    #expect(fromVariables.source(of: Options.serverName) == .environment)
    let typed = try invocation(["serve", "-L", "x"], environment: environment)
    #expect(typed.text(Options.serverName) == "x")
    #expect(typed.source(of: Options.serverName) == .commandLine)
  }

  @Test("a switch's variable may say no, an empty one says nothing", arguments: ["0", "false", "no", "off", ""])
  func negativeVariables(value: String) throws {
    #expect(try !invocation(["serve"], environment: ["ROOST_NO_AUTH": value]).has(Options.noAuthentication))
  }

  @Test("a wrong value in a variable is refused with the variable's name")
  func wrongVariable() throws {
    let found = try #require(complaint(about: ["serve"], environment: ["ROOST_KEEP_ENDED": "soon"]))
    #expect(found.message.contains("ROOST_KEEP_ENDED"))
  }
}

@Suite("The nearest word")
struct SuggestionTests {
  @Test(
    "distance counts insertions, deletions, substitutions and swaps",
    arguments: [
      ("", "", 0), ("a", "", 1), ("", "abc", 3), ("send", "send", 0), ("sned", "send", 1), ("sen", "send", 1),
      ("sendd", "send", 1), ("sand", "send", 1), ("kitten", "sitting", 3),
    ])
  func distance(first: String, second: String, distance: Int) {
    #expect(editDistance(first, second) == distance)
    #expect(editDistance(second, first) == distance)
  }

  @Test("what is far from everything gets no suggestion")
  func far() {
    #expect(nearest(to: "xyzzy", among: ["send", "keys", "run"]) == nil)
    #expect(nearest(to: "q", among: ["send", "keys", "run"]) == nil)
    #expect(nearest(to: String(repeating: "a", count: 100_000), among: ["send"]) == nil)
  }
}

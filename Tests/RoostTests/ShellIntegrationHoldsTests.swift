import Formats
import Glibc
import TestKit
import Testing

/// The scripts that bash and zsh begin with hold whatever the user's files, options and keys do, and are in nobody's way: a run is told by the
/// line editor from the first to the last, or as in a plain shell where the marks can have no place, and never is anything else run for it.
@Suite("The integration of bash and zsh holds", .bounded)
struct ShellIntegrationHoldsTests {
  typealias Place = RunBindingTests.Place
  typealias Change = RunSurroundingsTests.Change

  /// Runs the body with a session whose shell reads these lines as its user's file.
  private func session(_ place: Place, file: String, _ body: (TestSession) async throws -> Void) async throws {
    let roost = try await SharedServer.roost
    let folder = "\(roost.home.path)/holds-\(UInt64.random(in: 0..<UInt64.max))"
    mkdir(folder, 0o700)
    try roost.home.write(file + "\n", to: "\(folder)/\(place == .bash ? ".bashrc" : ".zshrc")")
    let variables: JSON = ["HOME": .string(folder), "ZDOTDIR": .string(folder)]
    try await withSession(place.fields.adding(["env": variables]), body)
  }

  /// Its next answers are right, and told by marks of that kind.
  private func expectAnswers(_ session: TestSession, evidence: JSON = "osc133", _ comment: Comment? = nil) async throws
  {
    for number in 1...2 {
      let answer = try await session.run("echo mine; (exit \(number))", ["timeout_ms": 60_000])
      #expect(answer["reason"] == "command" && answer["output"] == "mine\n", "\(answer.text)")
      #expect(answer["exit_status"] == .integer(number) && answer["evidence"] == evidence, "\(answer.text)")
    }
  }

  // MARK: What is run

  @Test("a command that begins with '^' is that command, and not the one before it, changed")
  func caret() async throws {
    for file in ["", "histchars='%^'", "histchars='^%'", "set +H", "HISTCONTROL=ignoreboth"] {
      try await session(.bash, file: file) { session in
        let kept = "\(try await SharedServer.roost.home.path)/kept-\(session.name)"
        #expect(try await session.run("echo rm \(kept) >\(kept)", ["timeout_ms": 60_000])["exit_status"] == 0)
        for command in ["^echo rm^rm", "^foo", "true\n^echo^rm", "%e", "%%"] {
          let answer = try await session.run(command, ["timeout_ms": 60_000])
          #expect(answer["reason"] == "command", "\(answer.text)")
          #expect(answer["command"] == .string(command), "\(answer.text)")
          let word = command.split(whereSeparator: \.isWhitespace).last { $0.hasPrefix("^") }
          guard let word, command != "^echo rm^rm" else { continue }
          #expect(answer["exit_status"] == 127, "\(answer.text)")
          #expect(answer["output"] == .string("bash: \(word): command not found\n"), "\(answer.text)")
        }
        #expect(access(kept, F_OK) == 0)
        // Somebody's own lines mean what they meant.
        let expands = file != "set +H"
        #expect(try await session.run("echo $-", [:])["output"].string?.contains("H") == expands)
      }
    }
  }

  @Test("a line that cannot be set is not run in place of the command")
  func readOnlyLine() async throws {
    try await session(.bash, file: "x() { echo not mine; }") { session in
      #expect(
        try await session.run("READLINE_LINE=x; readonly READLINE_LINE", ["timeout_ms": 60_000])["exit_status"] == 0)
      try await expectAnswers(session, evidence: "marker")
      #expect(try await !session.text().contains("not mine"))
    }
  }

  // MARK: What takes the marks or the keys away

  @Test("ctrl+c and a run at once leave the next runs what they were", arguments: [Place.bash, .zsh])
  func interrupted(place: Place) async throws {
    try await session(place, file: "") { session in
      _ = try await session.run("true", ["timeout_ms": 60_000])
      for number in 1...250 {
        try await session.type("\u{3}")
        let answer = try await session.run("echo \(number)", ["timeout_ms": 60_000])
        #expect(answer["output"].string == "\(number)\n", "\(answer.text)")
        try #require(answer["evidence"] == "osc133", "\(number): \(answer.text)")
      }
    }
  }

  @Test("keys that a command has taken away are there again", arguments: [Place.zsh])
  func keys(place: Place) async throws {
    try await session(place, file: "") { session in
      for command in ["bindkey -d", "bindkey -v", "bindkey -rM viins '^[[777;1~'"] {
        #expect(try await session.run(command, ["timeout_ms": 60_000])["exit_status"] == 0)
        try await expectAnswers(session)
      }
    }
  }

  static let files = [
    Change(.bash, "set -u"), Change(.bash, "set -a"), Change(.bash, "set -au; PS1='$ '"), Change(.bash, "readonly PS1"),
    Change(.bash, "readonly PROMPT_COMMAND"), Change(.bash, "unset PS1 PS2 PS0 PROMPT_COMMAND; set -u"),
    Change(.bash, "readonly text id saved code told end map each"),
    Change(.zsh, "add() { PS1='h> ' }; precmd_functions=(add)"), Change(.zsh, "unset precmd_functions"),
    Change(.zsh, "unset preexec_functions; precmd_functions=()"), Change(.zsh, "emulate sh"),
    Change(.zsh, "emulate ksh"),
    Change(.zsh, "setopt all_export no_unset"), Change(.zsh, "readonly PS1 PS2 PS4 IFS"),
    Change(.zsh, "readonly text id saved code map sign old url pad eol"),
  ]

  @Test("whatever the user's file does, the first run is told by marks", arguments: files)
  func file(_ change: Change) async throws {
    try await session(change.place, file: change.command) { session in
      try await expectAnswers(session)
      #expect(try await !session.text().contains("PROMPT_COMMAND:"))
    }
  }

  static let changes = [
    Change(.bash, "PS1='$ '; export PS1"), Change(.bash, "export PS1 PS2 PS0"),
    Change(.bash, "export PS1; PROMPT_COMMAND=:"),
    Change(.bash, "export PS1; unset PROMPT_COMMAND"), Change(.zsh, "readonly precmd_functions"),
    Change(.zsh, "readonly precmd_functions preexec_functions zshaddhistory_functions"),
    Change(.zsh, "readonly PROMPT_EOL_MARK"), Change(.zsh, "readonly PS2 PS4 IFS"), Change(.zsh, "export PS1 PROMPT"),
  ]

  @Test("whatever a command does, the runs after it are told by marks", arguments: changes)
  func command(_ change: Change) async throws {
    try await session(change.place, file: "") { session in
      #expect(try await session.run(change.command, ["timeout_ms": 60_000])["exit_status"] == 0)
      try await expectAnswers(session)
    }
  }

  static let places = [
    Change(.bash, "readonly PS0"), Change(.bash, "shopt -u promptvars"),
    Change(.zsh, "precmd_functions=(); readonly precmd_functions"), Change(.zsh, "disable zle"),
  ]

  @Test("where the marks can have no place, runs are told as in a plain shell", arguments: places)
  func withoutMarks(_ change: Change) async throws {
    try await session(change.place, file: change.command) { session in
      try await expectAnswers(session, evidence: "marker")
    }
  }

  @Test("marks that were away come back with their place")
  func comeBack() async throws {
    try await session(.bash, file: "") { session in
      try await expectAnswers(session)
      let away = try await session.run("shopt -u promptvars", ["timeout_ms": 60_000])
      #expect(away["output"] == "" && away["exit_status"] == 0, "\(away.text)")
      try await expectAnswers(session, evidence: "marker")
      #expect(try await !session.text().contains("__roost"))
      #expect(try await session.run("shopt -s promptvars", ["timeout_ms": 60_000])["exit_status"] == 0)
      try await expectAnswers(session)
    }
  }

  static let slow = [
    Change(.bash, "sleep 1000"), Change(.bash, "while :; do :; done"), Change(.bash, "read -p 'name? ' name"),
    Change(.bash, "PROMPT_COMMAND=:; PS1='x '; inner() { sleep 1000; echo inner went on; }; inner"),
    Change(.zsh, "sleep 1000"), Change(.zsh, "precmd_functions=(); sleep 1000"),
  ]

  @Test("ctrl+c while the user's file is read ends that, and nothing of ours", arguments: slow)
  func startup(_ change: Change) async throws {
    // The words are put together, so that they are not what is looked at.
    let file = "echo begun here; \(change.command)\necho went'' on\n"
    try await session(change.place, file: file) { session in
      try await session.wait(match: "begun here")
      try await session.type("\u{3}")
      try await expectAnswers(session)
      #expect(try await !session.text().contains("went on"))
      #expect(try await session.run("trap -p INT", ["timeout_ms": 60_000])["output"] == "")
    }
  }

  // MARK: What others see of it

  static let exports = [
    Change(.bash, "export PS1='$ ' PS2='> ' PS0="), Change(.bash, "set -a; PS1='$ '; PROMPT_COMMAND=:"),
    Change(.bash, "PROMPT_COMMAND='PS1=\"[x] \"'; export PS1"), Change(.zsh, "export PS1='%% ' PS2='> '"),
    Change(.zsh, "setopt all_export; PS1='%% '"),
    Change(.zsh, "setopt prompt_subst; export PS1='$(env | grep -c aid=)%% '"),
  ]

  @Test("what a mark is believed by is in no environment, no prompt and on no screen", arguments: exports)
  func exported(_ change: Change) async throws {
    try await session(change.place, file: change.command) { session in
      try await expectAnswers(session)
      let shown = try await session.run(
        #"env; echo "$PS0|$PS1|$PS2"; print -r -- "$PROMPT" 2>/dev/null"#, ["timeout_ms": 60_000])
      let text = shown["output"].string ?? ""
      #expect(
        text.contains("PS1=") && !text.contains("133;") && (change.command.contains("aid=") || !text.contains("aid=")),
        "\(text)")
      #expect(!text.contains("_roost_run"), "\(text)")
      let hidden = ["133;", "aid=", "\u{1}", "\u{2}"]
      #expect(try await session.run(#"printf '\033[2J\033[H'"#, ["timeout_ms": 60_000])["exit_status"] == 0)
      for inner in ["bash --norc", "dash", "mksh"] {
        #expect(try await session.run(inner, ["timeout_ms": 60_000])["reason"] == "input")
        #expect(try await session.run("echo inner", ["timeout_ms": 60_000])["output"] == "inner\n")
        let screen = try await session.text()
        #expect(!hidden.contains { screen.contains($0) } || change.command.contains("aid="), "\(screen)")
        #expect(!screen.contains("__roost"), "\(screen)")
        #expect(try await session.run("exit 5", ["timeout_ms": 60_000])["exit_status"] == 5)
      }
      try await expectAnswers(session)
    }
  }

  @Test("zsh's prompts are those of its user while a command runs")
  func prompts() async throws {
    try await session(.zsh, file: "export PS1='%% '; PS2='more> '") { session in
      let shown = try await session.run("print -r -- \"$PS1|$PS2\"; env | grep ^PS1=", ["timeout_ms": 60_000])
      #expect(shown["output"] == "%% |more> \nPS1=%% \n", "\(shown.text)")
      try await session.interact(["text": "vared PS1\r", "for": "match", "pattern": "(?m)^%% *$"])
      try await session.type("x\r")
      try await session.wait(match: "(?m)^% x *$")
      try await expectAnswers(session)
    }
  }
}

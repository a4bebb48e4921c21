import Formats
import Glibc
import TestKit
import Testing

/// A run's answer is the same whatever its shell's prompt does, whatever bytes its command prints, and whatever happens to the terminal, the shell
/// and the server meanwhile.
@Suite("A run and its surroundings", .bounded)
struct RunSurroundingsTests {
  typealias Place = RunBindingTests.Place

  // MARK: Prompts

  /// A prompt of a kind that people have, as their shell's own file sets it.
  struct Prompt: Sendable, CustomTestStringConvertible {
    let place: Place
    let name: String
    let rc: String

    init(_ place: Place, _ name: String, _ rc: String) {
      (self.place, self.name, self.rc) = (place, name, rc)
    }

    var testDescription: String { "\(place.rawValue): \(name)" }

    var file: String {
      switch place {
      case .bash: ".bashrc"
      case .zsh: ".zshrc"
      case .fish: "fish/config.fish"
      default: "envrc"
      }
    }
  }

  static let prompts = [
    Prompt(.bash, "two lines, in colours", #"PS1='\[\e[1;34m\]\w\[\e[0m\]\n\$ '"#),
    Prompt(.bash, "prints", "PROMPT_COMMAND='echo from the hook'"),
    Prompt(.bash, "clears", #"PROMPT_COMMAND='printf "\e[H\e[2J"'"#),
    Prompt(.bash, "takes its time", "PROMPT_COMMAND='sleep 0.4'"),
    Prompt(.bash, "is printed over the output's last line", #"PS1='\r\e[K> '"#),
    Prompt(.bash, "an empty one", "PS1="),
    Prompt(.bash, "several hooks", "PROMPT_COMMAND=('echo one' 'echo two')"),
    Prompt(.bash, "Debian's own file", (try? textOfFile("/etc/skel/.bashrc")) ?? ""),
    Prompt(.zsh, "two lines, in colours, and a right one", "PROMPT=$'%F{blue}%~%f\\n%# '; RPROMPT='%T'"),
    Prompt(.zsh, "prints", "precmd() { echo from the hook }"),
    Prompt(.zsh, "clears", "precmd() { print -n '\\e[H\\e[2J' }"),
    Prompt(.zsh, "takes its time", "precmd() { sleep 0.4 }"),
    Prompt(
      .zsh, "a transient one",
      """
      zle-line-finish() { local full=$PROMPT; PROMPT='> '; zle reset-prompt; PROMPT=$full }
      zle -N zle-line-finish
      PROMPT=$'a long prompt\\n%# '
      """),
    Prompt(
      .zsh, "an instant one",
      """
      print -n 'instant> '
      sleep 0.3
      print -n '\\r\\e[J'
      setopt prompt_subst
      PROMPT='$(print -n late)> '
      """),
    Prompt(
      .fish, "two lines, in colours", "function fish_prompt; set_color blue; pwd; set_color normal; echo '> '; end"),
    Prompt(.fish, "a right one", "function fish_right_prompt; date +%T; end"),
    Prompt(.fish, "prints", "function hook --on-event fish_prompt; echo from the hook; end"),
    Prompt(.fish, "takes its time", "function fish_prompt; sleep 0.4; echo '> '; end"),
    Prompt(.dash, "two lines", "PS1='$PWD\n$ '"),
    Prompt(.mksh, "two lines, from a command", "PS1='$(sleep 0.1; pwd)\n$ '"),
    Prompt(.ksh, "two lines, from a command", "PS1='$(pwd)\n$ '"),
    Prompt(.yash, "two lines, in colours", #"PS1='\fb.$PWD\fd.\n\$ '"#),
    Prompt(.ash, "two lines", "PS1='$PWD\n$ '"),
  ]

  @Test("a prompt is no part of an answer, and is not mistaken for its end", arguments: prompts)
  func prompt(_ prompt: Prompt) async throws {
    let roost = try await SharedServer.roost
    let folder = "\(roost.home.path)/prompt-\(prompt.testDescription.filter(\.isLetter))"
    for path in [folder, "\(folder)/fish"] { mkdir(path, 0o700) }
    try roost.home.write(prompt.rc + "\n", to: "\(folder)/\(prompt.file)")
    let variables: JSON = [
      "HOME": .string(folder), "ZDOTDIR": .string(folder), "XDG_CONFIG_HOME": .string(folder),
      "ENV": .string("\(folder)/envrc"),
    ]
    try await withSession(prompt.place.fields.adding(["env": variables])) { session in
      for number in 1...4 {
        let answer = try await session.run("echo out \(number); sh -c 'exit \(number)'", ["timeout_ms": 60_000])
        #expect(answer["output"].string == "out \(number)\n", "\(answer.text)")
        #expect(answer["exit_status"].integer == number, "\(answer.text)")
        #expect(answer["reason"] == "command", "\(answer.text)")
        // What a person does in between.
        try await session.type(number % 2 == 0 ? "\r" : "false\r")
      }
    }
  }

  // MARK: What a command prints

  private func session(_ place: Place, _ body: (TestSession) async throws -> Void) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      try await body(session)
    }
  }

  @Test("tabs, progress, NUL, other encodings, and no newline at the end", arguments: Place.allCases)
  func bytes(place: Place) async throws {
    try await session(place) { session in
      let cases: [(String, String)] = [
        (#"printf 'a\tb\n'"#, "a\tb\n"),
        (#"printf '10%%\r55%%\r100%%\n'"#, "100%\n"),
        (#"printf 'long line\rshort\n'"#, "shortline\n"),
        (#"printf 'a\000b\n'"#, "ab\n"),
        (#"printf 'caf\351\n'"#, "caf\u{FFFD}\n"),
        (#"printf 'no newline'"#, "no newline"),
        (#"printf '\n\n'"#, "\n\n"),
        (#"printf '\033[2J\033[Hafter\n'"#, "after\n"),
        (#"printf '\033]2;a title\007\033[1mbold\033[m\n'"#, "bold\n"),
      ]
      for (command, output) in cases {
        let answer = try await session.run(command, ["timeout_ms": 60_000])
        #expect(answer["output"].string == output, "\(command): \(answer.text)")
        #expect(answer["exit_status"] == 0)
      }
      #expect(try await session.run("echo still", ["timeout_ms": 60_000])["output"] == "still\n")
    }
  }

  @Test("30,000 lines are all there", arguments: Place.allCases)
  func manyLines(place: Place) async throws {
    try await session(place) { session in
      let answer = try await session.run("seq 1 30000", ["timeout_ms": 120_000, "head": 20, "tail": 12])
      #expect(
        answer["head"].string?.hasPrefix("1\n2\n3\n") == true && answer["output"] == "29999\n30000\n", "\(answer.text)")
      #expect(answer["omitted_bytes"].integer == 168_894 - 32, "\(answer.text)")
      #expect(try await session.run("echo next", ["timeout_ms": 60_000])["output"] == "next\n")
    }
  }

  @Test("of 5 MB the end is answered, and how much is not")
  func large() async throws {
    try await session(.bash) { session in
      let command = "yes 0123456789012345678901234567890123456789012345678 | head -c 5000000; echo the end"
      let answer = try await session.run(command, ["timeout_ms": 300_000, "tail": 8])
      #expect(answer["exit_status"] == 0 && answer["output"] == "the end\n", "\(answer.text)")
      #expect(answer["truncated"] == true && answer["omitted_bytes"].integer == 5_000_000, "\(answer.text)")
      #expect(try await session.run("echo next", ["timeout_ms": 60_000])["output"] == "next\n")
    }
  }

  // MARK: What is done to the shell

  /// A command after which a shell is another than it was.
  struct Change: Sendable, CustomTestStringConvertible {
    let place: Place
    let command: String
    init(_ place: Place, _ command: String) { (self.place, self.command) = (place, command) }
    var testDescription: String { "\(place.rawValue): \(command)" }
  }

  static let changes = [
    Change(.bash, "set +o emacs"), Change(.bash, "set -o vi"), Change(.bash, "readonly PS1"),
    Change(.bash, "unset PS1"),
    Change(.bash, "PROMPT_COMMAND=:"), Change(.bash, "PROMPT_COMMAND+=(true)"), Change(.bash, "unset PROMPT_COMMAND"),
    Change(.bash, "set -o posix"), Change(.bash, "export TERM=dumb"), Change(.bash, "unset -f __roost_precmd"),
    Change(.bash, "exec 2>/dev/null"), Change(.bash, "stty raw"), Change(.bash, "stty -echo"),
    Change(.bash, "IFS=0123456789"), Change(.bash, "set -k"), Change(.bash, "readonly IFS=0"),
    Change(.bash, "printf() { echo no; }"), Change(.bash, "shopt -s extdebug; set -T"), Change(.bash, "set -u"),
    Change(.bash, "trap 'x=1' DEBUG ERR"), Change(.bash, "PROMPT_COMMAND=; PS0="),
    Change(.bash, "unset PROMPT_COMMAND; PS0='[start]'"), Change(.bash, "PROMPT_COMMAND=; PS0=; PS1='> '"),
    Change(.zsh, "unsetopt zle"), Change(.zsh, "bindkey -v"), Change(.zsh, "bindkey -d"), Change(.zsh, "emulate sh"),
    Change(.zsh, "setopt sh_glob"),
    Change(.zsh, "precmd_functions=(); preexec_functions=()"), Change(.zsh, "unset precmd_functions preexec_functions"),
    Change(.zsh, "readonly PS1"), Change(.zsh, "setopt err_return no_unset sh_word_split ksh_arrays"),
    Change(.zsh, "exec 2>/dev/null"), Change(.zsh, "stty raw -echo"),
    Change(.fish, "functions -e fish_prompt"), Change(.fish, "function fish_prompt; echo '>'; end"),
    Change(.fish, "function test; false; end"), Change(.fish, "function printf; end"),
    Change(.fish, "set -g fish_key_bindings fish_vi_key_bindings"), Change(.fish, "set TERM dumb"),
    Change(.fish, "stty raw"), Change(.fish, "bind -e --all"),
    Change(.dash, "PS1="), Change(.dash, "stty -echo"), Change(.dash, "set -u"), Change(.dash, "printf() { echo no; }"),
    Change(.ash, "PS1="), Change(.ash, "stty -echo"), Change(.mksh, "PS1="), Change(.mksh, "set -o vi"),
    Change(.mksh, "alias print=false"), Change(.ksh, "PS1="), Change(.ksh, "trap 'x=1' DEBUG"),
    Change(.ksh, "stty -echo"),
    Change(.yash, "PS1="), Change(.yash, "set -o vi"),
  ]

  @Test("whatever is done to the shell, its next answers are right", arguments: changes)
  func changed(change: Change) async throws {
    try await session(change.place) { session in
      _ = try await session.run("\(change.command)", ["timeout_ms": 60_000])
      for number in 1...2 {
        let answer = try await session.run("echo one; sh -c 'exit \(number)'", ["timeout_ms": 60_000])
        #expect(answer["output"] == "one\n" && answer["exit_status"] == .integer(number), "\(answer.text)")
      }
    }
  }

  @Test(
    "under set -v a shell shows nothing of ours in an output", arguments: [Place.bash, .dash, .mksh, .yash, .ash, .zsh])
  func verbose(place: Place) async throws {
    try await session(place) { session in
      _ = try await session.run("set -v", ["timeout_ms": 60_000])
      for number in 1...2 {
        let answer = try await session.run("echo one; (exit \(number))", ["timeout_ms": 60_000])
        let output = answer["output"].string ?? ""
        #expect(output.hasSuffix("one\n") && answer["exit_status"] == .integer(number), "\(answer.text)")
        #expect(!output.contains("roost") && !output.contains("run="), "\(answer.text)")
      }
    }
  }

  @Test("what was no command shows no prompt", arguments: [Place.bash, .zsh])
  func noCommand(place: Place) async throws {
    try await session(place) { session in
      for command in (place == .bash ? ["# a comment"] : []) + ["echo )"] {
        let answer = try await session.run(command, ["timeout_ms": 60_000])
        let output = answer["output"].string ?? ""
        #expect(output.isEmpty || output.hasSuffix("\n"), "\(command): \(answer.text)")
      }
    }
  }

  @Test("a command with control characters in fish, and one that ends in a backslash")
  func fishTitle() async throws {
    try await session(.fish) { session in
      for command in ["echo '\u{1B}]0;t\u{7}q'", "echo '\u{1B}[31mq'"] {
        let answer = try await session.run(command, ["timeout_ms": 60_000])
        #expect(answer["output"] == "q\n", "\(answer.text)")
      }
      #expect(try await session.answer("run", ["command": "echo a \\", "timeout_ms": 60_000]).status == 400)
      #expect(try await session.run("echo a \\\\", ["timeout_ms": 60_000])["output"] == "a \\\n")
    }
  }

  @Test("after an incomplete command bash's line editor takes the next one")
  func afterIncomplete() async throws {
    for _ in 1...12 {
      try await session(.bash) { session in
        #expect(try await session.answer("run", ["command": "echo 'a", "timeout_ms": 60_000]).status == 400)
        let next = try await session.run("echo b", ["timeout_ms": 60_000])
        #expect(next["output"] == "b\n" && next["evidence"] == "osc133", "\(next.text)")
      }
    }
  }

  @Test("a stopped shell is said to be one", arguments: [Place.bash, .dash])
  func stopped(place: Place) async throws {
    try await session(place) { session in
      #expect(kill(pid_t(session.pid), SIGSTOP) == 0)
      let refused = try await session.answer("run", ["command": "echo x", "timeout_ms": 500])
      #expect(refused.json["error"]["message"].string?.contains("stopped") == true, "\(refused)")
      #expect(kill(pid_t(session.pid), SIGCONT) == 0)
      #expect(try await session.run("echo y", ["timeout_ms": 60_000, "queue": true])["output"] == "y\n")
    }
  }

  @Test("a command that a signal ended has 128 and its number as its status", arguments: Place.allCases)
  func signal(place: Place) async throws {
    try await session(place) { session in
      let answer = try await session.run("sh -c 'kill -9 $$'", ["timeout_ms": 60_000])
      #expect(answer["exit_status"] == 137, "\(answer.text)")
    }
  }

  @Test("one that reads a line in the shell itself is no prompt", arguments: [Place.bash, .zsh, .fish, .dash, .ash])
  func reads(place: Place) async throws {
    try await session(place) { session in
      _ = try await session.post("interact", ["text": "read x\r", "for": "input"])
      let refused = try await session.answer("run", ["command": "echo typed", "timeout_ms": 30_000])
      #expect(refused.errorCode == "command_running", "\(refused)")
      _ = try await session.post("keys", ["keys": ["enter"]])
      let answer = try await session.run("echo free", ["timeout_ms": 60_000, "queue": true])
      #expect(answer["output"] == "free\n", "\(answer.text)")
    }
  }

  // MARK: What happens meanwhile

  @Test("a resize during a run loses nothing", arguments: Place.allCases)
  func resized(place: Place) async throws {
    try await session(place) { session in
      let other = session.elsewhere
      let resizes = Task {
        var number = 0
        while !Task.isCancelled {
          number += 1
          try await other.post("resize", ["rows": .integer(10 + number % 20), "cols": .integer(20 + number * 7 % 100)])
          // As often as a window that is dragged: a shell that is never left alone is never seen to wait.
          try await Task.sleep(for: .milliseconds(30))
        }
      }
      defer { resizes.cancel() }
      for number in 1...5 {
        let answer = try await session.run("seq 1 500; echo \(number)", ["timeout_ms": 60_000])
        #expect(answer["output"].string == (1...500).map { "\($0)\n" }.joined() + "\(number)\n", "\(answer.text)")
      }
    }
  }

  @Test("a shell that is stopped, killed or replaced in a run is said to be", arguments: Place.allCases)
  func fates(place: Place) async throws {
    try await session(place) { session in
      let own = place == .fish ? "$fish_pid" : "$$"
      let stopped = try await session.answer(
        "run", ["command": .string("echo before; kill -STOP \(own); echo after"), "timeout_ms": 1000])
      #expect(stopped.status == 408, "\(stopped)")
      let id = stopped.json["error"]["details"]["command_id"].integer ?? 0
      #expect(kill(pid_t(session.pid), SIGCONT) == 0)
      let on = try await session.post("commands/\(id)/wait", ["timeout_ms": 60_000])
      #expect(on["output"] == "before\nafter\n" && on["exit_status"] == 0, "\(on.text)")
      let killed = try await session.run("kill -9 \(own)", ["timeout_ms": 60_000])
      #expect(killed["reason"] == "exit" && killed["exit_status"].isNull, "\(killed.text)")
    }
    try await session(place) { session in
      // What the shell is afterwards is seen, and runs go on in it.
      let replaced = try await session.answer("run", ["command": "exec dash", "timeout_ms": 60_000])
      #expect(replaced.status == 200 || replaced.status == 409, "\(replaced)")
      let next = try await session.run("echo in dash; (exit 3)", ["timeout_ms": 60_000, "queue": true])
      #expect(next["output"] == "in dash\n" && next["exit_status"] == 3, "\(next.text)")
    }
  }

  @Test("a session that was taken over in the middle of a run answers the next one", arguments: Place.allCases)
  func adopted(place: Place) async throws {
    try await withRoost { roost in
      let gate = try Gate(in: roost)
      let session = try await TestSession(on: roost, place.fields.adding(["name": "a"]))
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      let running = try await session.answer("run", ["command": .string("cat \(gate.path)"), "timeout_ms": 300])
      #expect(running.status == 408, "\(running)")
      try await roost.killServer()
      try await roost.start()
      let refused = try await roost.http.request("POST", "/sessions/a/run", json: ["command": "echo early"])
      #expect(refused.json["error"]["code"] == "command_running", "\(refused)")
      async let queued = roost.http.another().post(
        "/sessions/a/run", ["command": "echo next; sh -c 'exit 9'", "queue": true, "timeout_ms": 60_000])
      try await eventually("it waits for its turn") {
        try await roost.http.get("/sessions/a/runs").array?.isEmpty == false
      }
      try await gate.open()
      let next = try await queued
      #expect(next["output"] == "next\n" && next["exit_status"] == 9, "\(next.text)")
    }
  }

  @Test(
    "a run that ends a shell in the shell, after the server was lost, has none of the prompt behind it in its output",
    arguments: [Place.bash, .zsh])
  func endsInnerShell(place: Place) async throws {
    try await withRoost { roost in
      let session = try await TestSession(on: roost, place.fields.adding(["name": "a"]))
      #expect(try await session.run("bash --norc", ["timeout_ms": 60_000])["reason"] == "input")
      try await roost.killServer()
      try await roost.start()
      let end = try await roost.http.post("/sessions/a/run", ["command": "exit 5", "timeout_ms": 60_000])
      #expect(end["reason"] == "exit" && end["output"] == "exit\n", "\(end.text)")
      let next = try await roost.http.post("/sessions/a/run", ["command": "echo next", "timeout_ms": 60_000])
      #expect(next["output"] == "next\n", "\(next.text)")
    }
  }

  /// A shell whose line nobody but the shell knows.
  static let plainPlaces: [(name: String, fields: JSON, inner: String?)] =
    [Place.dash, .mksh, .ksh, .yash, .ash].map { ($0.rawValue, $0.fields, nil) }
    + [Place.bash, .zsh].map { ("\($0.rawValue) without marks", $0.fields.adding(["integration": false]), nil) }
    + [("bash in bash", Place.bash.fields, "bash --norc")]

  @Test("half a line that was typed before the server was lost is not ended by a run", arguments: plainPlaces)
  func halfLine(place: (name: String, fields: JSON, inner: String?)) async throws {
    try await withRoost { roost in
      let session = try await TestSession(on: roost, place.fields.adding(["name": "a"]))
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      if let inner = place.inner {
        #expect(try await session.run(inner, ["timeout_ms": 60_000])["reason"] == "input")
        #expect(try await session.run("echo inside", ["timeout_ms": 60_000])["output"] == "inside\n")
      }
      let file = "\(roost.home.path)/executed"
      // With the cursor in the middle.
      try await session.interact(["text": .string("touch \(file)"), "for": "match", "pattern": "executed"])
      try await session.type("\u{1B}[D\u{1B}[D")
      try await roost.killServer()
      try await roost.start()
      for _ in 1...2 {
        let next = try await roost.http.post(
          "/sessions/a/run", ["command": "echo next; (exit 9)", "queue": true, "timeout_ms": 60_000])
        #expect(next["output"] == "next\n" && next["exit_status"] == 9, "\(next.text)")
      }
      #expect(access(file, F_OK) != 0, "the half typed line was run")
    }
  }

  @Test(
    "half a line is back when a run ends that another server gave, and is gone once another line has been sent off",
    arguments: [Place.bash, .zsh, .fish])
  func halfLineOfAnother(place: Place) async throws {
    try await withRoost { roost in
      let gate = try Gate(in: roost)
      let session = try await TestSession(on: roost, place.fields.adding(["name": "a"]))
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      try await session.interact(["text": "echo OLD ", "for": "match", "pattern": "OLD $"])
      #expect(
        try await session.answer("run", ["command": .string("cat \(gate.path)"), "timeout_ms": 300]).status == 408)
      try await roost.killServer()
      try await roost.start()
      try await gate.open()
      try await roost.wait("a", ["for": "match", "pattern": "OLD"])
      try await roost.http.post("/sessions/a/interact", ["text": "end\r", "for": "match", "pattern": "(?m)^OLD end"])
      for word in ["one", "two"] {
        try await roost.http.post("/sessions/a/interact", ["text": .string("echo \(word)\r"), "for": "prompt"])
      }
      #expect(try await roost.http.post("/sessions/a/run", ["command": "echo run"])["output"] == "run\n")
      try await roost.http.post("/sessions/a/interact", ["text": "echo three\r", "for": "prompt"])
      let commands = try await roost.http.get("/sessions/a/commands").array?.compactMap { $0["command"].string } ?? []
      #expect(commands.suffix(5) == ["echo OLD end", "echo one", "echo two", "echo run", "echo three"], "\(commands)")
    }
  }

  @Test(
    "the run that ends the session is answered where its shell has replaced the one before",
    arguments: [Place.bash, .zsh, .fish], ["bash --norc", "dash"])
  func endsReplacement(place: Place, program: String) async throws {
    try await session(place) { session in
      #expect(try await session.run("exec \(program)", ["timeout_ms": 60_000])["reason"] == "input")
      #expect(try await session.run("echo in", ["timeout_ms": 60_000])["output"] == "in\n")
      let end = try await session.run("echo bye; exit 6", ["timeout_ms": 60_000])
      #expect(end["reason"] == "exit" && end["exit_status"] == 6, "\(end.text)")
      #expect(end["output"].string?.hasPrefix("bye\n") == true, "\(end.text)")
    }
  }

  @Test(
    "a run that is given no time says that the time was over, and nothing else", arguments: [Place.bash, .zsh, .fish])
  func noTime(place: Place) async throws {
    try await session(place) { session in
      for time in 1...30 {
        let answer = try await session.answer(
          "run", ["command": "true", "timeout_ms": .integer(time % 4), "queue": true])
        guard answer.status != 200 else { continue }
        #expect(answer.json["error"]["code"] == "run_timeout", "\(answer)")
      }
    }
  }

  @Test("zsh in a terminal of two columns is not given a line that it does not survive")
  func narrow() async throws {
    try await withSession(Place.zsh.fields.adding(["rows": 1, "cols": 2])) { session in
      let refused = try await session.answer("run", ["command": "echo one", "timeout_ms": 60_000])
      #expect(refused.errorCode == "invalid_request", "\(refused)")
      try await session.post("resize", ["rows": 24, "cols": 80])
      #expect(try await session.run("echo two", ["timeout_ms": 60_000])["output"] == "two\n")
    }
  }

  @Test("through a hub two clients at once get each their own", arguments: [Place.bash, .zsh, .fish, .dash])
  func throughHub(place: Place) async throws {
    try await withCluster("b") { cluster in
      let session = try await TestSession(on: cluster["b"].roost, place.fields.adding(["name": "a"]))
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      @Sendable func client(_ name: String, _ http: TestClient) async throws {
        for number in 1...8 {
          let answer = try await http.post(
            "/sessions/a/run?server=b",
            ["command": .string("echo \(name) \(number); sh -c 'exit \(number)'"), "queue": true, "timeout_ms": 60_000])
          #expect(answer["output"].string == "\(name) \(number)\n", "\(answer.text)")
          #expect(answer["exit_status"].integer == number, "\(answer.text)")
        }
      }
      let http = cluster.hub.http
      async let one: Void = client("one", http.another())
      async let two: Void = client("two", http.another())
      _ = try await (one, two)
    }
  }
}

import Formats
import TestKit
import Testing

/// A run ends where its command ends, also where nothing is left that could tell: it is answered without what cannot be known, and the next
/// run is taken, or refused for a reason of its own.
@Suite("A run whose end is not told", .bounded)
struct RunEndingTests {
  typealias Place = RunBindingTests.Place

  private func session(_ place: Place, _ body: (TestSession) async throws -> Void) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      try await body(session)
    }
  }

  private func expectNext(_ session: TestSession, in place: Place? = nil) async throws {
    for number in 1...2 {
      let exit = place == .fish ? "sh -c 'exit \(number)'" : "(exit \(number))"
      let next = try await session.run("echo next; \(exit)", ["timeout_ms": 60_000])
      #expect(next["output"] == "next\n" && next["exit_status"] == .integer(number), "\(next.text)")
    }
  }

  /// What a command does to the shell, so that the shell cannot tell the command's end as it does otherwise.
  struct Loss: Sendable, CustomTestStringConvertible {
    let place: Place
    let command: String
    /// Whether the status can still be known.
    let hasStatus: Bool

    init(_ place: Place, _ command: String, hasStatus: Bool = true) {
      (self.place, self.command, self.hasStatus) = (place, command, hasStatus)
    }

    var testDescription: String { "\(place.rawValue): \(command)" }
  }

  static let losses =
    [
      Loss(.bash, "PROMPT_COMMAND=; PS1='$ '"), Loss(.bash, "PROMPT_COMMAND=; PS1=x"),
      Loss(.bash, "unset PROMPT_COMMAND PS1"), Loss(.bash, "enable -n builtin"),
      Loss(.bash, "builtin() { echo HA; }"), Loss(.zsh, "PROMPT_EOL_MARK=''"), Loss(.zsh, "unset PROMPT_EOL_MARK"),
      Loss(.fish, "functions -e __roost_postexec"), Loss(.fish, "functions -e __roost_postexec __roost_prompt"),
    ] + [Place.bash, .dash, .mksh, .ksh, .yash, .ash].map { Loss($0, "exec >/dev/null") }
    + [Place.dash, .mksh, .yash, .ash].map { Loss($0, "command() { echo HA; }", hasStatus: false) }

  @Test("the shell is at its prompt again, and that is no question", arguments: losses)
  func lost(_ loss: Loss) async throws {
    try await session(loss.place) { session in
      let answer = try await session.run(loss.command, ["timeout_ms": 60_000])
      #expect(answer["reason"] == "command", "\(answer.text)")
      #expect(answer["exit_status"] == (loss.hasStatus ? 0 : .null), "\(answer.text)")
      if loss.hasStatus {
        #expect(answer["output"] == "", "\(answer.text)")
      } else {
        #expect(answer["evidence"] == "tty_read", "\(answer.text)")
      }
      if loss.command.hasPrefix("exec") { try await session.run("exec >/dev/tty", ["timeout_ms": 60_000]) }
      try await expectNext(session, in: loss.place)
    }
  }

  @Test("fish tells the end by its prompt where its hooks do not, and nothing of the prompt is output")
  func toldByPrompt() async throws {
    try await session(.fish) { session in
      _ = try await session.run(
        "function fish_prompt; echo first line; echo -n 'second> '; end", ["timeout_ms": 60_000])
      let hooks = "functions -e __roost_postexec __roost_prompt"
      // A prompt that the command itself prints is its output, and not its end.
      let printed = try await session.run("fish_prompt; echo; seq 2; false", ["timeout_ms": 60_000])
      #expect(printed["output"] == "first line\nsecond> \n1\n2\n" && printed["exit_status"] == 1, "\(printed.text)")
      let answer = try await session.run("seq 2; \(hooks); false", ["timeout_ms": 60_000])
      #expect(answer["output"] == "1\n2\n" && answer["exit_status"] == 1, "\(answer.text)")
      #expect(answer["evidence"] == "osc133", "\(answer.text)")
      try await expectNext(session, in: .fish)
    }
  }

  @Test("fish that a run has ended answers so", arguments: ["exit 7", "bye", "true; and exit 7"])
  func endsFish(command: String) async throws {
    try await session(.fish) { session in
      #expect(try await session.run("function bye; exit 7; end", ["timeout_ms": 60_000])["exit_status"] == 0)
      #expect(try await session.run("echo no exit; false", ["timeout_ms": 60_000])["exit_status"] == 1)
      let answer = try await session.run(command, ["timeout_ms": 60_000])
      #expect(answer["reason"] == "exit" && answer["evidence"] == "exit", "\(answer.text)")
      #expect(answer["exit_status"] == 7, "\(answer.text)")
    }
  }

  @Test("a command of fish that says itself that one begins has begun already")
  func emits() async throws {
    try await session(.fish) { session in
      let answer = try await session.run("emit fish_preexec other; echo mine", ["timeout_ms": 60_000])
      #expect(answer["output"] == "mine\n" && answer["exit_status"] == 0, "\(answer.text)")
      try await expectNext(session, in: .fish)
    }
  }

  @Test("a command that edits a line itself waits for input", arguments: [Place.bash, .zsh, .fish])
  func edits(place: Place) async throws {
    try await session(place) { session in
      let ask =
        switch place {
        case .bash: "ask() { read -e -p 'Name: ' name; }"
        case .zsh: "ask() { name=; vared -p 'Name: ' name }"
        default: "function ask; read -g -P 'Name: ' name; end"
        }
      #expect(try await session.run(ask, ["timeout_ms": 60_000])["exit_status"] == 0)
      let question = try await session.run("ask; echo hello $name", ["timeout_ms": 60_000])
      #expect(question["reason"] == "input", "\(question.text)")
      let id = try #require(question["command_id"].integer)
      try await session.type("Ada\r")
      let answer = try await session.post("commands/\(id)/wait", ["timeout_ms": 60_000])
      #expect(answer["reason"] == "command" && answer["exit_status"] == 0, "\(answer.text)")
      #expect(answer["output"].string?.hasSuffix("hello Ada\n") == true, "\(answer.text)")
    }
  }

  @Test("the shell that a run has started ends with a run that was given to it", arguments: Place.allCases)
  func innerShell(place: Place) async throws {
    try await session(place) { session in
      for inner in ["bash --norc", "dash"] {
        #expect(try await session.run(inner, ["timeout_ms": 60_000])["reason"] == "input")
        #expect(try await session.run("echo inside", ["timeout_ms": 60_000])["output"] == "inside\n")
        let end = try await session.run("echo last; exit 5", ["timeout_ms": 60_000])
        #expect(end["reason"] == "exit" && end["exit_status"] == 5, "\(end.text)")
        #expect(["last\n", "last\nexit\n"].contains(end["output"].string), "\(end.text)")
        try await expectNext(session, in: place)
      }
    }
  }

  @Test("shells in shells end one after the other", arguments: [Place.bash, .dash])
  func shellsInShells(place: Place) async throws {
    try await session(place) { session in
      for inner in ["dash", "bash --norc", "mksh"] {
        #expect(try await session.run(inner, ["timeout_ms": 60_000])["reason"] == "input")
      }
      for status in 1...3 {
        let end = try await session.run("exit \(status)", ["timeout_ms": 60_000])
        #expect(end["reason"] == "exit" && end["exit_status"] == .integer(status), "\(end.text)")
        #expect(end["command"] == .string("exit \(status)"), "\(end.text)")
      }
      try await expectNext(session, in: place)
    }
  }

  @Test("nobody tells the end of a shell that was typed")
  func typedShell() async throws {
    try await session(.dash) { session in
      try await session.interact(["text": "bash --norc\r", "for": "match", "pattern": "bash-.*[$#] "])
      let end = try await session.run("exit 5", ["timeout_ms": 60_000])
      #expect(end["reason"] == "exit" && end["exit_status"].isNull, "\(end.text)")
      try await expectNext(session)
    }
  }

  @Test("a run that does not end when it is cancelled is given up", arguments: [Place.bash, .dash])
  func cancelled(place: Place) async throws {
    try await session(place) { session in
      async let answer = session.elsewhere.answer(
        "run", ["command": "sh -c 'trap \"\" INT; echo begun; read x'", "questions": false, "timeout_ms": 60_000])
      try await session.wait(match: "(?m)^begun")
      let cancel = try await session.client.request("DELETE", "\(session.path)/runs/active")
      #expect(cancel.status == 204, "\(cancel)")
      #expect(try await answer.errorCode == "run_cancelled")
      #expect(try await session.client.get("\(session.path)/runs").array?.isEmpty == true)
      let next = try await session.answer("run", ["command": "echo next", "timeout_ms": 10_000])
      #expect(next.errorCode == "command_running", "\(next)")
      try await session.type("\r")
      #expect(try await session.run("echo next", ["queue": true, "timeout_ms": 60_000])["output"] == "next\n")
      try await expectNext(session, in: place)
    }
  }

  @Test("the caller's word that a shell reads the terminal is taken after the run that has started it")
  func outOfSight() async throws {
    // What has the terminal is no shell, as with ssh and sudo.
    let hidden = "script -qc 'dash -i' /dev/null"
    try await session(.bash) { session in
      let started = try await session.answer("run", ["command": .string(hidden), "timeout_ms": 2000])
      #expect(started.status == 408 || started.json["reason"] == "input", "\(started)")
      let refused = try await session.answer("run", ["command": "echo x", "timeout_ms": 5000])
      let message = refused.json["error"]["message"].string ?? ""
      #expect(message.contains("in: shell") && message.contains("roost integrate"), "\(refused)")
      let inside = try await session.run("echo inside; (exit 3)", ["in": "shell", "timeout_ms": 60_000])
      #expect(inside["output"] == "inside\n" && inside["exit_status"] == 3, "\(inside.text)")
    }
  }

  @Test("fish that a run has started can be given the integration, and then runs")
  func fishByRun() async throws {
    try await session(.bash) { session in
      #expect(try await session.run("fish --no-config", ["timeout_ms": 60_000])["reason"] == "input")
      _ = try await session.post("integrate")
      let answer = try await session.run("echo (math 6 x 7)", ["queue": true, "timeout_ms": 60_000])
      #expect(answer["output"] == "42\n" && answer["exit_status"] == 0, "\(answer.text)")
    }
  }

  @Test("the command line says that the shell was killed")
  func killedShell() async throws {
    try await session(.bash) { session in
      let result = try await session.roost.run(["run", session.name, "--", "kill -9 $$"])
      #expect(result.exitCode != 0, "\(result)")
      #expect(String(decoding: result.errors, as: UTF8.self).contains("killed by signal"), "\(result)")
    }
  }
}

import Formats
import Glibc
import TestKit
import Testing

/// A run that comes while somebody is in the middle of a line, a search, a menu, a question or a command of several lines is refused, or has its
/// own answer; never is somebody else's line run for it, or its line taken for somebody's answer.
@Suite("A run that comes in the middle of something", .bounded)
struct RunInterruptingTests {
  typealias Place = RunBindingTests.Place

  /// What a person has typed when the run comes.
  struct Moment: Sendable, CustomTestStringConvertible {
    let place: Place
    let typed: String
    /// What is on the screen when it has been taken.
    let shows: String

    init(_ place: Place, _ typed: String, shows: String) {
      (self.place, self.typed, self.shows) = (place, typed, shows)
    }

    var testDescription: String { "\(place.rawValue): \(typed.debugDescription)" }
  }

  static let moments = [
    Moment(.bash, "\u{12}other", shows: "reverse-i-search"), Moment(.bash, "read -e x\r", shows: "read -e x"),
    Moment(.bash, "select x in one two; do :; done\r", shows: "2\\) two"), Moment(.bash, "echo 'open\r", shows: "> "),
    Moment(.bash, "cat <<END\r", shows: "> "), Moment(.bash, "if true\rthen\r", shows: "> "),
    Moment(.bash, "ec\u{1B}3", shows: "arg: 3"), Moment(.bash, "read -n 1 x\r", shows: "read -n 1 x"),
    Moment(.zsh, "\u{12}other", shows: "bck-i-search"), Moment(.zsh, "x=1; vared x\r", shows: "vared x\\s+1"),
    Moment(.zsh, "select x in one two; do :; done\r", shows: "2\\) two"),
    Moment(.zsh, "echo 'open\r", shows: "quote> "),
    Moment(.zsh, "read -k 1 x\r", shows: "read -k 1 x"), Moment(.zsh, "bindkey -v\recho one\u{1B}d", shows: "echo one"),
    Moment(.zsh, "touch a b; rm *\r", shows: "\\[yn\\]\\?"), Moment(.zsh, "\u{1B}xundo", shows: "execute: undo"),
    Moment(.fish, "\u{12}", shows: "search:"), Moment(.fish, "read x\r", shows: "read> "),
    Moment(.fish, "echo 'open\r", shows: "echo 'open"), Moment(.fish, "cd /u\t", shows: "/usr/"),
    Moment(.dash, "echo 'open\r", shows: "> "), Moment(.dash, "cat <<END\r", shows: "> "),
    Moment(.dash, "if true\r", shows: "> "), Moment(.mksh, "echo 'open\r", shows: "> "),
    Moment(.mksh, "\u{12}other", shows: "other"), Moment(.ksh, "echo 'open\r", shows: "> "),
    Moment(.yash, "echo 'open\r", shows: "> "), Moment(.ash, "echo 'open\r", shows: "> "),
    Moment(.ash, "for i in 1 2; do\r", shows: "> "),
  ]

  @Test("it has its own answer or none", arguments: moments)
  func comes(_ moment: Moment) async throws {
    let folder = try await SharedServer.roost.home.path + "/moment-\(moment.place)-" + moment.typed.filter(\.isLetter)
    mkdir(folder, 0o700)
    try await withSession(moment.place.fields.adding(["cwd": .string(folder)])) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      // What a search would find.
      #expect(try await session.run("touch other", ["timeout_ms": 60_000])["exit_status"] == 0)
      #expect(try await session.run("rm -f other", ["timeout_ms": 60_000])["exit_status"] == 0)
      // Before its line editor reads, the keys mean what they mean to the terminal.
      _ = try await session.post("wait", ["for": ["prompt", "input"]])
      try await session.interact(["text": .string(moment.typed), "for": "match", "pattern": .string(moment.shows)])
      let answer = try await session.answer("run", ["command": "echo mine", "timeout_ms": 2000])
      switch answer.status {
      case 200: #expect(answer.json["output"] == "mine\n" && answer.json["exit_status"] == 0, "\(answer)")
      case 408: #expect(answer.json["error"]["message"].string?.contains("nothing was typed") == true, "\(answer)")
      default: #expect(["line_in_use", "command_running"].contains(answer.errorCode), "\(answer)")
      }
      // A person would go on like this.
      for key in ["ctrl+c", "escape", "ctrl+c", "ctrl+c"] {
        _ = try await session.post("keys", ["keys": [.string(key)]])
      }
      let next = try await session.run("ls other; echo next", ["timeout_ms": 60_000, "queue": true])
      #expect(next["output"].string?.hasSuffix("next\n") == true, "\(next.text)")
      #expect(next["output"].string?.contains("No such file") == true, "\(next.text)")
    }
  }

  @Test(
    "a command of several lines that somebody has begun can be ended as if no run had come", arguments: Place.allCases)
  func goesOn(place: Place) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      try await session.interact(["text": "echo 'half\r", "for": "match", "pattern": "echo 'half\\s+(\\S*>)? *$"])
      let answer = try await session.answer("run", ["command": "echo mine", "timeout_ms": 2000])
      if answer.status == 200 {
        #expect(answer.json["output"] == "mine\n", "\(answer)")
      } else {
        #expect(answer.errorCode == "line_in_use", "\(answer)")
      }
      try await session.interact(["text": "whole'\r", "for": "match", "pattern": "(?m)^half\nwhole"])
      #expect(try await session.run("echo next", ["timeout_ms": 60_000, "queue": true])["output"] == "next\n")
    }
  }

  @Test(
    "once ctrl+c takes an unfinished command away it waits for the prompt and has its own answer",
    arguments: [Place.bash, .zsh, .fish], [["\u{3}"], ["\u{3}", "\u{3}"], ["\u{3}", "\r"], ["half", "\u{3}"]])
  func interrupted(place: Place, keys: [String]) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      for number in 1...4 {
        for opened in ["echo \"abc", "cat <<X", "for i in 1 2"] {
          let prompt = place == .fish ? "" : "\\s+\\S*> *$"
          try await session.interact([
            "text": .string(opened + "\r"), "for": "match", "pattern": .string("\(opened)\(prompt)"),
          ])
          for key in keys { try await session.type(key) }
          let answer = try await session.answer(
            "run", ["command": .string("echo mine \(number)"), "timeout_ms": 60_000])
          #expect(answer.status == 200, "\(opened): \(answer)")
          #expect(answer.json["output"].string == "mine \(number)\n", "\(opened): \(answer)")
        }
      }
    }
  }

  @Test(
    "a ctrl+c that comes while a shell is being told of it is the command's, and the next line is not run for it or with it",
    arguments: [Place.bash, .zsh, .fish, .dash])
  func interruptedWhileTold(place: Place) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      let other = session.elsewhere
      for number in 1...15 {
        async let answer = session.answer(
          "run", ["command": .string("echo mine \(number)\nsh -c 'exit 77'"), "timeout_ms": 60_000, "queue": true])
        try await other.type("\u{3}")
        try await other.type("echo other\r")
        let told = try await answer
        guard told.status == 200 else { continue }
        // 0 is the other's, 2 that of both in one line.
        #expect([nil, 77, 130].contains(told.json["exit_status"].integer), "\(told)")
        #expect(told.json["output"].string?.contains("\nother\n") == false, "\(told)")
      }
    }
  }

  @Test("a run that is kept from its turn by somebody's typing in fish is told so")
  func typing() async throws {
    try await withSession(Place.fish.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      let typing = Task { while !Task.isCancelled { try await session.type("a") } }
      let answer = try await session.elsewhere.answer("run", ["command": "echo mine", "timeout_ms": 1000])
      typing.cancel()
      _ = try? await typing.value
      // It has its turn where there was a pause.
      if answer.status != 200 {
        #expect(answer.errorCode == "run_timeout", "\(answer)")
        #expect(answer.json["error"]["message"].string?.contains("types at the prompt") == true, "\(answer)")
      }
      let next = try await session.run("echo next", ["timeout_ms": 60_000, "queue": true])
      #expect(next["output"] == "next\n", "\(next.text)")
    }
  }

  @Test("of a paste whose last line is not complete nothing becomes part of a run")
  func paste() async throws {
    try await withSession(Place.bash.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      // Before that it has not asked for pastes in brackets.
      _ = try await session.post("wait", ["for": "prompt"])
      try await session.interact([
        "text": "echo first\nfor i in 1 2", "paste": true, "for": "match", "pattern": "for i in 1 2",
      ])
      try await session.interact(["text": "\r", "for": "match", "pattern": "(?m)^first\n> *$"])
      let answer = try await session.answer("run", ["command": "echo mine", "timeout_ms": 2000])
      #expect(answer.errorCode == "line_in_use", "\(answer)")
      try await session.interact(["text": "do echo x$i; done\r", "for": "match", "pattern": "(?m)^x1\nx2"])
      #expect(try await session.run("echo next", ["timeout_ms": 60_000, "queue": true])["output"] == "next\n")
    }
  }

  @Test("a half typed line comes back with its cursor where it was", arguments: [Place.bash, .fish])
  func cursor(place: Place) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      try await session.interact(["text": "echo abc\u{1B}[D\u{1B}[D", "for": "match", "pattern": "echo abc"])
      #expect(try await session.run("echo mine", ["timeout_ms": 60_000])["output"] == "mine\n")
      try await session.interact(["text": "Z\r", "for": "match", "pattern": "(?m)^aZbc"])
    }
  }
}

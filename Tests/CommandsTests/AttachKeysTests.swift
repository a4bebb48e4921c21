import Formats
import Testing

@testable import Commands

@Suite("The prefix key")
struct AttachKeysTests {
  private let millisecond: UInt64 = 1_000_000
  private let standard = AttachKeys(detach: .standard, prefix: KeyName("ctrl+\\"))
  private let tmux = AttachKeys(detach: DetachKey("ctrl+b d"), prefix: KeyName("ctrl+b"))

  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test("every command has keys that a terminal sends, and no two have the same")
  func table() {
    let keys = AttachCommand.allCases.flatMap(\.keys)
    #expect(Set(keys).count == keys.count)
    for key in keys { #expect(KeyName(key)?.bytes?.count == 1, "\(key)") }
  }

  @Test("the prefix and a key are a command, and what follows is told apart", arguments: AttachCommand.allCases)
  func commands(command: AttachCommand) {
    for key in command.keys {
      for var keys in [standard, tmux] {
        let prefix: UInt8 = keys.feed([0x1c], now: 0).forward.isEmpty ? 0x1c : 2
        _ = keys.expire(now: .max)
        let reading = keys.feed(bytes("ab") + [prefix] + bytes(key + "cd"), now: 0)
        #expect(reading == .init(forward: bytes("ab"), command: command, rest: bytes("cd")))
        #expect(!keys.isWaiting)
      }
    }
  }

  @Test("ctrl+\\ twice leaves although it is the prefix, and once it reaches the session after a second")
  func standardPrefix() {
    var keys = standard
    #expect(keys.feed([0x1c, 0x1c], now: 0).command == .detach)
    #expect(keys.feed([0x1c], now: 0) == .init())
    #expect(keys.isWaiting)
    #expect(keys.heldUntil == 1000 * millisecond)
    #expect(keys.expire(now: 999 * millisecond) == [])
    #expect(keys.expire(now: 1000 * millisecond) == [0x1c])
    #expect(!keys.isWaiting)
    #expect(keys.feed(bytes("n"), now: 1001 * millisecond) == .init(forward: bytes("n")))
  }

  @Test("another key behind the prefix goes to the session with it")
  func noCommand() {
    var keys = standard
    _ = keys.feed([0x1c], now: 0)
    #expect(keys.feed(bytes("az"), now: 1) == .init(forward: [0x1c] + bytes("az")))
    #expect(keys.heldUntil == nil)
  }

  @Test("a prefix that is not what leaves waits as long as it takes, and typed twice it is typed once")
  func tmuxPrefix() {
    var keys = tmux
    #expect(keys.feed([2], now: 0) == .init())
    #expect(keys.heldUntil == nil)
    #expect(keys.feed([2], now: 60_000 * millisecond) == .init(forward: [2]))
    #expect(keys.feed([2], now: 60_001 * millisecond) == .init())
    #expect(keys.feed(bytes("d"), now: 99_000 * millisecond).command == .detach)
    #expect(keys.feed([0x1c, 0x1c], now: 0) == .init(forward: [0x1c, 0x1c]), "nothing but the prefix is taken")
  }

  @Test("what is pasted is no command, also when it holds the prefix")
  func paste() {
    var keys = standard
    let pasted = bytes("\u{1b}[200~x\u{1c}\u{1c}\u{1c}dn\u{1b}[201~")
    #expect(keys.feed(pasted, now: 0) == .init(forward: pasted))
    #expect(keys.feed([0x1c] + bytes("n"), now: 1).command == .next)
    // The marks come whole; what is between them in pieces.
    #expect(keys.feed(bytes("\u{1b}[200~x"), now: 2).forward == bytes("\u{1b}[200~x"))
    #expect(keys.feed([0x1c], now: 3).forward == [0x1c])
    #expect(keys.feed(bytes("d\u{1b}[201~"), now: 4) == .init(forward: bytes("d\u{1b}[201~")))
    #expect(keys.feed([0x1c, 0x1c], now: 5).command == .detach)
  }

  @Test("the prefix is known in the forms that keyboard protocols give it, its release included")
  func protocols() {
    for form in ["\u{1b}[92;5u", "\u{1b}[27;5;92~"] {
      var keys = standard
      #expect(keys.feed(bytes(form + "n"), now: 0).command == .next)
    }
    var keys = standard
    #expect(keys.feed(bytes("\u{1b}[92;5:1u\u{1b}[92;5:3u\u{1b}[110;1:1u"), now: 0).command == .next)
  }
}

@Suite("Keys in lists and prompts")
struct KeyPressTests {
  private func presses(_ text: String) -> [KeyPress] {
    var reader = KeyReader()
    return reader.feed(Array(text.utf8), now: 0) + reader.expire(now: .max)
  }

  @Test(
    "keys are read in every form that terminals send them",
    arguments: [
      ("a", [.text("a")]), ("é日", [.text("é"), .text("日")]), ("\r", [.enter]), ("\u{1b}", [.escape]),
      ("\u{1b}[A\u{1b}OB", [.up, .down]), ("\u{1b}[1;5C", [.right]), ("\u{1b}[5~\u{1b}[6~", [.pageUp, .pageDown]),
      ("\u{1b}[H\u{1b}[4~", [.home, .end]), ("\u{7f}\u{8}", [.backspace, .backspace]), ("\u{3}", [.control("c")]),
      ("\u{1b}[27u", [.escape]), ("\u{1b}[97;5u", [.control("a")]), ("\u{1b}[97;1:3u", []), ("\u{1b}[13u", [.enter]),
      ("\u{1b}[<35;1;1Mx", [.text("x")]), ("\u{1b}[I", []), ("\u{1b}x", []), ("\u{1c}", []),
      ("\u{1b}[97;2u", [.text("A")]),
    ] as [(String, [KeyPress])])
  func forms(text: String, expected: [KeyPress]) {
    #expect(presses(text) == expected)
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      var reader = KeyReader()
      let first = reader.feed(Array(bytes[..<cut]), now: 0)
      #expect(first + reader.feed(Array(bytes[cut...]), now: 1) + reader.expire(now: .max) == expected, "cut at \(cut)")
    }
  }

  @Test("a line is edited, entered and given up")
  func line() {
    var line = PromptLine("name:", text: "build")
    func type(_ text: String) -> PromptLine.Outcome {
      var outcome = PromptLine.Outcome.goesOn
      for key in presses(text) { outcome = line.press(key) }
      return outcome
    }
    _ = type("-2\u{1}x\u{5}!\u{7f}")
    #expect(type("\r") == .entered("xbuild-2"))
    #expect(type("\u{15}\r") == .entered(""))
    #expect(type("\u{7f}") == .cancelled)
    #expect(type("\u{1b}") == .cancelled)
    _ = type("one two")
    _ = type("\u{17}")
    #expect(type("\r") == .entered("one "))
    for _ in 0..<1000 { _ = line.press(.text("x")) }
    #expect(line.text.count == PromptLine.longest)
    #expect(line.row(columns: 20).text.count <= 20 && line.row(columns: 20).cursor < 20)
    #expect(line.row(columns: 1).cursor == 0)
  }
}

@Suite("What an attached terminal shows of its own")
struct OverlayTests {
  private func entry(_ name: String, server: String? = nil, generation: Int = 1, bells: Int = 0) -> SessionEntry {
    SessionEntry(
      id: "id-\(server ?? "")-\(name)", name: name, server: server, serverID: server, state: "prompt", command: "bash",
      folder: "/", clients: 0, generation: generation, bells: bells)
  }

  private func press(_ picker: inout SessionPicker, _ text: String) -> SessionPicker.Outcome {
    var reader = KeyReader()
    var outcome = SessionPicker.Outcome.goesOn
    for key in reader.feed(Array(text.utf8), now: 0) + reader.expire(now: .max) {
      outcome = picker.press(key, rows: 10)
    }
    return outcome
  }

  @Test("a list of all servers' sessions is read, in the order of the servers, without what cannot be shown")
  func directory() {
    let answer: JSON = [
      "servers": [["name": "hub", "server_id": "h"], ["name": "web1", "server_id": "w"]],
      "sessions": [
        [
          "id": "3", "name": "remote", "server": "web1", "server_id": "w", "state": "busy", "generation": 7, "bells": 2,
        ],
        ["id": "1", "name": "10", "server": "hub", "server_id": "h", "state": "prompt"],
        ["id": "2", "name": "2", "server": "hub", "server_id": "h", "state": "prompt"],
        ["id": "4", "name": "over", "server": "hub", "server_id": "h", "state": "exited"],
        ["id": "5", "name": "old", "server": "web1", "server_id": "w", "state": "busy", "stale": true],
      ],
    ]
    let directory = SessionDirectory(answer)
    #expect(directory.entries.map(\.title) == ["2", "10", "web1:remote"])
    #expect(directory.entries.map(\.serverID) == [nil, nil, "w"])
    #expect(directory.neighbour(of: "2", forward: true)?.id == "1")
    #expect(directory.neighbour(of: "2", forward: false)?.id == "3")
    #expect(directory.neighbour(of: "3", forward: true)?.id == "2")
    #expect(SessionDirectory([entry("a")]).neighbour(of: "id--a", forward: true) == nil)
    // Where there is no fleet: the list of one server.
    let plain = SessionDirectory(
      [["id": "1", "name": "a", "server": "web1", "state": "busy"]] as JSON, askedOn: "web1")
    #expect(plain.entries.map(\.title) == ["web1:a"])
  }

  @Test("typing narrows the list, arrows move in it, enter chooses, escape leaves")
  func picker() {
    let all = ["alpha", "beta", "gamma", "alphabet"].map { entry($0) } + [entry("alpha", server: "web1")]
    var picker = SessionPicker(SessionDirectory(all), shown: "id--beta")
    #expect(picker.selected?.name == "beta")
    #expect(press(&picker, "\u{1b}[B") == .goesOn)
    #expect(picker.selected?.name == "gamma")
    #expect(press(&picker, "\u{1b}[A\u{1b}[A\u{1b}[A") == .goesOn)
    #expect(picker.selected?.title == "web1:alpha", "around the end")
    #expect(press(&picker, "ALPHA") == .goesOn)
    #expect(picker.listed.map(\.title) == ["alpha", "alphabet", "web1:alpha"])
    #expect(press(&picker, " web1\r") == .chosen(all[4]))
    #expect(press(&picker, "zzz\r") == .goesOn, "nothing there to choose")
    #expect(picker.picture(rows: 5, columns: 40).lines?.count == 1)
    #expect(press(&picker, "\u{15}\u{7f}\u{7f}") == .goesOn, "rubbing out never leaves")
    #expect(press(&picker, "\u{1b}") == .cancelled)
  }

  @Test("the list follows what is selected, on terminals of every size")
  func pickerPicture() {
    let all = (0..<50).map { entry("session-\($0)") }
    for (rows, columns) in [(24, 80), (5, 20), (2, 5), (1, 1)] {
      var picker = SessionPicker(SessionDirectory(all), shown: "id--session-0")
      for _ in 0..<30 { _ = picker.press(.down, rows: rows) }
      let picture = picker.picture(rows: rows, columns: columns)
      let lines = picture.lines ?? []
      #expect(lines.count <= max(1, rows - 1))
      for line in lines { #expect(displayWidth(line.text) <= columns, "\(rows)x\(columns)") }
      #expect(lines.contains { $0.style == .inverse && (columns < 20 || $0.text.contains("session-30")) })
      #expect(displayWidth(picture.bottom) <= columns)
    }
  }

  @Test("a search finds the newest line first, n older ones, N newer ones, and says when there is no more")
  func search() {
    let lines = (0..<100).map { $0 % 10 == 5 ? "line \($0) Needle" : "line \($0)" }
    var view = HistoryView(lines, isSearching: true, rows: 11)
    func type(_ text: String) -> HistoryView.Outcome {
      var reader = KeyReader()
      var outcome = HistoryView.Outcome.goesOn
      for key in reader.feed(Array(text.utf8), now: 0) + reader.expire(now: .max) {
        outcome = view.press(key, rows: 11)
      }
      return outcome
    }
    _ = type("needle\r")
    #expect(view.found == 95)
    _ = type("nn")
    #expect(view.found == 75)
    #expect(
      view.picture(rows: 11, columns: 40).lines?.contains { $0.text == "line 75 Needle" && $0.style == .inverse }
        == true)
    _ = type("N")
    #expect(view.found == 85)
    _ = type("NN")
    #expect(view.found == 95)
    #expect(view.picture(rows: 11, columns: 60).bottom.contains("no newer line has needle"))
    _ = type("/needle 5\r")
    #expect(view.found == 95, "it is kept where nothing is found")
    #expect(view.picture(rows: 11, columns: 60).bottom.contains("no older line"))
    // Capitals are meant as they are.
    _ = type("/line 5 N\r")
    #expect(view.found == 5)
    #expect(type("g") == .goesOn)
    #expect(view.picture(rows: 11, columns: 40).lines?.first?.text == "line 0")
    #expect(type("G") == .goesOn)
    #expect(view.picture(rows: 11, columns: 40).lines?.last?.text == "line 99")
    #expect(type("q") == .left)
    // Left before anything was looked for.
    var fresh = HistoryView(lines, isSearching: true, rows: 11)
    #expect(fresh.press(.escape, rows: 11) == .left)
    #expect(HistoryView([], isSearching: false, rows: 11).picture(rows: 11, columns: 40).bottom.contains("no history"))
  }

  @Test("the status line tells what matters first, and is as wide as the terminal, whatever that is")
  func statusLine() {
    var line = StatusLine(title: "web1:build")
    line.others = 2
    line.isReadOnly = true
    line.typist = "ci"
    line.marked = ["db!", "log*"]
    #expect(
      line.text(columns: 80) == " web1:build  read-only  db!  log*                       ci types  2 others here ")
    for columns in 0...100 { #expect(displayWidth(line.text(columns: columns)) == columns) }
    #expect(line.text(columns: 12) == " web1:build…" || line.text(columns: 12).hasPrefix(" web1:build"))
    line.message = "no\u{1b}[2J"
    #expect(line.text(columns: 20) == padded(" no^[[2J", to: 20))
  }

  @Test("marks tell of bells and output elsewhere, until the session is looked at")
  func marks() {
    var marks = SessionMarks()
    func look(_ entries: [SessionEntry], shown: String) { marks.update(SessionDirectory(entries), shown: shown) }
    look([entry("a"), entry("b"), entry("c")], shown: "id--a")
    #expect(marks.bells.isEmpty && marks.activity.isEmpty, "what was before is no news")
    look([entry("a", generation: 5), entry("b", generation: 2), entry("c", generation: 2, bells: 1)], shown: "id--a")
    #expect(["a", "b", "c"].map { marks.mark("id--\($0)") } == ["", "*", "!"])
    look([entry("a", generation: 5), entry("b", generation: 2), entry("c", generation: 2, bells: 1)], shown: "id--c")
    #expect(["a", "b", "c"].map { marks.mark("id--\($0)") } == ["", "*", ""])
    look([entry("a", generation: 5)], shown: "id--a")
    #expect(marks.activity.isEmpty, "one that is gone has no mark")
  }

  @Test("help names every key, and prompts answer as they say")
  func overlays() {
    let help = Overlay.help(prefix: KeyName("ctrl+\\"), detachKey: .standard).joined(separator: "\n")
    for command in AttachCommand.allCases { #expect(help.contains(command.summary)) }
    var question = Overlay.kill(question: "end a? (y/n)")
    guard case .kill = question.press(.text("y"), rows: 24) else {
      Issue.record("y ends it")
      return
    }
    guard case .over = question.press(.text("x"), rows: 24) else {
      Issue.record("any other key does not")
      return
    }
    guard case .over = question.press(.enter, rows: 24) else {
      Issue.record("enter does not")
      return
    }
    var rename = Overlay.rename(PromptLine("name:", text: "a"))
    _ = rename.press(.text("b"), rows: 24)
    guard case .rename(let name) = rename.press(.enter, rows: 24) else {
      Issue.record("a name")
      return
    }
    #expect(name == "ab")
    var list = Overlay.help(top: 0)
    for (rows, columns) in [(24, 80), (4, 20), (1, 1)] {
      let picture = list.picture(rows: rows, columns: columns, help: help.split(separator: "\n").map(String.init))
      #expect((picture.lines ?? []).count <= max(0, rows - 1))
    }
  }
}

@Suite("What the user's terminal is asked")
struct OuterTerminalTests {
  private func answers(_ texts: String...) -> OuterTerminal {
    var outer = OuterTerminal()
    for text in texts { outer.take(Array(text.utf8)) }
    return outer
  }

  @Test("its colours are told in one form, however many digits it gives them")
  func colors() {
    let outer = answers(
      "\u{1b}]10;rgb:ffff/8080/0000\u{1b}\\", "\u{1b}]11;rgb:1e/1E/2\u{7}", "\u{1b}[?62;22c")
    #expect(outer.colors == ["foreground": "#ff8000", "background": "#1e1e22"])
    #expect(outer.isComplete)
    #expect(answers("\u{1b}]11;rgba:0000/0000/0000/ffff\u{7}").colors == ["background": "#000000"])
    for nonsense in [
      "\u{1b}]10;red\u{7}", "\u{1b}]10;rgb:1/2\u{7}", "\u{1b}]10;rgb:12345/1/1\u{7}", "\u{1b}]12;rgb:1/1/1\u{7}", "x",
    ] {
      #expect(answers(nonsense).colors == nil, "\(nonsense.debugDescription)")
    }
  }

  @Test("rows above the cursor are in use, and its own when something stands before it")
  func rows() {
    #expect(answers("\u{1b}[1;1R").rowsUsed == 0)
    #expect(answers("\u{1b}[7;1R").rowsUsed == 6)
    #expect(answers("\u{1b}[7;12R").rowsUsed == 7)
    #expect(answers().rowsUsed == nil && !answers().isComplete)
  }

  @Test("what is on the terminal scrolls away, and not a blank line more")
  func enter() {
    func lineFeeds(_ used: Int?) -> Int { TerminalReset.enter(rows: 24, used: used).count { $0 == 10 } }
    #expect(lineFeeds(0) == 0)
    #expect(lineFeeds(5) == 5)
    #expect(lineFeeds(99) == 24)
    #expect(lineFeeds(nil) == 24)
  }
}

@Suite("The client's configuration file")
struct ClientConfigurationTests {
  private func read(_ text: String) throws -> ClientConfiguration { try ClientConfiguration(parsing: Array(text.utf8)) }

  @Test("every setting is read")
  func settings() throws {
    let configuration = try read(
      """
      prefix = "ctrl+a"
      detach_key = "none"
      status = false
      scrollback = "all"
      history = "64M"
      update_environment = ["DISPLAY"]
      """)
    #expect(configuration.prefix == KeyName("ctrl+a").map { .key($0) })
    #expect(configuration.detachKey == .none)
    #expect(configuration.status == false)
    #expect(configuration.scrollback == .all)
    #expect(configuration.history == .bytes(64 << 20))
    #expect(configuration.updateEnvironment == ["DISPLAY"])
    #expect(try read("") == ClientConfiguration())
    #expect(try read("scrollback = 500\nhistory = 20000").scrollback == .lines(500))
    #expect(try read("scrollback = 500\nhistory = 20000").history == .lines(20_000))
  }

  @Test(
    "what is wrong is refused with its line",
    arguments: [
      ("\nstatsu = true", 2), ("status = 1", 1), ("# x\nprefix = \"ctrl+up\"", 2), ("scrollback = -1", 1),
      ("scrollback = \"many\"", 1), ("history = \"64X\"", 1), ("history = -5", 1), ("update_environment = \"X\"", 1),
      ("update_environment = [\n\"A=B\"]", 2), ("detach_key = \"\"", 1), ("status = ", 1),
    ])
  func refusals(text: String, line: Int) {
    let failure = #expect(throws: TOML.Failure.self) { try read(text) }
    #expect(failure?.line == line, "\(String(describing: failure))")
  }

  @Test("sizes of a history are lines, or bytes with a letter")
  func sizes() {
    #expect(HistorySize("50000") == .lines(50_000))
    #expect(HistorySize("8k") == .bytes(8192))
    #expect(HistorySize("1G") == .bytes(1 << 30))
    for text in ["", "K", "-1", "1.5M", "99999999999G", "x"] { #expect(HistorySize(text) == nil, "\(text)") }
  }
}

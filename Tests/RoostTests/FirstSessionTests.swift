import Formats
import TestKit
import Testing

/// The agent's loop on real programs: look, type, wait for what it brings about, and see the result on disk. `docs/first-session.md`
/// tells the same with `roost` and `curl`.
@Suite("A first session with real programs", .bounded)
struct FirstSessionTests {
  @Test("vim: write a file and leave")
  func vim() async throws {
    let folder = try makeFolder(in: await SharedServer.roost)
    try await withSession(["argv": ["vim", "-u", "NONE", "notes.txt"], "cwd": .string(folder)]) { session in
      let open = try await session.wait(["for": "match", "pattern": "\"notes.txt\" \\[New", "format": "plain"])
      #expect(open["screen"]["alternate_active"] == true)
      try await session.interact(["text": "iFirst line\rsecond line, größer", "match": "second line, größer"])
      // Escape and what follows it would be one key, as Alt is, if they came in one piece.
      try await session.interact(["keys": ["escape"], "for": "idle", "idle_ms": 400])
      try await session.interact(["text": "ggA", "for": "idle", "idle_ms": 400])
      let edited = try await session.interact(["text": " and more", "match": "First line and more", "format": "plain"])
      #expect(edited["screen"]["lines"][1] == "second line, größer")
      try await session.interact(["keys": ["escape"], "for": "idle", "idle_ms": 100])
      let left = try await session.interact(["text": ":wq\r", "for": "exit"])
      #expect(left["reason"] == "exit")
      #expect(left["exit_status"] == 0)
      #expect(try textOfFile("\(folder)/notes.txt") == "First line and more\nsecond line, größer\n")
    }
  }

  @Test("python3: calculate, define, write the result to a file")
  func python() async throws {
    let folder = try makeFolder(in: await SharedServer.roost)
    try await withSession([
      "argv": ["/usr/bin/env", "python3", "-q"], "cwd": .string(folder), "env": ["PYTHON_BASIC_REPL": "1"],
    ]) { session in
      try await session.wait(match: ">>> ")
      let power = try await session.interact(["text": "2**100\r", "match": "1267650600228229401496703205376"])
      #expect(power["met"] == true)
      try await session.interact(["text": "def twice(n):\r", "match": "... "])
      try await session.interact(["text": "    return 2*n\r", "for": "idle", "idle_ms": 100])
      try await session.interact(["text": "\r", "match": ">>> "])
      let wrong = try await session.interact(["text": "twice(unknown)\r", "for": "match", "pattern": "NameError.*"])
      #expect(wrong["match"].string?.contains("unknown") == true)
      try await session.interact(["text": "_ = open('result.txt', 'w').write(str(twice(21)))\r", "for": "input"])
      let left = try await session.interact(["text": "exit()\r", "for": "exit"])
      #expect(left["exit_status"] == 0)
      #expect(try textOfFile("\(folder)/result.txt") == "42")
    }
  }

  @Test("less: page, search, save what is shown")
  func less() async throws {
    let folder = try makeFolder(in: await SharedServer.roost)
    try await SharedServer.roost.home.write((1...2000).map { "entry \($0)\n" }.joined(), to: "\(folder)/log.txt")
    let fields: JSON = [
      "argv": ["less", "-M", "log.txt"], "cwd": .string(folder), "env": ["LESS": "", "LESSHISTFILE": "-"],
    ]
    try await withSession(fields) { session in
      let first = try await session.wait(["for": "match", "pattern": "^entry 23$", "format": "plain"])
      #expect(first["screen"]["lines"][0] == "entry 1")
      try await session.interact(["keys": ["space"], "match": "entry 46"])
      let found = try await session.interact(["text": "/entry 1234\r", "match": "entry 1234", "format": "plain"])
      #expect(found["screen"]["lines"].strings.contains("entry 1234"))
      let end = try await session.interact(["text": "G", "match": "entry 2000"])
      #expect(end["met"] == true)
      // A mark-and-pipe: from the top of the screen to the end, through a command.
      try await session.interact(["text": "g", "for": "match", "pattern": "^entry 1$"])
      try await session.interact(["text": "|", "match": "mark"])
      try await session.interact(["text": "$", "match": "!"])
      try await session.interact(["text": "wc -l >count.txt\r", "for": "idle", "idle_ms": 300])
      try await session.interact(["keys": ["enter"], "for": "idle", "idle_ms": 200])
      let left = try await session.interact(["text": "q", "for": "exit"])
      #expect(left["exit_status"] == 0)
      #expect(
        try textOfFile("\(folder)/count.txt").split(separator: "\n").first.flatMap { Int($0.drop { $0 == " " }) }
          == 2000)
    }
  }

  @Test("htop: find a process on the screen, change the view, leave; the choice is kept on disk")
  func htop() async throws {
    let folder = try makeFolder(in: await SharedServer.roost)
    let fields: JSON = [
      "argv": ["htop", "-d", "5"], "rows": 40, "cols": 120,
      "env": ["HOME": .string(folder), "XDG_CONFIG_HOME": .string("\(folder)/config")],
    ]
    try await withSession(fields) { session in
      try await session.wait(match: "F10")
      try await session.interact(["keys": ["f4"], "match": "Filter:"])
      let filtered = try await session.interact(["text": "htop", "match": "Filter: htop", "format": "plain"])
      #expect(filtered["screen"]["alternate_active"] == true)
      try await session.wait(["for": "match", "pattern": .string("\\b\(session.pid)\\b.*htop")])
      try await session.interact(["keys": ["enter"], "for": "change"])
      // F5 shows the processes as a tree; the bar at the bottom then offers the list again.
      try await session.interact(["keys": ["f5"], "match": "F5List"])
      let left = try await session.interact(["keys": ["f10"], "for": "exit"])
      #expect(left["exit_status"] == 0)
      #expect(try textOfFile("\(folder)/config/htop/htoprc").contains("tree_view=1"))
    }
  }

  @Test("git rebase -i: melt the last two commits into one, in the editor that git opens")
  func rebase() async throws {
    let roost = try await SharedServer.roost
    let folder = try makeFolder(in: roost)
    let fields: JSON = [
      "cwd": .string(folder),
      "env": [
        "GIT_EDITOR": "vim -u NONE", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_PAGER": "cat",
      ],
    ]
    try await withShell(.bash, fields) { session in
      try await session.run(
        "git init -q . && for n in one two three; do echo $n >>file; git add file; git commit -qm \"Add $n\"; done")
      #expect(try await session.run("git log --format=%s")["output"] == "Add three\nAdd two\nAdd one\n")
      let editor = try await session.interact([
        "text": "git rebase -i HEAD~2\r", "for": "match", "pattern": "^pick .*Add three", "format": "plain",
      ])
      #expect(editor["screen"]["alternate_active"] == true)
      #expect(try await session.record["state"].string != "prompt")
      let changed = try await session.interact([
        "text": ":2s/^pick/squash/\r", "for": "match", "pattern": "^squash .*Add three",
      ])
      #expect(changed["met"] == true)
      // git opens the editor again, for the message of the one commit.
      let message = try await session.interact(["text": ":wq\r", "match": "This is a combination of 2 commits"])
      #expect(message["met"] == true)
      try await session.interact(["text": ":%d\riAdd two and three", "match": "Add two and three"])
      try await session.interact(["keys": ["escape"], "for": "idle", "idle_ms": 100])
      let done = try await session.interact(["text": ":wq\r", "for": "prompt", "format": "plain"])
      #expect(done["evidence"] == "osc133")
      #expect(done["screen"].screenText.contains("Successfully rebased"), "\(done["screen"].screenText)")
      let log = try await runProcess(
        "/usr/bin/env", ["git", "log", "--format=%s"], environment: roost.environment, directory: folder)
      #expect(log.text == "Add two and three\nAdd one\n", "\(log)")
      #expect(try textOfFile("\(folder)/file") == "one\ntwo\nthree\n")
    }
  }

  @Test(
    "a program that paints with synchronized output: every picture that is read is whole, and the result is on disk")
  func synchronized() async throws {
    let folder = try makeFolder(in: await SharedServer.roost)
    let program = """
      import sys, time
      def paint(n):
          sys.stdout.write('\\x1b[?2026h\\x1b[H\\x1b[2J')
          for row in range(20):
              sys.stdout.write('\\x1b[%d;1Hrow %d of picture %d' % (row + 1, row, n)); sys.stdout.flush(); time.sleep(0.0005)
          sys.stdout.write('\\x1b[22;1Hpicture %d is complete\\x1b[?2026l' % n); sys.stdout.flush()
      sys.stdout.write('\\x1b[?1049h')
      n = 0
      for key in sys.stdin:
          if key.strip() == 'q': break
          for _ in range(10):
              n += 1; paint(n); time.sleep(0.002)
      sys.stdout.write('\\x1b[?1049l')
      open('painted', 'w').write(str(n))
      """
    try await withSession(["argv": ["/usr/bin/env", "python3", "-c", .string(program)], "cwd": .string(folder)]) {
      session in
      for round in 1...5 {
        let elsewhere = session.elsewhere
        async let complete = elsewhere.interact([
          "text": "next\r", "for": "match", "match": .string("picture \(round * 10) is complete"), "format": "plain",
        ])
        for _ in 0..<10 {
          let lines = try await session.lines()
          let numbers = Set(lines.compactMap { line in line.hasPrefix("row ") ? line.split(separator: " ").last : nil })
          #expect(numbers.count <= 1, "half a picture: \(lines)")
          if numbers.count == 1 { #expect(lines.count { $0.hasPrefix("row ") } == 20, "half a picture: \(lines)") }
        }
        #expect(try await complete["screen"]["lines"][0].string == "row 0 of picture \(round * 10)")
      }
      let left = try await session.interact(["text": "q\r", "for": "exit"])
      #expect(left["exit_status"] == 0)
      #expect(try textOfFile("\(folder)/painted") == "50")
    }
  }

  @Test("a program that asks for a password: seen as such, answered, and the password is nowhere to be read")
  func password() async throws {
    let folder = try makeFolder(in: await SharedServer.roost)
    let program =
      "import getpass; p = getpass.getpass('Passphrase: '); open('length', 'w').write(str(len(p))); print('unlocked')"
    try await withSession(["argv": ["/usr/bin/env", "python3", "-c", .string(program)], "cwd": .string(folder)]) {
      session in
      let asked = try await session.wait(["for": "input", "format": "plain"])
      #expect(asked["evidence"] == "termios")
      #expect(asked["screen"].screenText.hasPrefix("Passphrase:"))
      #expect(try await session.record["state"] == "password")
      let left = try await session.interact(["text": "correct horse\r", "for": "exit", "format": "plain"])
      #expect(left["exit_status"] == 0)
      #expect(left["screen"].screenText.contains("unlocked"))
      #expect(try await !session.history().joined().contains("horse"))
      #expect(try textOfFile("\(folder)/length") == "13")
    }
  }

  @Test("a program that is silent for five seconds and then goes on: silence is not taken for the end")
  func silence() async throws {
    let folder = try makeFolder(in: await SharedServer.roost)
    try await withShell(.bash, ["cwd": .string(folder)]) { session in
      let silent = try await session.interact([
        "text": "echo working; sleep 5; echo done >result; echo finished\r", "for": ["idle", "prompt", "exit"],
        "idle_ms": 1000,
      ])
      #expect(silent["reason"] == "idle")
      #expect(silent["evidence"] == "screen_quiet", "the weakest evidence, and it says so")
      let record = try await session.record
      #expect(["quiet", "busy"].contains(record["state"].string), "\(record.text)")
      #expect(!fileExists("\(folder)/result"))
      // So the agent goes on waiting, for something better than silence.
      let finished = try await session.wait(["for": "prompt", "format": "plain"])
      #expect(finished["evidence"] == "osc133")
      #expect(finished["screen"].screenText.contains("\nfinished\n"))
      #expect(try textOfFile("\(folder)/result") == "done\n")
    }
  }

  @Test("the guide in docs tells what this suite does")
  func guide() throws {
    let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    let text = try textOfFile("\(root)/docs/first-session.md")
    for word in [
      "vim", "python3", "less", "htop", "git rebase -i", "password", "screen_quiet", "osc133", "session.interact",
    ] {
      #expect(text.contains(word), "docs/first-session.md does not mention \(word)")
    }
  }
}

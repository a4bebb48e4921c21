import Formats
import Store
import Testing

@testable import Commands

private func invocation(_ words: String..., environment: [String: String] = [:]) throws -> Invocation {
  let parser = CommandParser(root: CommandTable.root, globals: CommandTable.globals, environment: environment)
  guard case .run(let invocation) = try parser.parse(words) else { throw CommandFailure(.failed, "no command") }
  return invocation
}

@Suite("What a command asks of the server")
struct RequestTests {
  @Test("one word is a command line, several are quoted where a shell would take them apart")
  func commandLines() {
    #expect(shellCommandLine(["make && make test"]) == "make && make test")
    #expect(shellCommandLine(["ls", "-l", "/tmp"]) == "ls -l /tmp")
    #expect(shellCommandLine(["echo", "a b", "", "$HOME"]) == "echo 'a b' '' '$HOME'")
    #expect(shellCommandLine(["echo", "it's"]) == "echo 'it'\\''s'")
    #expect(shellCommandLine(["make", "CC=gcc"]) == "make CC=gcc")
  }

  @Test("a new session is described by its options")
  func creation() throws {
    let invocation = try invocation(
      "new", "web", "-d", "-t", "a", "-t", "b", "-e", "K=V=W", "--rows", "30", "--cols", "90", "--cwd", "/",
      "--no-integration", "--allow-title-report",
      "--", "top", "-b")
    let request = try creationRequest(invocation, name: "web")
    #expect(request["name"] == "web")
    #expect(request["tags"] == ["a", "b"])
    #expect(request["env"] == ["K": "V=W"])
    #expect(request["rows"] == 30)
    #expect(request["cols"] == 90)
    #expect(request["cwd"] == "/")
    #expect(request["argv"] == ["top", "-b"])
    #expect(request["integration"] == false)
    #expect(request["allow_title_report"] == true)
    #expect(request["command"].isNull)
  }

  @Test("a session without a folder begins where the command was run")
  func workingDirectory() throws {
    let request = try creationRequest(try invocation("new", "-d"), name: nil)
    #expect(request["cwd"].string == ClientContext.currentDirectory)
    #expect(request["name"].isNull)
    #expect(request["integration"].isNull)
    #expect(request["allow_title_report"].isNull)
  }

  @Test("a command line and a program exclude each other")
  func commandOrProgram() throws {
    let both = try invocation("new", "-d", "-c", "x", "--", "y")
    #expect(throws: CommandFailure.self) { try creationRequest(both, name: nil) }
    let nothing = try invocation("new", "-d", "--")
    #expect(throws: CommandFailure.self) { try creationRequest(nothing, name: nil) }
  }

  @Test("a wait is for one thing")
  func waits() throws {
    #expect(try waitCondition(try invocation("wait", "s")) == nil)
    #expect(
      try waitCondition(try invocation("wait", "s", "--idle", "1.5s"))
        == [JSON.Member("for", "idle"), JSON.Member("idle_ms", 1500)])
    #expect(
      try waitCondition(try invocation("wait", "s", "-m", "a+"))
        == [JSON.Member("for", "match"), JSON.Member("pattern", "a+")])
    #expect(try waitCondition(try invocation("wait", "s", "--exit")) == [JSON.Member("for", "exit")])
    let two = try invocation("wait", "s", "--exit", "--prompt")
    #expect(throws: CommandFailure.self) { try waitCondition(two) }
  }

  @Test("a session is not shown inside itself, but a namesake elsewhere is another session")
  func nesting() throws {
    let record: JSON = ["name": "build", "id": "7b0c"]
    let here = try ServerAddress(
      try invocation("attach", environment: ["HOME": "/home/x", "XDG_RUNTIME_DIR": "/run/x"]),
      survey: .trusting)
    func nested(_ environment: [String: String]) -> Bool { isNested(record, in: environment, address: here) }
    #expect(!nested([:]))
    #expect(nested(["ROOST_SESSION": "build"]))
    #expect(nested(["ROOST_SESSION": "7b0c"]))
    #expect(!nested(["ROOST_SESSION": "web"]))
    #expect(nested(["ROOST_SESSION": "build", "ROOST_SOCKET": "/run/x/roost/default.sock"]))
    #expect(!nested(["ROOST_SESSION": "build", "ROOST_SOCKET": "/elsewhere.sock"]))
    #expect(!nested(["ROOST_SESSION": "build", "ROOST_SERVER_NAME": "ci"]))
  }

  @Test("the server is the one that was typed, else the environment's, else the default one")
  func addresses() throws {
    let environment = ["XDG_RUNTIME_DIR": "/run/x", "HOME": "/home/x"]
    func address(_ words: String..., adding more: [String: String] = [:]) throws -> String {
      let parser = CommandParser(
        root: CommandTable.root, globals: CommandTable.globals, environment: environment.merging(more) { _, new in new }
      )
      guard case .run(let invocation) = try parser.parse(words + ["ls"]) else { return "" }
      return try ServerAddress(invocation, survey: .trusting).description
    }
    #expect(try address() == "/run/x/roost/default.sock")
    #expect(try address("-L", "ci") == "/run/x/roost/ci.sock")
    #expect(try address("--socket", "/a.sock") == "/a.sock")
    #expect(try address("--connect", "[::1]:80") == "[::1]:80")
    #expect(try address(adding: ["ROOST_SERVER_NAME": "ci"]) == "/run/x/roost/ci.sock")
    #expect(try address(adding: ["ROOST_SERVER_NAME": "ci", "ROOST_SOCKET": "/b.sock"]) == "/b.sock")
    #expect(try address("-L", "x", adding: ["ROOST_SOCKET": "/b.sock"]) == "/run/x/roost/x.sock")
    #expect(try address("--socket", "/a.sock", adding: ["ROOST_CONNECT": "h:1"]) == "/a.sock")
    #expect(throws: CommandFailure.self) { try address("-L", "../x") }
    #expect(throws: CommandFailure.self) { try address("--connect", "nowhere") }
  }

  @Test("parameters of an operation follow its schema")
  func parameters() throws {
    let schema: JSON = [
      "type": "object", "required": ["session"],
      "properties": [
        "session": ["type": "string"], "rows": ["type": "integer"], "all": ["type": "boolean"],
        "tags": ["type": "array", "items": ["type": "string"]],
        "env": ["type": "object", "additionalProperties": ["type": "string"]], "name": ["type": ["string", "null"]],
      ],
    ]
    func parameters(_ words: String...) throws -> JSON {
      try operationParameters(words, schema: schema, operation: "x.y")
    }
    #expect(try parameters("session=1") == ["session": "1"])
    #expect(
      try parameters("session=a", "rows=5", "all=true", "tags=a,b", "tags=c", "env.A=1", "env.B=2", "name=n")
        == [
          "session": "a", "rows": 5, "all": true, "tags": ["a", "b", "c"], "env": ["A": "1", "B": "2"], "name": "n",
        ])
    #expect(try parameters("session:=\"q\"", "rows:=3") == ["session": "q", "rows": 3])
    #expect(try parameters(" {\"session\":\"s\"}") == ["session": "s"])
    for words in [["rows=5"], ["session=a", "rows=x"], ["session=a", "al=true"], ["session"], ["=x"], ["{nonsense}"]] {
      #expect(throws: CommandFailure.self, "\(words)") {
        try operationParameters(words, schema: schema, operation: "x.y")
      }
    }
  }

  @Test("an error's exit status follows its HTTP status or its code")
  func failures() {
    let body: JSON = ["error": ["code": "session_not_found", "message": "Session not found: x."]]
    let failure = ServerClient.failure(status: 404, body: body.bytes)
    #expect(failure == CommandFailure(.notFound, "Session not found: x.", serverCode: "session_not_found"))
    #expect(ServerClient.failure(status: 502, body: Array("<html>".utf8)).exitCode == .failed)
    #expect(exitCode(serverCode: "session_name_conflict") == .conflict)
    #expect(exitCode(serverCode: "wait_timeout") == .timedOut)
    #expect(exitCode(serverCode: "invalid_tag") == .usage)
    #expect(exitCode(serverCode: "something_new") == .failed)
  }

  @Test("runs of styled text become SGR sequences, and back to normal")
  func ansi() {
    let line: JSON = [
      ["text": "a"], ["text": "b", "bold": true, "fg": ["indexed": 1]], ["text": "c", "bg": ["indexed": 12]],
      ["text": "d", "fg": ["rgb": ["r": 1, "g": 2, "b": 3]], "bg": ["indexed": 200]], ["text": "e\u{1b}"],
    ]
    #expect(
      ScreenText.ansiLine(line)
        == "a\u{1b}[0;1;31mb\u{1b}[0;104mc\u{1b}[0;38;2;1;2;3;48;5;200md\u{1b}[0me^[")
    #expect(ScreenText.ansiLine([["text": "x", "inverse": true]]) == "\u{1b}[0;7mx\u{1b}[0m")
    #expect(ScreenText.ansiLine([["text": "x", "invisible": true, "overline": true]]) == "\u{1b}[0;8;53mx\u{1b}[0m")
  }

  @Test("underlines keep their kind and their colour")
  func ansiUnderlines() {
    for (index, style) in ["double", "curly", "dotted", "dashed"].enumerated() {
      let line: JSON = [["text": "x", "underline": true, "underline_style": .string(style)]]
      #expect(ScreenText.ansiLine(line) == "\u{1b}[0;4:\(index + 2)mx\u{1b}[0m")
    }
    let line: JSON = [
      ["text": "x", "underline": true, "underline_color": ["rgb": ["r": 255, "g": 0, "b": 1]]],
      ["text": "y", "underline": true, "underline_color": ["indexed": 9]],
    ]
    #expect(ScreenText.ansiLine(line) == "\u{1b}[0;4;58:2::255:0:1mx\u{1b}[0;4;58:5:9my\u{1b}[0m")
  }

  @Test("links are links, unless their address cannot stand in a control string")
  func ansiLinks() {
    let line: JSON = [
      ["text": "a", "link": "http://x"], ["text": "b", "bold": true, "link": "http://x"], ["text": "c"],
    ]
    #expect(
      ScreenText.ansiLine(line)
        == "\u{1b}]8;;http://x\u{1b}\\a\u{1b}[0;1mb\u{1b}[0m\u{1b}]8;;\u{1b}\\c")
    #expect(ScreenText.ansiLine([["text": "a", "link": "x\u{1b}]0;t\u{7}"]]) == "a")
  }
}

@Suite("Options of serve")
struct ServeOptionsTests {
  private func options(_ words: String..., environment: [String: String] = [:]) throws -> ServeOptions {
    let parser = CommandParser(root: CommandTable.root, globals: CommandTable.globals, environment: environment)
    guard case .run(let invocation) = try parser.parse(["serve"] + words) else {
      throw CommandFailure(.failed, "no command")
    }
    return try ServeOptions(invocation)
  }

  @Test("without options it is the default server on its Unix socket")
  func defaults() throws {
    #expect(try options() == ServeOptions())
  }

  @Test("options and variables arrive")
  func everything() throws {
    let options = try options(
      "--bind", "127.0.0.1:0", "--bind", "[::1]:8080", "--ephemeral", "--max-sessions", "5", "--cors-origin",
      "http://a",
      "--cors-origin", "http://b", "--hostname", "h", "--base-prefix", "/p", "--keep-ended", "5m", "--loops", "2",
      "--shell", "/bin/zsh", "--ready-fd", "3", "-L", "x", "--socket", "/s",
      environment: ["ROOST_TOKEN": "0123456789abcdef"])
    #expect(options.binds == [.init(host: "127.0.0.1", port: 0), .init(host: "::1", port: 8080)])
    #expect(options.isEphemeral)
    #expect(options.maxSessions == 5)
    #expect(options.corsOrigins == ["http://a", "http://b"])
    #expect(options.hostname == "h")
    #expect(options.basePrefix == "/p")
    #expect(options.keepEnded == .seconds(300))
    #expect(options.loops == 2)
    #expect(options.shell == "/bin/zsh")
    #expect(options.readinessDescriptor == 3)
    #expect(options.serverName == "x")
    #expect(options.socketPath == "/s")
    #expect(options.token == "0123456789abcdef")
    #expect(options.requiresAuthentication)
  }

  @Test(
    "what makes no sense is refused",
    arguments: [
      ["--bind", "8080"], ["--bind", "a:b"], ["--bind", ":80"], ["--bind", "::1:80"], ["--bind", "h:70000"],
      ["--token", "short"], ["--no-auth", "--bind", "0.0.0.0:1"], ["--no-auth", "--bind", "127.evil.example:1"],
      ["--base-prefix", "p"], ["--base-prefix", "/p/"], ["--base-prefix", "/"], ["--base-prefix", "/a//b"],
      ["--base-prefix", "/../b"], ["--base-prefix", "/a b"], ["--base-prefix", "/%41"], ["--base-prefix", ""],
      ["--cors-origin", "null"], ["--cors-origin", "*"], ["--cors-origin", "tools.example"], ["--cors-origin", ""],
      ["--cors-origin", "https://a.example/"], ["--cors-origin", "https://a.example/b"], ["--cors-origin", "file://"],
      ["--cors-origin", "https://u@a.example"], ["--cors-origin", "https://*.example"],
      ["--cors-origin", "https://a.example:99999"], ["-L", "a/b"], ["-L", ".hidden"],
      ["-L", String(repeating: "x", count: 33)],
    ])
  func refusals(words: [String]) throws {
    let parser = CommandParser(root: CommandTable.root, globals: CommandTable.globals, environment: [:])
    guard case .run(let invocation) = try parser.parse(["serve"] + words) else { return }
    let failure = #expect(throws: CommandFailure.self) { try ServeOptions(invocation) }
    // The sentence names the option and what was given for it.
    if words[0] == "--cors-origin" || words[0] == "--base-prefix" {
      #expect(failure?.exitCode == .usage)
      #expect(failure?.message.hasPrefix("\(words[0]): '\(words[1])' ") == true, "\(failure?.message ?? "")")
    }
  }

  @Test("an origin is taken as browsers state it, however it is written")
  func origins() throws {
    let words = ["HTTPS://Tools.Example:443", "http://[::1]:80", "http://a:8080", "https://b:80"]
    let parser = CommandParser(root: CommandTable.root, globals: CommandTable.globals, environment: [:])
    let line = ["serve"] + words.flatMap { ["--cors-origin", $0] }
    guard case .run(let invocation) = try parser.parse(line) else { throw CommandFailure(.failed, "no command") }
    #expect(
      try ServeOptions(invocation).corsOrigins == [
        "https://tools.example", "http://[::1]", "http://a:8080", "https://b:80",
      ])
  }

  @Test("loopback addresses need no token when that is wanted", arguments: ["127.0.0.1:1", "[::1]:1", "localhost:1"])
  func loopback(address: String) throws {
    #expect(try !options("--no-auth", "--bind", address).requiresAuthentication)
  }
}

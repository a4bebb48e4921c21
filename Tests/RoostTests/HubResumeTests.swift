import Formats
import Net
import TerminalEngine
import TestKit
import Testing

@Suite("A way to a backend that breaks and comes back", .bounded)
struct HubResumeTests {
  private static let lines = 16_000

  /// Reads terminal bytes until a flood has reached this line, or its end.
  private func read(_ socket: TestWebSocket, upTo line: Int? = nil) async throws -> [UInt8] {
    try await socket.bytes(until: line.map { "line \(padded($0)) of" } ?? "end of flood")
  }

  private func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: 9 - digits.count) + digits
  }

  @Test("a flood that is cut in its middle, again and again, arrives whole: no line is missing, none comes twice")
  func lossless() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("flood", on: "web1", NumberedFlood.script(Self.lines))
      let socket = try await hub.http.webSocket("/sessions/flood/ws/raw?server=web1")
      var bytes = try await socket.bytes(until: "ready")
      // What is on its way when the connection is cut is lost with it.
      web1.relay.behave { $0.silent = [.back] }
      await socket.type("go\r")
      _ = try await web1.roost.wait("flood", ["for": "match", "pattern": "end of flood", "format": "plain"])
      web1.relay.behave { $0.silent = [] }
      web1.relay.cut()
      for line in [2000, 6000, 11_000] {
        bytes += try await read(socket, upTo: line)
        web1.relay.cut()
      }
      bytes += try await read(socket)
      #expect(NumberedFlood.fault(bytes, Self.lines) == nil)
      // A quick machine has everything over before the later cuts.
      #expect(web1.relay.connections >= 2)
      await socket.type("what comes after\r")
      try await socket.bytes(until: "what comes after")
      #expect(try await hub.http.get("/sessions/flood?server=web1")["clients"] == 1)
    }
  }

  @Test("of a flood that is more than can be kept the end is shown, in order, and nothing twice")
  func gap() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let lines = 100_000
      try await hub.session("flood", on: "web1", NumberedFlood.script(lines))
      let socket = try await hub.http.webSocket("/sessions/flood/ws/raw?server=web1")
      try await socket.bytes(until: "ready")
      web1.relay.behave { $0.silent = [.back] }
      await socket.type("go\r")
      _ = try await web1.roost.wait("flood", ["for": "match", "pattern": "end of flood", "format": "plain"])
      web1.relay.behave { $0.silent = [] }
      web1.relay.cut()
      let bytes = try await read(socket)
      let numbers = NumberedFlood.numbers(bytes)
      let isInOrder = zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }
      #expect(numbers.count < lines && isInOrder)
      // What is missing is told by a picture that begins anew (ED, ECMA-48 §8.3.39).
      #expect(contains(bytes, "\u{1B}[2J") || contains(bytes, "\u{1B}[J"))
      await socket.type("what comes after\r")
      try await socket.bytes(until: "what comes after")
    }
  }

  @Test(
    "who is attached while the way is broken or silent is told so, and that it goes on, and loses nothing",
    arguments: [true, false])
  func waiting(isSilent: Bool) async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      let socket = try await hub.http.webSocket(
        "/sessions/a/ws/raw?server=web1&rows=20&cols=70", subprotocols: ["roost.attach.v1"])
      _ = try await socket.nextJSON { !$0["attached"].isNull }
      // One that does not know of attaching is told terminal bytes and nothing else.
      let plain = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1&readonly=true")
      if isSilent {
        web1.relay.behave { $0.silent = [.forth, .back] }
      } else {
        web1.relay.behave { $0.refuses = true }
        web1.relay.cut()
      }
      let waiting = try await socket.nextJSON { !$0["waiting"].isNull }
      #expect(waiting["waiting"]["reason"].string?.contains("no word from web1: ") == true, "\(waiting)")
      await socket.type("typed meanwhile\r")
      web1.relay.behave {
        $0.silent = []
        $0.refuses = false
      }
      let resumed = try await socket.nextJSON { $0["attached"].isNull }
      #expect(resumed == ["resumed": [:]])
      try await socket.bytes(until: "typed meanwhile\r\n")
      try await plain.bytes(until: "typed meanwhile\r\n")
    }
  }

  @Test(
    "who is attached while the backend starts anew is told of a gap, sees a picture of what was missed, and goes on")
  func restart() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      let socket = try await hub.http.webSocket(
        "/sessions/a/ws/raw?server=web1&rows=20&cols=70", subprotocols: ["roost.attach.v1"])
      _ = try await socket.nextJSON { !$0["attached"].isNull }
      await socket.type("before the gap\r")
      try await socket.bytes(until: "before the gap\r\n")
      try await web1.restart()
      let gap = try await socket.nextJSON { !$0["gap"].isNull }
      #expect(gap["gap"]["reason"].string?.contains("web1") == true, "\(gap)")
      await socket.type("typed in the gap\r")
      let attached = try await socket.nextJSON { !$0["attached"].isNull }
      #expect(!attached.isNull)
      try await socket.bytes(until: "typed in the gap")
      let record = try await hub.http.get("/sessions/a?server=web1")
      #expect(record["rows"] == 20 && record["cols"] == 70)
    }
  }

  /// A full screen of a program with a mouse and margins; then a flood in two halves, a line typed before each; then everything is as it was.
  private static func fullScreen(lines: Int) -> JSON {
    let line = #"\033[3;38;2;1;2;3mline %%09.0f\033[0;44m of the flood, numbered\033[m"#
    return [
      "argv": [
        "/bin/sh", "-c",
        .string(
          "stty -echo; printf '\\033[?1049h\\033[5;9r\\033[?1003hready'; read go; "
            + "f=\"$(printf '\(line)')\"; seq -f \"$f\" 1 \(lines / 2); read more; seq -f \"$f\" \(lines / 2 + 1) \(lines); "
            + "printf '\\033[r\\033[?1003l\\033[?1049l'; echo end of flood; exec cat"),
      ]
    ]
  }

  /// Waits until a terminal that was given these bytes shows what the session shows, in the modes that a terminal begins with.
  private func expectPicture(_ terminal: TerminalProcess, of session: String, at hub: ClusterServer) async throws {
    let size = TerminalSize(rows: 24, columns: 80)
    try await eventually("the terminal shows what the session shows") {
      var screen = Terminal(size: size)
      screen.feed(terminal.bytes)
      let lines = screen.screenText().split(separator: "\n", omittingEmptySubsequences: false)
      var shown = lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
      while shown.hasSuffix("\n") { shown.removeLast() }
      let wanted = try await hub.screen(session, on: "web1")
      let isTidy = !screen.isAlternateScreen && screen.modes == Terminal(size: size).modes
      return shown == wanted && isTidy && wanted.contains("what comes after")
    }
  }

  /// Attaches to a flood on a full screen, has something happen to the way, and sees the terminal become what the session is.
  private func attach(
    lines: Int, leaving words: [String], _ happen: (TerminalProcess, _ web1: ClusterServer) async throws -> Void
  ) async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("flood", on: "web1", Self.fullScreen(lines: lines))
      let terminal = try hub.roost.terminal("attach", "web1:flood")
      try await terminal.expect("ready")
      try await happen(terminal, web1)
      try await terminal.expect("end of flood")
      try terminal.type("what comes after\r")
      try await terminal.expect("what comes after")
      try await expectPicture(terminal, of: "flood", at: hub)
      try terminal.type("\u{1c}\u{1c}")
      for word in words { try await terminal.expect(word) }
    }
  }

  @Test("a terminal that is attached through a hub shows what the session shows once its server is there again")
  func attached() async throws {
    let words = ["'roost scrollback web1:flood' has it]", "[detached from web1:flood]"]
    try await attach(lines: 60_000, leaving: words) { terminal, web1 in
      try terminal.type("go\r")
      try await terminal.expect("line 000000100")
      // In the middle of it, wherever that is: what is on its way is lost, and the server that comes then knows nothing of it.
      try await web1.restart()
      // Only the server that came then can show the end. What is typed before the other one's loss is noticed is lost with it.
      _ = try await web1.http.request("POST", "/sessions/flood/input", body: Array("more\r".utf8))
    }
  }

  @Test("a terminal that has missed more than is kept, and how a program put everything back, is tidy all the same")
  func overflow() async throws {
    try await attach(lines: 100_000, leaving: ["[detached from web1:flood]"]) { _, web1 in
      web1.relay.behave { $0.silent = [.back] }
      _ = try await web1.http.request("POST", "/sessions/flood/input", body: Array("go\rmore\r".utf8))
      _ = try await web1.roost.wait("flood", ["for": "match", "pattern": "end of flood", "format": "plain"])
      web1.relay.behave { $0.silent = [] }
      web1.relay.cut()
    }
  }

  @Test(
    "bytes that are turned over on their way are noticed: the link ends, and nothing of them is shown as the backend's")
  func corrupted() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      web1.relay.corruptNext(.back)
      // Something has to pass.
      let asked = try await hub.http.request("GET", "/sessions/a?server=web1")
      #expect(asked.status == 200 || asked.errorCode == "server_unavailable", "\(asked)")
      try await eventually("there is another connection") { web1.relay.connections > 1 }
      try await hub.waitForHealth("healthy", of: web1)
      #expect(try await hub.http.get("/sessions/a?server=web1")["name"] == "a")
      let connections = web1.relay.connections
      web1.relay.corruptNext(.forth)
      _ = try await hub.http.request("GET", "/sessions/a?server=web1")
      try await eventually("there is another connection") { web1.relay.connections > connections }
      try await hub.waitForHealth("healthy", of: web1)
    }
  }

  @Test("over a way of 200 ms that loses one piece of a hundred everything works, and arrives whole")
  func slowAndLossy() async throws {
    try await withCluster("web1", enrolled: false) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      web1.relay.behave {
        $0.delay = .milliseconds(200)
        $0.lossEvery = 100
      }
      let record = try await hub.enrol(web1, health: nil)
      #expect(record["role"] == "member")
      try await hub.waitForHealth("healthy", "degraded", of: web1)
      try await hub.session("flood", on: "web1", NumberedFlood.script(4000))
      let socket = try await hub.http.webSocket("/sessions/flood/ws/raw?server=web1")
      var bytes = try await socket.bytes(until: "ready")
      await socket.type("go\r")
      bytes += try await read(socket)
      #expect(NumberedFlood.fault(bytes, 4000) == nil)
      await socket.type("and back\r")
      try await socket.bytes(until: "and back")
      let latency = try await hub.http.get(web1.path)["latency_ms"].integer ?? 0
      #expect(latency >= 400)
      #expect(web1.relay.connections == 1)
    }
  }

  @Test("what is typed while the way breaks, again and again, arrives once and in order")
  func typing() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1", ["argv": ["/bin/sh", "-c", "stty -echo -onlcr; echo ready; exec cat"]])
      let socket = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1")
      _ = try await socket.bytes(until: "ready")
      await socket.type("now\r")
      for number in 1...2000 {
        await socket.type("line \(padded(number)) of the flood, numbered\r")
        if number % 400 == 0 { web1.relay.cut() }
      }
      await socket.type("end of flood\r")
      let bytes = try await read(socket)
      #expect(NumberedFlood.fault(bytes, 2000) == nil)
      #expect(web1.relay.connections > 1)
    }
  }

  @Test("a call that is answered was done once, and one that found no way was not done, however often the way breaks")
  func calls() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1", ["argv": ["/bin/sh", "-c", "stty -echo; echo ready; exec cat"]])
      try await hub.wait("a", on: "web1", match: "ready")
      var done: Set<Int> = []
      var unknown: Set<Int> = []
      for number in 1...300 {
        if number % 20 == 0 { web1.relay.cut() }
        let answer = try await hub.http.request(
          "POST", "/sessions/a/input?server=web1", body: Array("line \(padded(number)) of the flood, numbered\r".utf8))
        switch answer.status {
        case 200: done.insert(number)
        default:
          #expect(answer.status == 503 && answer.serverPath == ["hub", "web1"], "\(answer)")
          if answer.json["error"]["message"].string?.contains("not known") == true { unknown.insert(number) }
          try await hub.waitForHealth("healthy", of: web1)
        }
      }
      #expect(done.count > 200)
      try await hub.waitForHealth("healthy", of: web1)
      try await hub.type("end of flood\r", into: "a", on: "web1")
      try await hub.wait("a", on: "web1", match: "end of flood")
      let page = try await hub.http.get("/sessions/a/scrollback?server=web1&format=plain&offset=0&limit=10000")
      let arrived = NumberedFlood.numbers(Array(page["lines"].strings.joined(separator: "\n").utf8))
      let seen = Set(arrived)
      #expect(arrived.count == seen.count && zip(arrived, arrived.dropFirst()).allSatisfy { $0 < $1 })
      let isAllThere = done.isSubset(of: seen)
      let isNothingElse = seen.subtracting(unknown).isSubset(of: done)
      #expect(isAllThere && isNothingElse, "\(done.count) done, \(unknown.count) not known, \(seen.count) seen")
    }
  }
}

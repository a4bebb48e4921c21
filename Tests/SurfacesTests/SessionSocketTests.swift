import Formats
import Net
import Operations
import Store
import Sys
import TerminalEngine
import TestKit
import Testing

@testable import Domains
@testable import Sessions
@testable import Surfaces

@Suite("The sockets of a session", .timeLimit(.minutes(2)))
struct SessionSocketTests {
  private func subscribed(_ bench: SocketBench, _ params: JSON) async throws -> TestWebSocket {
    let socket = try await bench.connect()
    #expect(try await socket.nextJSON() == ["connected": true])
    await socket.send(["id": 1, "method": "subscribe", "params": params])
    return socket
  }

  @Test("a subscription is answered first, then shows the screen, then what changes") func subscribe() async throws {
    let bench = try await SocketBench.json()
    try await bench.print("one\r\ntwo")
    let socket = try await subscribed(bench, ["events": ["lines", "cursor"], "interval_ms": 0, "format": "plain"])
    #expect(try await socket.nextJSON()["result"] == ["events": ["lines", "cursor"]])
    let sync = try await socket.nextJSON()
    #expect(sync["event"].string == "sync")
    #expect(sync["seq"].integer == 0)
    #expect(sync["session"] == .null)
    #expect(sync["scrollback_lines"].integer == 5)
    // The screen may have been read before the program printed.
    if sync["screen"]["lines"][1].string != "two" { _ = try await socket.nextJSON { $0["line"].string == "two" } }
    try await bench.print("\r\nthree")
    let line = try await socket.nextJSON { $0["line"].string == "three" }
    #expect(line["event"].string == "line")
    #expect(line["index"].integer == 2)
    #expect(line["total_lines"].integer == 5)
    let cursor = try await socket.nextJSON { $0["event"].string == "cursor" }
    #expect(cursor["row"].integer == 2)
    #expect(cursor["col"].integer == 5)
    #expect(try #require(cursor["seq"].integer) > (try #require(line["seq"].integer)))
    await bench.close()
  }

  @Test("typed text reaches the program, and the answer says from where to wait") func sendInput() async throws {
    let bench = try await SocketBench.json()
    let socket = try await bench.connect()
    await socket.send(["id": ["any": "thing"], "method": "send_input", "params": ["data": "ls\r"]])
    await socket.send(["id": 2, "method": "send_input", "params": ["data": "G1tB", "encoding": "base64"]])
    _ = try await socket.nextJSON()
    let answer = try await socket.nextJSON()
    #expect(answer["id"] == ["any": "thing"])
    #expect(answer["result"]["generation"].integer == 0)
    #expect(try await socket.nextJSON()["result"]["generation"].integer == 1)
    #expect(try await bench.typed(6) == Array("ls\r\u{1B}[A".utf8))
    await bench.close()
  }

  @Test("who may only read cannot type") func scope() async throws {
    let bench = try await SocketBench.json(access: Access(scopes: [.sessionsRead]))
    let socket = try await bench.connect()
    await socket.send(["id": 1, "method": "send_input", "params": ["data": "x"]])
    #expect(try await socket.nextJSON { $0["id"].integer == 1 }["error"]["code"].string == "insufficient_scope")
    await socket.send(["id": 2, "method": "session.input", "params": ["data": "x"]])
    #expect(try await socket.nextJSON { $0["id"].integer == 2 }["error"]["code"].string == "insufficient_scope")
    await bench.close()
  }

  @Test("every operation is a method, with the session filled in; what is none is told so") func operations()
    async throws
  {
    let bench = try await SocketBench.json()
    let socket = try await bench.connect()
    await socket.send(["id": 1, "method": "session.get"])
    #expect(try await socket.nextJSON { $0["id"].integer == 1 }["result"] == ["name": "dev"])
    await socket.send(["id": 2, "method": "capture_input"])
    #expect(try await socket.nextJSON { $0["id"].integer == 2 }["error"]["code"].string == "unknown_method")
    await socket.send(text: "[")
    #expect(try await socket.nextJSON()["error"]["code"].string == "invalid_request")
    await socket.send(["id": 3, "method": "session.get"])
    #expect(try await socket.nextJSON { $0["id"].integer == 3 }["result"] == ["name": "dev"])
    await bench.close()
  }

  @Test("another screen is announced and shown whole") func reset() async throws {
    let bench = try await SocketBench.json()
    let socket = try await subscribed(bench, ["events": ["mode"], "interval_ms": 0])
    _ = try await socket.nextJSON { $0["event"].string == "sync" }
    try await bench.print("\u{1B}[?1049h")
    #expect(try await socket.nextJSON()["reason"].string == "alternate_screen_enter")
    #expect(try await socket.nextJSON()["alternate_active"] == .bool(true))
    #expect(try await socket.nextJSON()["screen"]["alternate_active"] == .bool(true))
    try await bench.session.resize(.init(rows: 4, columns: 10))
    #expect(try await socket.nextJSON()["reason"].string == "resize")
    #expect(try await socket.nextJSON()["screen"]["rows"].integer == 4)
    await bench.close()
  }

  @Test("silence and its end are told once each") func activity() async throws {
    let bench = try await SocketBench.json()
    let socket = try await subscribed(bench, ["events": ["activity"], "idle_timeout_ms": 50])
    let idle = try await socket.nextJSON { $0["event"].string == "idle" }
    #expect(idle["screen"]["rows"].integer == 5)
    try await bench.print("x")
    #expect(try await socket.nextJSON()["event"].string == "running")
    #expect(try await socket.nextJSON()["event"].string == "idle")
    await bench.close()
  }

  @Test("output right after the first word of silence is told of") func activityAtOnce() async throws {
    let bench = try await SocketBench.json()
    try await eventually("the session is silent") { await bench.session.isIdle(for: .milliseconds(100)) }
    // Often: whether the session's own watch has seen the silence by then is a matter of a millisecond.
    for _ in 0..<10 {
      let socket = try await subscribed(bench, ["events": ["activity"], "idle_timeout_ms": 100])
      _ = try await socket.nextJSON { $0["event"].string == "idle" }
      try await bench.print("x")
      #expect(try await socket.nextJSON()["event"].string == "running")
      #expect(try await socket.nextJSON()["event"].string == "idle")
      await socket.close()
    }
    await bench.close()
  }

  @Test("the end of the session comes after what it showed last") func end() async throws {
    let bench = try await SocketBench.json()
    let socket = try await subscribed(bench, ["events": ["lines"], "interval_ms": 60_000, "format": "plain"])
    _ = try await socket.nextJSON { $0["event"].string == "sync" }
    try await bench.print("a\r\n")
    try await bench.print("last")
    await bench.session.ended(.exited(0))
    _ = try await socket.nextJSON { $0["line"].string == "last" }
    #expect(try await socket.waitForClose() == (1000, "session ended"))
    let late = try await bench.connect()
    #expect(try await late.nextJSON() == ["connected": true])
    #expect(try await late.waitForClose() == (1000, "session ended"))
    await bench.close()
  }

  @Test("a subscriber that does not read gets nothing more, and one picture when it reads again") func slowSubscriber()
    async throws
  {
    let bench = try await SocketBench.json()
    let socket = try await subscribed(bench, ["events": ["lines"], "interval_ms": 0, "format": "plain"])
    _ = try await socket.nextJSON { $0["event"].string == "sync" }
    try await bench.session.resize(.init(rows: 200, columns: 200))
    await socket.stopReading()
    // Each screen is forty thousand bytes of events, so these are twice what may be on its way.
    for number in 0..<60 {
      let generation = await bench.session.generation
      try await bench.print(String(repeating: "\(number) " + String(repeating: "x", count: 190) + "\r\n", count: 200))
      try await eventually("screen \(number) is read") { await bench.session.generation > generation }
    }
    try await bench.print("the end")
    try await eventually("the session has read it all") { await bench.session.cursor.column == 7 }
    await socket.resumeReading()
    // The first is that of the resize.
    _ = try await socket.nextJSON { $0["event"].string == "sync" }
    let sync = try await socket.nextJSON { $0["event"].string == "sync" }
    #expect(sync["screen"]["lines"][199].string == "the end")
    await bench.close()
  }

  @Test("a token for one tag loses the session with the tag") func accessEnds() async throws {
    let access = Access(scopes: [.sessionsRead, .sessionsInput], tags: ["build"])
    let bench = try await SocketBench.json(access: access)
    let socket = try await subscribed(bench, ["events": ["lines"], "interval_ms": 0])
    _ = try await socket.nextJSON { $0["event"].string == "sync" }
    await bench.session.identify(name: try SessionName("dev"), tags: [])
    await socket.send(["id": 2, "method": "send_input", "params": ["data": "x"]])
    #expect(try await socket.nextJSON { $0["id"].integer == 2 }["error"]["code"].string == "session_not_found")
    try await bench.print("secret")
    #expect(try await socket.waitForClose().code == 1008)
    await bench.close()
    let other = try await SocketBench.raw(access: access)
    let viewer = try await other.connect()
    _ = try await viewer.next()
    await other.session.identify(name: try SessionName("dev"), tags: [])
    try await other.print("secret")
    #expect(try await viewer.waitForClose().code == 1008)
    await other.close()
  }

  @Test("attached: who it is, the picture, the bytes, the size, the end") func attach() async throws {
    let bench = try await SocketBench.raw()
    let socket = try await bench.connect([SessionRawSocket.attachProtocol])
    let attached = try await socket.nextJSON()["attached"]
    #expect(attached["session"].string == "dev")
    try await bench.print("hello")
    try await socket.bytes(until: "hello")
    await socket.send(binary: Array("x\r".utf8))
    #expect(try await bench.typed(2) == Array("x\r".utf8))
    await socket.send(["resize": ["rows": 7, "cols": 30]])
    #expect(try await socket.nextJSON()["resized"] == ["rows": 7, "cols": 30])
    await socket.send(["later": ["version": 2]])
    await bench.session.ended(.signaled(9))
    #expect(try await socket.nextJSON()["exited"] == ["exit_status": .null, "exit_signal": "SIGKILL"])
    #expect(try await socket.waitForClose() == (1000, "session ended"))
    await bench.close()
  }

  @Test("without the subprotocol text is input too, and nothing but bytes comes") func plain() async throws {
    let bench = try await SocketBench.raw()
    let socket = try await bench.connect()
    await socket.send(text: "a")
    await socket.send(binary: [0x62])
    #expect(try await bench.typed(2) == [0x61, 0x62])
    await bench.session.detachViewers(reason: "detached")
    #expect(try await socket.waitForClose() == (1000, "detached"))
    await bench.close()
  }

  @Test("who only watches types nothing and resizes nothing") func readOnly() async throws {
    let bench = try await SocketBench.raw(isReadOnly: true)
    let socket = try await bench.connect([SessionRawSocket.attachProtocol])
    await socket.send(binary: Array("no".utf8))
    await socket.send(["resize": ["rows": 7, "cols": 30]])
    await socket.close()
    _ = try await socket.waitForClose()
    #expect(await bench.session.size.rows == 5)
    #expect(await bench.session.generation == 0)
    await bench.close()
  }

  @Test("a program that asks for the default colours is answered with those of who looks") func colors() async throws {
    let bench = try await SocketBench.raw()
    let socket = try await bench.connect([SessionRawSocket.attachProtocol])
    await socket.send(["colors": ["foreground": "#102030", "background": "rgb:ff/ff/ff", "cursor": "no colour"]])
    // What comes after it in the same socket comes after it here.
    await socket.send(binary: [0x61])
    #expect(try await bench.typed(1) == [0x61])
    try await bench.print("\u{1B}]10;?\u{7}\u{1B}]11;?\u{7}")
    let answer = "\u{1B}]10;rgb:1010/2020/3030\u{7}\u{1B}]11;rgb:ffff/ffff/ffff\u{7}"
    #expect(try await bench.typed(answer.utf8.count) == Array(answer.utf8))
    await bench.close()
  }

  @Test(
    "control that is none closes the socket",
    arguments: ["x", "{\"resize\":{}}", "{\"resize\":{\"rows\":-1,\"cols\":5}}"])
  func badControl(text: String) async throws {
    let bench = try await SocketBench.raw()
    let socket = try await bench.connect([SessionRawSocket.attachProtocol])
    await socket.send(text: text)
    #expect(try await socket.waitForClose().code == 1003)
    await bench.close()
  }

  @Test("a paste larger than every queue arrives whole") func paste() async throws {
    let bench = try await SocketBench.raw()
    let socket = try await bench.connect()
    await socket.send(binary: [UInt8](repeating: 0x61, count: 60_000))
    for _ in 0..<3 { await socket.send(binary: [UInt8](repeating: 0x62, count: 1 << 20)) }
    let typed = try await bench.typed(60_000 + 3 << 20)
    #expect(typed.count { $0 == 0x61 } == 60_000)
    #expect(typed.last == 0x62)
    await bench.close()
  }
}

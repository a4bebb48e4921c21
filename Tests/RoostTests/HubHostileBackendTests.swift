import Formats
import Net
import Synchronization
import TestKit
import Testing

/// What a backend does that is broken, or wants to break its hub.
private struct Misdeed: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// What its health may be; none of them lets a call through.
  var health = ["unavailable"]
  /// A word of the reason.
  var reason = ""
  let script: HostileServer.Script

  init(
    _ name: String, _ health: [String] = ["unavailable"], _ reason: String = "",
    _ script: @escaping HostileServer.Script
  ) {
    testDescription = name
    self.health = health
    self.reason = reason
    self.script = script
  }

  /// What a backend greets with: each case has an id of its own, since a server is not enrolled twice.
  static func welcome(_ number: Int) -> String {
    #"{"welcome":{"protocol":1,"server_id":"0f9d1f5e-1c1f-4b2e-9d57-6f6b0e1d9a\#(number)","hostname":"bad\#(number)","version":"1","#
      + #""session":"abc","resumed":false,"received":"0"}}"#
  }

  /// Greets as a backend does, and goes on as told.
  static func greeted(
    _ name: String, _ number: Int, reason: String, _ script: @escaping @Sendable (HostileConnection) throws -> Void
  ) -> Misdeed {
    Misdeed(name, ["unavailable"], reason) { connection in
      try connection.webSocket()
      _ = try connection.receive()
      try connection.text(welcome(number))
      try script(connection)
      try connection.waitForEnd()
    }
  }

  static func answering(_ status: String, _ health: [String] = ["unavailable"], _ reason: String, _ more: String = "")
    -> Misdeed
  {
    Misdeed("answers \(status)", health, reason) { connection in
      _ = try connection.head()
      try connection.send("HTTP/1.1 \(status)\r\n\(more)Content-Length: 2\r\n\r\nno")
      try connection.waitForEnd()
    }
  }

  static func hexadecimal(_ number: Int) -> String { String(number + 16, radix: 16) }

  static let all: [Misdeed] = [
    Misdeed("answers garbage") { connection in
      _ = try connection.head()
      try connection.send((0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) })
      try connection.waitForEnd()
    },
    Misdeed("closes at once") { _ in },
    Misdeed("never answers") { try $0.waitForEnd() },
    Misdeed("sends headers without an end") { connection in
      _ = try connection.head()
      try connection.send("HTTP/1.1 200 OK\r\n")
      let lines = Array(String(repeating: "X-Header: \(String(repeating: "x", count: 1000))\r\n", count: 64).utf8)
      for _ in 0..<16_384 { try connection.send(lines) }
    },
    answering("500 Internal Server Error", "500"),
    answering("401 Unauthorized", ["auth_failed"], "token"),
    answering("403 Forbidden", ["auth_failed"], "token"),
    answering("302 Found", "redirect", "Location: http://127.0.0.1:1/link\r\n"),
    answering("307 Temporary Redirect", "redirect", "Location: /elsewhere\r\n"),
    answering("200 OK", ""),
    answering(
      "101 Switching Protocols", "", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n"),
    Misdeed("is no link and says it is larger than everything") { connection in
      _ = try connection.head()
      try connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 9223372036854775807\r\n\r\n")
      let piece = [UInt8](repeating: 0x78, count: 1 << 20)
      while true { try connection.send(piece) }
    },
    Misdeed("gives two lengths") { connection in
      _ = try connection.head()
      try connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc")
      try connection.waitForEnd()
    },
    Misdeed("is no wsh server either") { connection in
      _ = try connection.head()
      try connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
      _ = try connection.head()
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[[[[[[[[[")
      try connection.waitForEnd()
    },
    Misdeed("never says hello") { connection in
      try connection.webSocket()
      try connection.waitForEnd()
    },
    Misdeed("says something else than hello") { connection in
      try connection.webSocket()
      try connection.text("{\"connected\":true}")
      try connection.waitForEnd()
    },
    Misdeed("says that its hello has 2^63 bytes") { connection in
      try connection.webSocket()
      try connection.frame(1, [0x7B], claiming: 1 << 63)
      try connection.waitForEnd()
    },
    Misdeed("says that its hello has 2^40 bytes, and sends them") { connection in
      try connection.webSocket()
      try connection.frame(1, [0x7B], claiming: 1 << 40)
      let piece = [UInt8](repeating: 0x20, count: 1 << 20)
      while true { try connection.send(piece) }
    },
    Misdeed("has an id that is none") { connection in
      try connection.webSocket()
      try connection.text(welcome(41).replacing("0f9d1f5e", with: "../../.."))
      try connection.waitForEnd()
    },
    Misdeed("speaks another version", ["version_mismatch"], "version") { connection in
      try connection.webSocket()
      try connection.text(#"{"refused":{"code":"version_mismatch","message":"another version"}}"#)
      try connection.waitForEnd()
    },
    greeted("sends a frame that says to be longer than it is", 21, reason: "protocol") {
      try $0.binary([1, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 1, 0, 0, 0, 0x41])
    },
    greeted("sends a frame that is cut short", 22, reason: "protocol") { try $0.binary([1, 4, 0]) },
    greeted("sends a frame of a kind that there is not", 23, reason: "protocol") {
      try $0.binary([1, 0, 0, 0, 0, 99, 0, 1, 0, 0, 0])
    },
    greeted("sends on a stream that nobody opened", 24, reason: "protocol") {
      try $0.binary([1, 1, 0, 0, 0, 1, 1, 0xF1, 0xFF, 0, 0, 0x7B])
    },
    greeted("acknowledges what was never sent", 25, reason: "protocol") {
      try $0.binary([2, 0] + [UInt8](repeating: 0xFF, count: 8) + [UInt8](repeating: 0, count: 8))
    },
    greeted("gives more credit than there is", 26, reason: "protocol") {
      try $0.binary([1, 4, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F])
    },
    greeted("sends garbage on its link", 27, reason: "protocol") {
      try $0.binary((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ 3) })
    },
    greeted("tells of sessions that are none", 28, reason: "directory") {
      let message = Array(#"{"sessions":[[[1]]]}"#.utf8)
      try $0.binary([1, UInt8(message.count), 0, 0, 0, 1, 1, 1, 0, 0, 0] + message)
    },
  ]

  static func answering(_ status: String, _ reason: String, _ more: String = "") -> Misdeed {
    answering(status, ["unavailable"], reason, more)
  }
}

@Suite("A backend that is broken or hostile", .bounded)
struct HubHostileBackendTests {
  /// One hub for all of them, as it would be: what one backend does must not touch another.
  private static let hub = Task {
    let hub = try ClusterServer("hub", token: "a-token-of-the-hub", patience: .short)
    let good = try ClusterServer("good", token: "a-token-of-the-good", patience: .short)
    try await hub.start()
    try await good.start()
    try await hub.enrol(good)
    try await hub.session("a", on: "good")
    let pid = try #require(hub.roost.serverPID)
    return (hub, good, held: try peakMemory(of: pid))
  }

  @Test(
    "F9: it is not used, the hub says why, holds little for it, and other backends feel nothing", arguments: Misdeed.all
  )
  private func misdeed(_ misdeed: Misdeed) async throws {
    let (hub, good, held) = try await HubHostileBackendTests.hub.value
    let http = hub.http.another()
    let server = try HostileServer(misdeed.script)
    _ = try await http.post(
      "/servers", ["address": .string(server.address), "token": "a-token-for-the-bad-one", "role": "member"])
    var reason = ""
    try await eventually("\(misdeed.testDescription) is found out") {
      let record = try await http.get(server.path)
      reason = record["reason"].string ?? ""
      // It may take more than one attempt: the first may fail for a smaller reason.
      return misdeed.health.contains(record["health"].string ?? "") && reason.contains(misdeed.reason) && reason != ""
    }
    #expect(!reason.contains("a-token-for"))
    #expect(reason.unicodeScalars.allSatisfy { $0.value >= 0x20 }, "\(reason)")
    let called = try await http.request("POST", "/sessions?server=\(PercentEncoding.encode(server.address))", json: [:])
    #expect(called.status == 503 && called.errorCode == "server_unavailable", "\(called)")
    let name = "good"
    #expect(try await http.get("/sessions/a?server=\(name)")["name"] == "a")
    #expect(try await http.get(good.path)["server_id"].string?.isEmpty == false)
    #expect(try await http.request("DELETE", server.path).status == 204)
    let pid = try #require(hub.roost.serverPID)
    // All of them together, many at once: what the largest of them claims, or sends, is far more.
    let grown = try peakMemory(of: pid) - held
    #expect(grown < 48 << 20, "\(grown >> 20) MiB")
  }

  @Test(
    "F9: a name that would write into a terminal, or pass for an id, is not taken as it is",
    arguments: [#"\u001b]0;owned\u0007"#, #"\u202egpj.exe"#, "a/b", "a:b", ""])
  func names(name: String) async throws {
    let (hub, _, _) = try await HubHostileBackendTests.hub.value
    let http = hub.http.another()
    let id = "0f9d1f5e-1c1f-4b2e-9d57-6f6b0e1d9b\(Misdeed.hexadecimal(name.utf8.count))"
    let server = try HostileServer { connection in
      try connection.webSocket()
      _ = try connection.receive()
      try connection.text(
        Misdeed.welcome(42).replacing("bad42", with: name).replacing("0f9d1f5e-1c1f-4b2e-9d57-6f6b0e1d9a42", with: id))
      try connection.waitForEnd()
    }
    _ = try await http.post("/servers", ["address": .string(server.address)])
    let record = try await hub.roost.waitForHealth(["unavailable", "healthy"], at: server.path)
    let shown = record["hostname"].string ?? ""
    #expect(
      shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x202E && $0 != "/" && $0 != ":" }, "\(record)")
    let table = try await hub.roost.run("servers", "ls").output
    #expect(!table.contains(0x1B) && !contains(table, "\u{202E}"))
    #expect(try await http.request("DELETE", server.path).status == 204)
  }

  @Test(
    "a backend that lives and never answers holds no caller: a call that waits fails after its own time and that of an answer"
  )
  func unanswered() async throws {
    let hub = try ClusterServer("hub", token: "a-token-of-the-hub", patience: .short)
    defer { hub.roost.home.removeAll() }
    try hub.roost.configure("[link]\nping_ms = 200\ndeadline_ms = 10000\nanswer_ms = 1000\n")
    try await hub.start()
    let server = try HostileServer { connection in
      try connection.webSocket()
      while true {
        let (opcode, payload) = try connection.nextFrame()
        switch (opcode, payload.first, payload.dropFirst().first) {
        case (1, _, _): try connection.text(Misdeed.welcome(51))
        case (2, 2, 1): try connection.binary([2, 2] + payload.dropFirst(2))
        case (9, _, _): try connection.frame(10, payload)
        default: break
        }
      }
    }
    _ = try await hub.http.post("/servers", ["address": .string(server.address), "token": "t", "role": "member"])
    let seen = try await hub.roost.waitForHealth(["healthy"], at: server.path)
    let name = try #require(seen["hostname"].string)
    let calls: [(path: String, body: JSON?)] = [
      ("/sessions/a/wait", ["for": "change", "timeout_ms": 100]),
      ("/sessions/a/interact", ["text": "x", "for": "change", "timeout_ms": 100]),
      ("/sessions/a/run", ["command": "x", "timeout_ms": 100]),
      ("/sessions/a/idle?timeout_ms=60000&max_wait_ms=100", nil),
      ("/idle?timeout_ms=60000&max_wait_ms=100", nil),
      ("/sessions/a/screen", nil),
    ]
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (path, body) in calls {
        group.addTask {
          let target = path + (path.contains("?") ? "&" : "?") + "server=\(name)"
          let client = hub.http.another()
          let answer: TestResponse
          if let body {
            answer = try await client.request("POST", target, json: body)
          } else {
            answer = try await client.request("GET", target)
          }
          #expect(answer.status == 504 && answer.errorCode == "gateway_timeout", "\(path): \(answer)")
          #expect(answer.serverPath == ["hub", name] && answer.failedHop == name, "\(path): \(answer)")
        }
      }
      group.addTask {
        // Nor does a socket that it does not open.
        let failure = await #expect(throws: NetError.self) {
          _ = try await hub.http.another().webSocket("/sessions/a/ws/raw?server=\(name)")
        }
        guard case .upgradeRefused(504, let body) = failure?.code else {
          Issue.record("\(String(describing: failure))")
          return
        }
        #expect(contains(body, "gateway_timeout"))
      }
      try await group.waitForAll()
    }
    // It is as well as before: others may be answered.
    #expect(try await hub.http.get(server.path)["health"] == "healthy")
  }

  @Test(
    "a backend that greets well and then talks nonsense is dialled less and less often, also where it has told of its sessions before",
    arguments: [["[]"], [#"{"reset":{"server_id":"ID","count":0}}"#, #"{"ready":true}"#, "[]"]])
  func redialled(_ directory: [String]) async throws {
    let (hub, _, _) = try await HubHostileBackendTests.hub.value
    let http = hub.http.another()
    let dialled = Mutex<[ContinuousClock.Instant]>([])
    let number = 52 + directory.count
    let server = try HostileServer { connection in
      dialled.withLock { $0.append(.now) }
      try connection.webSocket()
      while true {
        let (opcode, payload) = try connection.nextFrame()
        switch (opcode, payload.first, payload.dropFirst().first) {
        case (1, _, _): try connection.text(Misdeed.welcome(number))
        case (2, 2, 1): try connection.binary([2, 2] + payload.dropFirst(2))
        case (9, _, _): try connection.frame(10, payload)
        case (2, 1, _):
          guard let stream = LinkBatch.opened(in: payload, as: "directory") else { continue }
          for message in directory {
            let id = "0f9d1f5e-1c1f-4b2e-9d57-6f6b0e1d9a\(number)"
            try connection.binary(LinkBatch.text(message.replacing("ID", with: id), on: stream))
          }
        default: break
        }
      }
    }
    _ = try await http.post("/servers", ["address": .string(server.address), "token": "t", "role": "member"])
    try await eventually("it has been dialled six times") { dialled.withLock { $0.count } >= 6 }
    #expect(try await http.request("DELETE", server.path).status == 204)
    // The fifth pause is 3.2 s, or half as long by chance; without a back-off it is a fifth of a second at most.
    let times = dialled.withLock { $0 }
    #expect(times[4].duration(to: times[5]) >= .milliseconds(1500))
  }
}

/// Batches of a link, as its frames are laid out.
private enum LinkBatch {
  /// The stream that a batch opens with a head of that kind.
  static func opened(in batch: [UInt8], as kind: String) -> [UInt8]? {
    var rest = batch.dropFirst()
    while rest.count >= 10 {
      let head = Array(rest.prefix(10))
      let length = head[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
      let payload = rest.dropFirst(10).prefix(length)
      if head[4] == 0, contains(Array(payload), "\"kind\":\"\(kind)\"") { return Array(head[6...]) }
      rest = rest.dropFirst(10 + length)
    }
    return nil
  }

  static func text(_ text: String, on stream: [UInt8]) -> [UInt8] {
    let length = (0..<4).map { UInt8(truncatingIfNeeded: text.utf8.count >> (8 * $0)) }
    return [1] + length + [1, 1] + stream + Array(text.utf8)
  }
}

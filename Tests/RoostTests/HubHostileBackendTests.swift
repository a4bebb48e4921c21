import Formats
import Net
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

  static let identity = #""server_id":"0f9d1f5e-1c1f-4b2e-9d57-6f6b0e1d9a11","hostname":"bad","version":"1""#
  static let welcome = #"{"welcome":{"protocol":1,\#(identity),"session":"abc","resumed":false,"received":"0"}}"#

  /// Greets as a backend does, and goes on as told.
  static func greeted(
    _ name: String, _ health: [String] = ["unavailable"], _ reason: String = "",
    _ script: @escaping @Sendable (HostileConnection) throws -> Void
  ) -> Misdeed {
    Misdeed(name, health, reason) { connection in
      try connection.webSocket()
      _ = try connection.receive()
      try connection.text(welcome)
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
      try connection.text(welcome.replacing("0f9d1f5e", with: "../../.."))
      try connection.waitForEnd()
    },
    Misdeed("has a name that would write into a terminal", ["unavailable", "healthy"]) { connection in
      try connection.webSocket()
      try connection.text(welcome.replacing("\"bad\"", with: #""\u001b]0;owned\u0007""#))
      try connection.waitForEnd()
    },
    Misdeed("speaks another version", ["version_mismatch"], "version") { connection in
      try connection.webSocket()
      try connection.text(#"{"refused":{"code":"version_mismatch","message":"another version"}}"#)
      try connection.waitForEnd()
    },
    greeted("sends a frame that says to be longer than it is", reason: "protocol") {
      try $0.binary([1, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 1, 0, 0, 0, 0x41])
    },
    greeted("sends a frame that is cut short", reason: "protocol") { try $0.binary([1, 4, 0]) },
    greeted("sends a frame of a kind that there is not", reason: "protocol") {
      try $0.binary([1, 0, 0, 0, 0, 99, 0, 1, 0, 0, 0])
    },
    greeted("sends on a stream that nobody opened", reason: "protocol") {
      try $0.binary([1, 1, 0, 0, 0, 1, 1, 0xF1, 0xFF, 0, 0, 0x7B])
    },
    greeted("acknowledges what was never sent", reason: "protocol") {
      try $0.binary([2, 0] + [UInt8](repeating: 0xFF, count: 8) + [UInt8](repeating: 0, count: 8))
    },
    greeted("gives more credit than there is", reason: "protocol") {
      try $0.binary([1, 4, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F])
    },
    greeted("sends garbage on its link", reason: "protocol") {
      try $0.binary((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ 3) })
    },
    greeted("tells of sessions that are none", reason: "directory") {
      let message = Array(#"{"sessions":[[[1]]]}"#.utf8)
      try $0.binary([1, UInt8(message.count), 0, 0, 0, 1, 1, 1, 0, 0, 0] + message)
    },
  ]

  static func greeted(
    _ name: String, reason: String, _ script: @escaping @Sendable (HostileConnection) throws -> Void
  ) -> Misdeed { greeted(name, ["unavailable"], reason, script) }

  static func answering(_ status: String, _ reason: String, _ more: String = "") -> Misdeed {
    answering(status, ["unavailable"], reason, more)
  }
}

@Suite("A backend that is broken or hostile", .bounded)
struct HubHostileBackendTests {
  /// One hub for all of them, as it would be: what one backend does must not touch another.
  private static let hub = Task {
    let hub = try ClusterServer("hub", token: "hub-token", patience: .short)
    let good = try ClusterServer("good", token: "good-token", patience: .short)
    try await hub.start()
    try await good.start()
    try await hub.enrol(good)
    try await hub.session("a", on: "good")
    return (hub, good)
  }

  @Test(
    "F9: it is not used, the hub says why, holds little for it, and other backends feel nothing", arguments: Misdeed.all
  )
  private func misdeed(_ misdeed: Misdeed) async throws {
    let (hub, good) = try await HubHostileBackendTests.hub.value
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
    #expect(try peakMemory(of: pid) < 200 << 20)
  }
}

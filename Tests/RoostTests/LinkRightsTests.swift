import Formats
import Net
import TestKit
import Testing

/// A hub that is none: opens links, and says on them what it likes.
@Suite("Who may open links, and what they may cost", .bounded)
struct LinkRightsTests {
  private static let owner = "a-token-of-the-tests-0123456789"

  private func token(_ roost: Roost, _ scopes: [String]) async throws -> String {
    let made = try await roost.http.post(
      "/tokens", ["name": "hub", "scopes": .array(scopes.map { .string($0) })])
    return try #require(made["token"].string)
  }

  private func hello(_ number: Int) -> String {
    let digits = String(repeating: "0", count: 12 - "\(number)".count) + "\(number)"
    let id = "00000000-0000-4000-8000-\(digits)"
    return """
      {"hello":{"protocol":1,"oldest_protocol":1,"hub_id":"\(id)","hostname":"evil","version":"9","via":["\(id)"],\
      "flags":[],"required_flags":[],"ping_ms":60000,"deadline_ms":60000}}
      """
  }

  /// A link with its first answer.
  private func link(_ client: TestClient, _ number: Int) async throws -> (socket: TestWebSocket, answer: JSON) {
    let socket = try await client.webSocket("/link", subprotocols: ["roost-link.1"])
    await socket.send(text: hello(number))
    return (socket, try await socket.nextJSON())
  }

  @Test("a link needs its own scope, and what is done over it the others")
  func scope() async throws {
    try await withTCP(token: LinkRightsTests.owner) { roost, client in
      let narrow = client.another(token: try await token(roost, ["files:read", "sessions:read"]))
      await #expect {
        try await narrow.webSocket("/link", subprotocols: ["roost-link.1"])
      } throws: {
        "\($0)".contains("403")
      }
      for scopes in [["link"], ["admin"]] {
        let hub = client.another(token: try await token(roost, scopes))
        #expect(try await link(hub, 1).answer["welcome"] != .null)
      }
    }
  }

  @Test("one token has its number of links, another has its own, and a lost link gives way")
  func places() async throws {
    try await withTCP(token: LinkRightsTests.owner) { roost, client in
      let greedy = client.another(token: try await token(roost, ["link"]))
      var links: [TestWebSocket] = []
      for number in 0..<16 {
        let (socket, answer) = try await link(greedy, number)
        #expect(answer["welcome"] != .null, "\(answer)")
        links.append(socket)
      }
      #expect(try await link(greedy, 16).answer["refused"] != .null)
      let other = client.another(token: try await token(roost, ["link"]))
      #expect(try await link(other, 17).answer["welcome"] != .null)
      // It may come back for a minute; nobody waits for that.
      await links[0].close()
      _ = try await links[0].waitForClose()
      try await eventually("the place is free") { try await link(greedy, 18).answer["welcome"] != .null }
    }
  }

  @Test("messages that never end cost a bounded amount, however many streams they are on")
  func budget() async throws {
    try await withTCP(token: LinkRightsTests.owner) { roost, client in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let hub = client.another(token: try await token(roost, ["link", "sessions:read"]))
      let (socket, answer) = try await link(hub, 1)
      #expect(answer["welcome"] != .null)
      let head = Array(
        """
        {"kind":"call","operation":"session.list","path":[],"query":[],"body":"json","method":"GET","route":"/sessions",\
        "context":{"correlation_id":"00000000-0000-4000-8000-000000000001","principal":"user:0",\
        "via":["00000000-0000-4000-8000-000000000001"],"limits":{"scopes":["admin"],"role":"member"}}}
        """.utf8)
      func frame(_ kind: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        return bytes(UInt32(payload.count)) + [kind, flags] + bytes(stream) + payload
      }
      let piece = [UInt8](repeating: 0x20, count: 60_000)
      // 80 streams of half a megabyte: 38 MB, of which 32 MiB may be held.
      var (refusals, hasAnswered) = (0, false)
      func hear() async throws {
        guard case .binary(let message) = try await socket.next(within: .seconds(120)) else { return }
        refusals += message.contains(Array("too much is on its way".utf8)) ? 1 : 0
        hasAnswered = message.contains(Array("\"name\":\"a\"".utf8))
      }
      for stream in stride(from: UInt32(1), to: 161, by: 2) {
        await socket.send(binary: [1] + frame(0, 0, stream, head))
        for _ in 0..<8 { await socket.send(binary: [1] + frame(1, 3, stream, piece)) }
        // Every 256 KiB are acknowledged: no faster than that, or the client's own queue is full.
        try await hear()
      }
      // Streams are closed for it; the link goes on, and serves the next call.
      await socket.send(binary: [1] + frame(0, 0, 9_001, head) + frame(1, 1, 9_001, Array("{}".utf8)))
      while !hasAnswered { try await hear() }
      #expect(refusals > 0)
      let held = try await roost.http.request("GET", "/metrics").text.split(separator: "\n")
        .first { $0.hasPrefix("roost_link_held_bytes ") }.flatMap { Double($0.split(separator: " ").last ?? "") }
      #expect(try #require(held) <= 33 * 1024 * 1024)
    }
  }

  @Test("a ticket is not given through a hub, and the hub's own opens the backend's socket")
  func tickets() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      let refused = try await hub.http.request("POST", "/auth/ws-ticket?server=web1")
      #expect(refused.status == 501 && refused.errorCode == "unsupported", "\(refused)")
      #expect(refused.text.contains("?server="))
      let rpc = try await hub.http.call(
        "POST", "/rpc", ["jsonrpc": "2.0", "id": 1, "method": "auth.ticket", "params": ["server": "web1"]])
      #expect(
        rpc["error"]["data"]["code"] == "unsupported" || rpc["error"]["message"].string?.contains("hub") == true,
        "\(rpc)")
      // Nor does a backend give one to a hub that passes it on.
      #expect(try await web1.http.request("POST", "/auth/ws-ticket").status == 200)
      let ticket = try #require(try await hub.http.post("/auth/ws-ticket")["ticket"].string)
      let socket = try await hub.http.webSocket("/sessions/a/ws/raw?server=web1&ticket=\(ticket)")
      await socket.type("by ticket\r")
      try await socket.bytes(until: "by ticket\r\n")
    }
  }
}

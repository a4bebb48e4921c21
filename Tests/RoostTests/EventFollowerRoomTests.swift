import Formats
import TestKit
import Testing

@Suite("Followers of events that do not read", .bounded)
struct EventFollowerRoomTests {
  @Test(
    "have 16 MiB on their way however many they are, take none of the others' and go on when there is room")
  func room() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      func makeToken() async throws -> String {
        try #require(try await roost.http.post("/tokens", ["scopes": ["events:read"]])["token"].string)
      }
      let (token, other) = (try await makeToken(), try await makeToken())
      let data = String(repeating: "d", count: 60_000)
      for batch in 0..<20 {
        let events = (0..<12).map { ["subject": .string("big.x\(batch * 12 + $0)"), "data": .string(data)] as JSON }
        try await roost.http.post("/events", .array(events))
      }
      let endpoint = try await roost.tcp(token: token).endpoint
      func follow(_ token: String, silently: Bool = false) async throws -> RawConnection {
        let connection = try RawConnection(endpoint, receiveBuffer: silently ? 4096 : nil)
        // Those that do not read are streams, the others WebSockets: one account.
        let isWebSocket = !silently
        try await connection.send(
          RawConnection.request(
            "GET", isWebSocket ? "/events/ws?after=0" : "/events/stream?after=0",
            headers: ["Authorization: Bearer \(token)"] + (isWebSocket ? RawConnection.upgrade : [])))
        let head = try await connection.receive(through: "\r\n\r\n")
        #expect(head.hasPrefix(isWebSocket ? "HTTP/1.1 101" : "HTTP/1.1 200"), "\(head)")
        return connection
      }
      var silent: [RawConnection] = []
      for _ in 0..<300 { silent.append(try await follow(token, silently: true)) }
      try await eventually("there is no more room, for an event", within: .seconds(120)) {
        try await roost.used("event_bytes") > 15 << 20
      }
      // An event or a read that was begun before may come on top.
      #expect(try await roost.used("event_bytes") < 24 << 20)
      // Another token's follower is given everything, and so is one of this token's once the others are gone.
      let reader = try await follow(other)
      for number in 0..<240 { _ = try await reader.receive(through: "\"big.x\(number)\"") }
      let late = try await follow(token)
      silent = []
      for number in 0..<240 { _ = try await late.receive(through: "\"big.x\(number)\"") }
      try await eventually("nothing is unread") { try await roost.used("event_bytes") == 0 }
    }
  }
}

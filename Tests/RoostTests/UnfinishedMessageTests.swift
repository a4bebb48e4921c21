import Formats
import Net
import TestKit
import Testing

@Suite("Messages that are never finished", .bounded)
struct UnfinishedMessageTests {
  /// A socket that is read only for its close.
  private func socket(_ endpoint: Endpoint, _ target: String, _ token: String) async throws -> RawConnection {
    let connection = try RawConnection(endpoint)
    try await connection.send(
      RawConnection.request(
        "GET", target,
        headers: RawConnection.upgrade + ["Authorization: Bearer \(token)"]))
    _ = try await connection.receive(through: "\r\n\r\n")
    return connection
  }

  @Test(
    "count as bodies of requests do: a token's many sockets hold no more than its share",
    arguments: ["/rpc", "/events/ws"])
  func bounded(path: String) async throws {
    try await withTCP { roost, client in
      let made = try await roost.http.post("/tokens", ["scopes": ["events:read", "sessions:read"]])
      let token = try #require(made["token"].string)
      // 1 MiB less a little, under a mask of zeros, as a text that goes on.
      let count = 1_000_000
      let piece =
        [0x01, 0xFF] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * (7 - $0))) } + [0, 0, 0, 0]
        + [UInt8](repeating: UInt8(ascii: "a"), count: count)
      var sockets: [RawConnection] = []
      for _ in 0..<16 {
        let socket = try await self.socket(client.endpoint, path, token)
        try await socket.send(piece)
        sockets.append(socket)
      }
      try await eventually("the share holds them") { try await roost.used("body_bytes") > 15 << 20 }
      let last = try await socket(client.endpoint, path, token)
      try await last.send(piece)
      try await last.send(piece)
      // 1013, try again later.
      let told = try await last.receiveAll()
      #expect(told.utf8.count > 2 && told.contains("unfinished"), "\(told.debugDescription)")
      #expect(try await roost.used("body_bytes") <= 16 << 20)
      // The local user's are nobody's share, and theirs are given back.
      sockets = []
      try await eventually("what they held is given back") { try await roost.used("body_bytes") == 0 }
    }
  }
}

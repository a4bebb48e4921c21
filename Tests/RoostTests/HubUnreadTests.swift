import Formats
import TestKit
import Testing

@Suite("Clients of a hub that do not read", .bounded)
struct HubUnreadTests {
  @Test("a stream of another server's events that nobody reads ends with its client, and nothing else does")
  func events() async throws {
    let token = "a-token-for-everything-0123456789"
    try await withRoost(["--bind", "127.0.0.1:0", "--token", token, "--hostname", "web1"]) { web1 in
      try await withRoost(["--bind", "127.0.0.1:0", "--token", token, "--hostname", "hub"]) { hub in
        let address = try await web1.http.get("/server/info")["tcp_addr"].string ?? ""
        let added = try await hub.run(
          ["servers", "add", "http://\(address)", "--role", "member"], environment: ["ROOST_BACKEND_TOKEN": token])
        #expect(added.exitCode == 0, "\(added)")
        let data = String(repeating: "d", count: 60_000)
        let batch = JSON.array((0..<15).map { _ in ["subject": "big.x", "data": .string(data)] })
        for _ in 0..<10 { try await web1.http.post("/events", batch) }
        let tcp = try await hub.tcp(token: token)
        for _ in 0..<3 {
          var streams: [RawConnection] = []
          for _ in 0..<4 {
            let stream = try RawConnection(tcp.endpoint, receiveBuffer: 4096)
            try await stream.send(
              RawConnection.request(
                "GET", "/events/stream?after=0&server=web1", headers: ["Authorization: Bearer \(token)"]))
            let head = try await stream.receive(through: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200"), "\(head)")
            streams.append(stream)
          }
          func following() async throws -> Bool {
            try await hub.http.request("GET", "/metrics").text
              .contains("roost_share_used{share=\"event_followers\"} \(streams.count)\n")
          }
          try await eventually("they are followed") { try await following() }
          streams = []
          try await eventually("they are let go of") { try await following() }
        }
        #expect(try await hub.http.request("GET", "/fleet/sessions").status == 200)
      }
    }
  }
}

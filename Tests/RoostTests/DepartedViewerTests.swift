import Formats
import Net
import TestKit
import Testing

@Suite("Clients that leave at a bad moment", .bounded)
struct DepartedViewerTests {
  private static let attach = ["Sec-WebSocket-Protocol: roost.attach.v1"]

  /// A WebSocket of which nobody takes care: it ends with its last reference, without a word.
  private func socket(_ endpoint: Endpoint, _ target: String, _ headers: [String]) async throws -> RawConnection {
    let connection = try RawConnection(endpoint)
    try await connection.send(
      RawConnection.request(
        "GET", target,
        headers: RawConnection.upgrade + headers))
    _ = try await connection.receive(through: "101 ")
    return connection
  }

  /// A message as a client sends it, under a mask of zeros.
  private func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
    precondition((126..<65536).contains(payload.count))
    return [0x80 | opcode, 0xFE, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), 0, 0, 0, 0] + payload
  }

  private func expectGone(_ roost: Roost, connections: Int) async throws {
    try await eventually("nobody is counted who is not there") {
      let clients = try await roost.http.get("/sessions/shown")["clients"]
      let used = try await roost.used("connections")
      return clients == 0 && used <= connections
    }
  }

  @Test("who leaves while the first picture is made is not counted for ever")
  func leavesAtOnce() async throws {
    try await withTCP { roost, client in
      try await roost.session(["name": "shown", "argv": ["/bin/cat"], "rows": 200, "cols": 200])
      let made = try await roost.http.post("/tokens", ["name": "watcher", "scopes": ["sessions:read"]])
      let token = ["Authorization: Bearer \(made["token"].string ?? "")"]
      let before = try await roost.used("connections")
      let resize = Array(#"{"resize":{"rows":400,"cols":400}\#(String(repeating: " ", count: 100))}"#.utf8)
      for (endpoint, headers) in [(client.endpoint, token), (roost.http.endpoint, [])] {
        for size in ["&rows=500&cols=500", ""] {
          for _ in 0..<20 {
            let leaving = try await socket(
              endpoint, "/sessions/shown/ws/raw?readonly=true\(size)", headers + DepartedViewerTests.attach)
            try await leaving.send(frame(1, resize))
          }
        }
      }
      try await expectGone(roost, connections: before)
    }
  }

  @Test("who leaves while nobody reads what he typed is not waited for", arguments: ["raw", "json"])
  func leavesUnread(kind: String) async throws {
    try await withTCP { roost, client in
      let program: JSON = ["/bin/sh", "-c", "stty raw -echo; echo ready; exec sleep 1000"]
      try await roost.session(["name": "shown", "argv": program])
      try await roost.http.post("/sessions/shown/wait", ["for": "match", "pattern": "ready", "timeout_ms": 30000])
      let made = try await roost.http.post(
        "/tokens", ["name": "typist", "scopes": ["sessions:read", "sessions:input"]])
      let token = ["Authorization: Bearer \(made["token"].string ?? "")"]
      let before = try await roost.used("connections")
      let text = String(repeating: "a", count: 60_000)
      let typed =
        kind == "raw"
        ? frame(2, Array(text.utf8))
        : frame(1, Array(#"{"id":1,"method":"send_input","params":{"data":"\#(text)"}}"#.utf8))
      for (endpoint, headers) in [(client.endpoint, token), (roost.http.endpoint, [])] {
        for _ in 0..<3 {
          let leaving = try await socket(endpoint, "/sessions/shown/ws/\(kind)", headers)
          for _ in 0..<4 { try await leaving.send(typed) }
        }
      }
      try await expectGone(roost, connections: before)
    }
  }
}

import Formats
import Net
import TestKit
import Testing

@Suite("Metrics for Prometheus", .bounded)
struct MetricsTests {
  private func scrape(_ client: TestClient) async throws -> PrometheusText {
    let response = try await client.request("GET", "/metrics")
    guard response.status == 200 else { throw TestFailure("\(response)") }
    #expect(response.headers[first: "content-type"] == "text/plain; version=0.0.4; charset=utf-8")
    return try PrometheusText(response.text)
  }

  @Test("what the server does is in its metrics: sessions by state, bytes, clients, sockets, requests")
  func everything() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "secret-name", "argv": ["/bin/cat"]])
      try await roost.session(["name": "gone", "argv": ["/bin/true"]])
      try await roost.wait("gone", ["for": "exit"])
      let before = try await scrape(roost.http)
      #expect(before["roost_sessions", ["state": "exited"]] == 1)
      #expect(before.series("roost_sessions").reduce(0) { $0 + $1.value } == 2)
      let viewer = try await roost.http.another().webSocket("/sessions/secret-name/ws/raw")
      await viewer.type("to-program\n")
      try await viewer.bytes(until: "to-program\r\nto-program")
      let after = try await scrape(roost.http)
      #expect(after["roost_session_clients", ["kind": "raw"]] == 1)
      #expect(after["roost_websockets_open"] == 1)
      // Typed; then echoed and written, each with a carriage return.
      #expect(after["roost_session_input_bytes_total"] == 11)
      #expect(after["roost_session_output_bytes_total"] == 24)
      #expect(after["roost_http_requests_total", ["operation": "session.create", "status": "2xx"]] == 2)
      #expect(after["roost_http_request_duration_seconds_count", ["operation": "session.create"]] == 2)
      #expect(after["roost_http_requests_total", ["operation": "ws.session_raw", "status": "1xx"]] == 1)
      #expect(after["roost_http_requests_total", ["operation": "server.metrics", "status": "2xx"]] == 1)
      #expect(after["roost_keeper_up"] == 1)
      #expect(after.series("roost_loop_lag_seconds").count > 0)
      #expect(after.series("roost_build_info").map(\.value) == [1])
      for name in [
        "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
        "process_start_time_seconds", "process_virtual_memory_bytes",
      ] {
        #expect((after[name] ?? 0) > 0, "\(name)")
      }
      let text = try await roost.http.request("GET", "/metrics").text
      #expect(!text.contains("secret-name"))
      await viewer.close()
      _ = try await viewer.waitForClose()
      try await eventually("the socket is no longer counted") {
        try await scrape(roost.http)["roost_websockets_open"] == 0
      }
    }
  }

  @Test("whatever is asked for that is no route of ours is counted as 'other', however many names it has")
  func unknown() async throws {
    try await withRoost { roost in
      for number in 0..<20 { _ = try await roost.http.request("GET", "/nothing/\(number)") }
      _ = try await roost.http.request("PUT", "/sessions")
      let raw = try RawConnection(roost.http.endpoint)
      try await raw.send("nonsense\r\n\r\n")
      _ = try await raw.receiveResponse()
      let metrics = try await scrape(roost.http)
      let others = metrics.series("roost_http_requests_total").filter { $0.labels["operation"] == "other" }
      #expect(others.reduce(0) { $0 + $1.value } == 22, "\(others)")
      let operations = Set(metrics.series("roost_http_requests_total").compactMap { $0.labels["operation"] })
      #expect(operations.isSubset(of: ["other", "server.metrics"]), "\(operations)")
    }
  }

  @Test("reading them needs the scope events:read")
  func scope() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      func token(_ scope: String) async throws -> String {
        try await roost.http.post("/tokens", ["scopes": [.string(scope)]])["token"].plain
      }
      let reader = try await roost.tcp(token: try await token("events:read"))
      _ = try await scrape(reader)
      let other = try await roost.tcp(token: try await token("sessions:read")).request("GET", "/metrics")
      #expect(other.status == 403 && other.errorCode == "insufficient_scope", "\(other)")
      let nobody = try await roost.tcp().request("GET", "/metrics")
      #expect(nobody.status == 401)
    }
  }
}

extension JSON {
  fileprivate var plain: String { string ?? "" }
}

import Formats
import Net
import TestKit
import Testing

/// Backends that are something else than a Roost server alone.
@Suite("Backends of other kinds", .bounded)
struct HubKindsTests {
  /// Lets everything through to a server but its link: what is left is what a wsh server has.
  private struct WithoutLink: HTTPHandler {
    let server: HTTPClient

    func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
      if request.path == "/link" { return .response(HTTPResponse(status: 404)) }
      var headers = HTTPHeaders()
      for name in ["authorization", "content-type"] {
        if let value = request.headers[first: name] { headers.append(name, value) }
      }
      let passed = HTTPClientRequest(request.method, request.target, headers: headers, body: request.body)
      do {
        let response = try await server.send(passed)
        return .response(HTTPResponse(status: response.status, headers: response.headers, body: response.body))
      } catch {
        return .response(HTTPResponse(status: 502))
      }
    }
  }

  @Test("a server without a link is used for what it offers and listed with its sessions; the rest is refused by name")
  func wsh() async throws {
    try await withCluster("web1", enrolled: false) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let loops = try LoopGroup(count: 1)
      defer { loops.stop() }
      let inner = HTTPClient(
        endpoint: .tcp(host: "127.0.0.1", port: try await web1.port), loop: loops.loops[0])
      let door = HTTPServer(loops: loops, handler: WithoutLink(server: inner)) { fault, _ in
        HTTPResponse(status: fault.status)
      }
      let address = "http://127.0.0.1:\(try await door.listen(host: "127.0.0.1", port: 0))"
      _ = try await hub.http.post(
        "/servers", ["address": .string(address), "token": .string(web1.token), "role": "member"])
      let record = try await hub.roost.waitForHealth(["degraded"], at: "/servers/\(PercentEncoding.encode(address))")
      #expect(record["reason"].string?.contains("wsh") == true && record["hostname"] == "web1", "\(record.text)")

      _ = try await hub.http.post("/sessions?server=web1", ["name": "there", "command": "cat"])
      let typed = try await hub.http.request("POST", "/sessions/there/input?server=web1", body: Array("hello\n".utf8))
      #expect(typed.status == 200 || typed.status == 204, "\(typed)")
      try await eventually("what was typed is on the screen there") {
        try await hub.http.get("/sessions/there/screen?server=web1&format=plain").text.contains("hello")
      }
      try await eventually("the session is on the hub's list") {
        try await hub.http.get("/sessions").array?.contains { $0["server"] == "web1" && $0["name"] == "there" } == true
      }
      let refused = try await hub.http.request(
        "POST", "/sessions/there/run?server=web1", json: ["command": "true"])
      #expect(refused.errorCode == "unsupported" && refused.json["error"]["message"].string?.contains("web1") == true)
      #expect(try await hub.http.request("GET", "/sessions/there/screen").status == 404)
      await door.close(graceful: .zero)
      await inner.close()
    }
  }

  @Test("a server without a link that has another id after its start is used at once where it is known by its address")
  func newID() async throws {
    try await withCluster("web1", "again", enrolled: false) { cluster in
      let (hub, web1, again) = (cluster.hub, cluster["web1"], cluster["again"])
      // The same host, with another id: as a wsh server is after each start.
      try await again.roost.stopServer()
      try await again.roost.start(["--bind", "127.0.0.1:0", "--token", again.token, "--hostname", "web1"])
      let ids = [try await web1.id, try await again.id]
      let loops = try LoopGroup(count: 1)
      defer { loops.stop() }
      let relay = try Relay(to: try await web1.port)
      let inner = HTTPClient(endpoint: .tcp(host: "127.0.0.1", port: relay.port), loop: loops.loops[0])
      let door = HTTPServer(loops: loops, handler: WithoutLink(server: inner)) { fault, _ in
        HTTPResponse(status: fault.status)
      }
      let address = "http://127.0.0.1:\(try await door.listen(host: "127.0.0.1", port: 0))"
      let path = "/servers/\(PercentEncoding.encode(address))"
      _ = try await hub.http.post(
        "/servers", ["address": .string(address), "token": .string(web1.token), "role": "member"])
      try await hub.roost.waitForHealth(["degraded"], at: path)

      relay.target = try await again.port
      relay.cut()
      let refused = try await hub.roost.waitForHealth(["rejected"], at: path)
      #expect(refused["reason"].string?.contains("--identity address") == true, "\(refused.text)")
      let updated = try await hub.roost.runJSON("servers", "update", address, "--identity", "address")
      #expect(updated["identity"] == "address")
      try await hub.roost.waitForHealth(["degraded"], at: path)
      #expect(try await hub.http.get(path)["server_id"].string == ids[1])
      #expect(try await hub.roost.run("servers", "info", address).text.contains("its address and host name"))

      relay.target = try await web1.port
      relay.cut()
      try await eventually("it is used as the other one, and nobody had to confirm it") {
        let record = try await hub.http.get(path)
        return record["server_id"].string == ids[0] && record["health"] == "degraded"
      }
      _ = try await hub.http.post("/sessions?server=web1", ["name": "there", "command": "cat"])
      #expect(try await web1.listed() == ["web1:there"])
      let events = try await hub.roost.events(until: "both are told") { $0["data"]["reported"].string == ids[0] }
      #expect(events.of("servers.identity_changed").map { $0["data"]["confirmed"].bool } == [false, true, true])
      await door.close(graceful: .zero)
      await inner.close()
    }
  }

  @Test("through a transitive backend the servers behind it are seen, as they change; through another they are not")
  func behind() async throws {
    try await withCluster("middle", "far", enrolled: false) { cluster in
      let (hub, middle, far) = (cluster.hub, cluster["middle"], cluster["far"])
      try await hub.enrol(middle)
      #expect(try await hub.http.get(middle.path)["servers"].isNull)
      _ = try await hub.http.patch(middle.path, ["transitive": true])
      try await eventually("nobody is behind it yet") {
        try await hub.http.get(middle.path)["servers"].array?.isEmpty == true
      }
      try await middle.enrol(far, role: "observer")
      try await eventually("the server behind it is seen") {
        let behind = try await hub.http.get(middle.path)["servers"][0]
        return behind["hostname"] == "far" && behind["role"] == "observer" && behind["health"] == "healthy"
      }
      _ = try await middle.http.delete(far.path)
      try await eventually("it is gone again") {
        try await hub.http.get(middle.path)["servers"].array?.isEmpty == true
      }
      // Its sessions are no business of the hub.
      #expect(try await hub.http.request("GET", "/sessions?server=far").status == 404)
    }
  }
}

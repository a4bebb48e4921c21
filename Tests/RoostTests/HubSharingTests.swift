import Formats
import Net
import Sys
import TestKit
import Testing

@Suite("Several at one backend", .bounded)
struct HubSharingTests {
  @Test("sessions that flood do not hold up another's keystroke, whether anybody reads them or not")
  func keystroke() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("quiet", on: "web1")
      var floods: [TestWebSocket] = []
      for index in 0..<3 {
        try await hub.session(
          "flood-\(index)", on: "web1", ["argv": ["/bin/sh", "-c", "read go; exec yes a line of a flood"]])
        let socket = try await hub.http.another().webSocket("/sessions/flood-\(index)/ws/raw?server=web1")
        await socket.type("go\r")
        floods.append(socket)
      }
      for socket in floods { try await socket.bytes(until: "a line of a flood") }
      // Two of them read by nobody any more, one read all the time.
      await floods[0].stopReading()
      await floods[1].stopReading()
      let pid = try #require(hub.roost.serverPID)
      try forgetPeakMemory(of: pid)
      let held = try residentMemory(of: pid)
      let reader = Task { [flood = floods[2]] in while !Task.isCancelled { _ = try await flood.next() } }
      let typist = try await hub.http.another().webSocket("/sessions/quiet/ws/raw?server=web1")
      var between: [Int] = []
      for index in 0..<20 {
        let before = web1.relay.bytes(.back)
        await typist.type("key-\(index)\r")
        try await typist.bytes(until: "key-\(index)\r\n")
        between.append(web1.relay.bytes(.back) - before)
      }
      reader.cancel()
      // What a keystroke waits behind is what lies in the connection, not what the floods have to say.
      #expect(between.sorted()[10] < 4 << 20, "\(between)")
      #expect(between.max() ?? 0 < 16 << 20, "\(between)")
      // Who does not read costs no more than the windows of his stream.
      let grown = try peakMemory(of: pid) - held
      #expect(grown < 48 << 20, "\(grown >> 20) MiB")
    }
  }

  @Test("links have a loop of their own, which no session's flood holds up; without a hub there is none")
  func ownLoop() async throws {
    try await withCluster("web1", enrolled: false) { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      let pid = try #require(web1.roost.serverPID)
      #expect(!threads(of: pid).contains("links"))
      try await hub.enrol(web1)
      try await hub.session("a", on: "web1")
      #expect(threads(of: pid).filter { $0 == "links" }.count == 1)
      #expect(try !threads(of: #require(hub.roost.serverPID)).contains("links"))
    }
  }

  private func threads(of pid: Int32) -> [String] {
    numericEntries(of: "/proc/\(pid)/task").compactMap { thread in
      // One may have ended meanwhile.
      try? String(textOfFile("/proc/\(pid)/task/\(thread)/comm").prefix { $0 != "\n" })
    }
  }

  @Test(
    "two hubs over one backend: sizes and clients are counted there, and one that leaves does not disturb the other")
  func twoHubs() async throws {
    try await withCluster("other", "web1", enrolled: false) { cluster in
      let (hub, other, web1) = (cluster.hub, cluster["other"], cluster["web1"])
      try await hub.enrol(web1)
      try await other.enrol(web1)
      try await hub.session("a", on: "web1")
      try await other.waitForList("web1:a")
      func attach(_ server: ClusterServer, _ rows: Int, _ columns: Int) async throws -> TestWebSocket {
        let socket = try await server.http.another().webSocket(
          "/sessions/a/ws/raw?server=web1&rows=\(rows)&cols=\(columns)", subprotocols: ["roost.attach.v1"])
        _ = try await socket.nextJSON { !$0["attached"].isNull }
        return socket
      }
      let first = try await attach(hub, 20, 60)
      let second = try await attach(other, 30, 100)
      for server in [hub, other] {
        let record = try await server.http.get("/sessions/a?server=web1")
        #expect(record["rows"] == 30 && record["cols"] == 100 && record["clients"] == 2, "\(record)")
      }
      await first.type("from the first\r")
      try await second.bytes(until: "from the first")
      await second.type("from the second\r")
      try await first.bytes(until: "from the second")
      await first.send(["resize": ["rows": 22, "cols": 66]])
      // Who typed has taken the size over each time, which was told before.
      _ = try await second.nextJSON { $0["resized"] == ["rows": 22, "cols": 66] }

      try await hub.roost.stopServer()
      try await eventually("the first is gone") {
        try await other.http.get("/sessions/a?server=web1")["clients"] == 1
      }
      await second.type("still here\r")
      try await second.bytes(until: "still here\r\n")
      #expect(try await other.http.get(web1.path)["health"] == "healthy")
      // The one comes back; nobody loses anything by it.
      try await hub.start()
      try await hub.waitForHealth("healthy", of: web1)
      _ = try await attach(hub, 25, 80)
      // The size is his again by that, so he may see it in the picture of it.
      await second.type("and still\r")
      try await second.bytes(until: "and still")
    }
  }
}

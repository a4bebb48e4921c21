import Formats
import Net
import TestKit
import Testing

@Suite("Hubs of hubs", .bounded)
struct HubCircleTests {
  /// The health of a server as another one sees it, and why.
  private func health(_ server: ClusterServer, at hub: ClusterServer) async throws -> (health: String, reason: String) {
    let record = try await hub.http.get(server.path)
    return (record["health"].string ?? "", record["reason"].string ?? "")
  }

  @Test("F1: of two hubs that register each other one is refused as a circle, and their lists end")
  func two() async throws {
    try await withCluster("b", enrolled: false) { cluster in
      let (a, b) = (cluster.hub, cluster["b"])
      _ = try await a.http.post("/sessions", ["name": "of-a", "argv": ["/bin/cat"]])
      _ = try await b.http.post("/sessions", ["name": "of-b", "argv": ["/bin/cat"]])
      try await a.enrol(b)
      let refused = try await b.enrol(a, health: "rejected")
      #expect(refused["reason"].string?.contains("circle") == true, "\(refused)")
      try await a.waitForList("hub:of-a", "b:of-b")
      try await b.waitForList("b:of-b")
      #expect(try await health(b, at: a).health == "healthy")
      #expect(try await a.http.request("GET", "/sessions").headers[first: "roost-missing-servers"] == nil)
      let called = try await b.http.request("GET", "/sessions/of-a?server=\(PercentEncoding.encode(a.address))")
      #expect(called.status == 503 && called.json["error"]["message"].string?.contains("circle") == true, "\(called)")
      // Without the one link the other may be.
      _ = try await a.http.delete(b.path)
      try await b.waitForHealth("healthy", of: a)
    }
  }

  @Test(
    "in a ring of four exactly one link is refused, in whatever order they come, and each lists its own backend alone",
    arguments: [true, false])
  func ring(inTurn: Bool) async throws {
    try await withCluster("s1", "s2", "s3", enrolled: false) { cluster in
      let ring = [cluster.hub] + cluster.members
      for server in ring {
        _ = try await server.http.post("/sessions", ["name": .string("of-\(server.name)"), "argv": ["/bin/cat"]])
      }
      let next = { (index: Int) in ring[(index + 1) % ring.count] }
      for (index, server) in ring.enumerated() {
        try await server.enrol(next(index), health: inTurn ? index == 3 ? "rejected" : "healthy" : nil)
      }
      var rejected: [Int] = []
      try await eventually("one link is refused and three are well") {
        rejected = []
        var healthy = 0
        for (index, server) in ring.enumerated() {
          switch try await health(next(index), at: server) {
          case ("rejected", let reason):
            #expect(reason.contains("circle"), "\(reason)")
            rejected.append(index)
          case ("healthy", _): healthy += 1
          default: break
          }
        }
        return rejected.count == 1 && healthy == 3
      }
      for (index, server) in ring.enumerated() {
        let other = next(index)
        if rejected == [index] {
          try await server.waitForList("\(server.name):of-\(server.name)")
        } else {
          try await server.waitForList("\(server.name):of-\(server.name)", "\(other.name):of-\(other.name)")
        }
      }
      // A ring that is opened elsewhere lets the refused link be.
      let broken = try #require(rejected.first)
      let elsewhere = (broken + 2) % 4
      _ = try await ring[elsewhere].http.delete(next(elsewhere).path)
      try await ring[broken].waitForHealth("healthy", of: next(broken))
    }
  }

  @Test("F2: a hub shows its backends' own sessions, none of theirs, and what it shows can be called")
  func transitive() async throws {
    try await withCluster("b", "c", enrolled: false) { cluster in
      let (a, b, c) = (cluster.hub, cluster["b"], cluster["c"])
      try await b.enrol(c)
      try await a.enrol(b)
      try await b.session("of-c", on: "c")
      _ = try await b.http.post("/sessions", ["name": "of-b", "argv": ["/bin/cat"]])
      try await b.waitForList("b:of-b", "c:of-c")
      try await a.waitForList("b:of-b")
      #expect(try await a.http.get("/sessions?server=b").array?.map { $0["name"].string } == ["of-b"])
      #expect(try await a.http.request("GET", "/sessions/of-c?server=c").errorCode == "server_not_found")
      #expect(try await a.http.request("GET", "/sessions/of-c?server=b%2Fc").errorCode == "server_not_found")
      #expect(try await a.http.request("GET", "/sessions/of-c?server=b").errorCode == "session_not_found")
      for record in try await a.http.get("/sessions").array ?? [] {
        let (server, name) = (record["server"].string ?? "", record["name"].string ?? "")
        #expect(try await a.http.get("/sessions/\(name)?server=\(server)")["name"].string == name)
      }
    }
  }
}

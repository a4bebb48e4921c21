import Formats
import TestKit
import Testing

@Suite("Event streams of a backend", .bounded)
struct HubEventStreamTests {
  private func publish(_ server: ClusterServer, _ numbers: ClosedRange<Int>) async throws -> [Int] {
    let list = JSON.array(numbers.map { ["subject": "t.n", "data": ["n": .integer($0)]] })
    let answer = try await server.http.another().post("/events", list)
    return (answer["events"].array ?? []).compactMap { $0["seq"].integer }
  }

  @Test("a stream through the hub is the backend's, in each form, and goes on exactly behind Last-Event-ID")
  func stream() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      // The hub's own events are not among them.
      _ = try await publish(hub, 1...3)
      let sequences = try await publish(web1, 1...20)
      let target = "/events/stream?server=web1&subject=t.n&after=\(sequences[0] - 1)"
      let first = try await EventSource(hub.http, target)
      for index in 0..<8 {
        let message = try await first.next()
        #expect(message.id == "\(sequences[index])" && message.event == "t.n")
        #expect(message.data == (try await hub.http.get("/events/\(sequences[index])?server=web1")))
      }
      let second = try await EventSource(hub.http, target, headers: ["Last-Event-ID: \(sequences[7])"])
      for index in 8..<20 { #expect(try await second.next().id == "\(sequences[index])") }
      let live = try await EventSource(hub.http, "/events/stream?server=web1&subject=t.n&format=cloudevents")
      let older = try await EventSource(hub.http, "/events/stream?server=web1&subject=t.n&since=1h&format=hub")
      #expect(try await older.next().data["payload"] == ["n": 1])
      for seq in try await publish(web1, 21...22) {
        for source in [second, live] { #expect(try await source.next().id == "\(seq)") }
      }
    }
  }

  @Test("what is wrong with a stream is said at once, and it ends when its backend is lost")
  func faults() async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      for query in ["after=x", "subject=a..b", "nonsense=1", "since=never"] {
        let refused = try await hub.http.request("GET", "/events/stream?server=web1&\(query)")
        #expect(refused.status == 400, "\(query) \(refused)")
      }
      let open = try await EventSource(hub.http, "/events/stream?server=web1&subject=t.n")
      let seq = try #require(try await publish(web1, 1...1).first)
      #expect(try await open.next().id == "\(seq)")
      _ = try await hub.http.patch(web1.path, ["role": "none"])
      await #expect(throws: (any Error).self) { while true { _ = try await open.next() } }
      let refused = try await hub.http.request("GET", "/events/stream?server=web1")
      #expect(refused.errorCode == "role_refused", "\(refused)")
    }
  }
}

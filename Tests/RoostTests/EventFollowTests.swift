import Formats
import Net
import TestKit
import Testing

/// Following the event log of the real server: server-sent events, WebSocket, JSON-RPC.
@Suite("Following the event log", .bounded)
struct EventFollowTests {
  /// Publishes events with the data `{"n":1}` and so on; the numbers that the log gave them.
  @discardableResult
  private func publish(_ roost: Roost, _ subject: String, _ numbers: ClosedRange<Int>) async throws -> [Int] {
    let list = JSON.array(numbers.map { ["subject": .string(subject), "data": ["n": .integer($0)]] })
    let answer = try await roost.http.another().post("/events", list)
    return (answer["events"].array ?? []).compactMap { $0["seq"].integer }
  }

  /// The socket once it has said that it is connected, and the number that it begins with.
  private func follow(_ roost: Roost, _ query: String) async throws -> (socket: TestWebSocket, next: Int) {
    let socket = try await roost.http.another().webSocket("/events/ws\(query)")
    let first = try await socket.nextJSON()
    guard first["connected"] == true, let next = first["next"].integer else {
      throw TestFailure("not the first message: \(first.text)")
    }
    return (socket, next)
  }

  private func numbers(_ socket: TestWebSocket, _ count: Int) async throws -> [Int] {
    var numbers: [Int] = []
    for _ in 0..<count { numbers.append(try await socket.nextJSON()["data"]["n"].integer ?? -1) }
    return numbers
  }

  // MARK: Server-sent events

  @Test("a stream gives number, type and envelope of each event, and goes on exactly behind Last-Event-ID")
  func stream() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 1...20)
      let first = try await EventSource(roost.http, "/events/stream?subject=t.n&after=\(sequences[0] - 1)")
      for index in 0..<8 {
        let message = try await first.next()
        #expect(message.id == "\(sequences[index])" && message.event == "t.n")
        #expect(message.data == (try await roost.http.get("/events/\(sequences[index])")))
      }
      let headers = ["Last-Event-ID: \(sequences[7])"]
      // The header says more than the address that a browser opens again as it was.
      let second = try await EventSource(
        roost.http, "/events/stream?subject=t.n&after=\(sequences[0] - 1)", headers: headers)
      for index in 8..<20 { #expect(try await second.next().id == "\(sequences[index])") }
      let live = try await EventSource(roost.http, "/events/stream?subject=t.n&format=cloudevents")
      let more = try await publish(roost, "t.n", 21...22)
      for source in [second, live] {
        for seq in more { #expect(try await source.next().id == "\(seq)") }
      }
      let latest = try await EventSource(roost.http, "/events/stream?subject=t.n&since=1h&format=hub")
      #expect(try await latest.next().data["payload"] == ["n": 1])
    }
  }

  @Test("a stream resumed after a crash of the server misses nothing and repeats nothing") func resumed() async throws {
    try await withRoost { roost in
      let first = try await publish(roost, "t.n", 1...1)[0]
      var (seen, last) = ([Int](), first - 1)
      for round in 0..<3 {
        let source = try await EventSource(
          roost.http, "/events/stream?subject=t.n", headers: ["Last-Event-ID: \(last)"])
        try await publish(roost, "t.n", (round * 50 + 2)...(round * 50 + 51))
        for _ in 0..<30 {
          let message = try await source.next()
          seen.append(message.data["data"]["n"].integer ?? -1)
          last = Int(message.id) ?? -1
        }
        try await roost.killServer()
        try await roost.start()
      }
      let source = try await EventSource(roost.http, "/events/stream?subject=t.n&after=\(last)")
      while seen.count < 151 { seen.append(try await source.next().data["data"]["n"].integer ?? -1) }
      #expect(seen == Array(1...151))
    }
  }

  // MARK: WebSocket

  @Test("history goes over into the present without gap or repetition while others publish") func history() async throws
  {
    try await withRoost { roost in
      try await publish(roost, "t.n", 1...100)
      let (publishers, each) = (4, 10)
      let socket = try await withThrowingTaskGroup(of: Void.self) { group in
        for publisher in 0..<publishers {
          group.addTask {
            for round in 0..<each {
              let first = 1000 * (publisher + 1) + round * 10
              try await publish(roost, "t.n", first...(first + 9))
            }
          }
        }
        let (socket, next) = try await follow(roost, "?subject=t.n&after=0")
        #expect(next == 1)
        try await group.waitForAll()
        return socket
      }
      let total = 100 + publishers * each * 10
      var events: [JSON] = []
      while events.count < total { events.append(try await socket.nextJSON()) }
      let stored = try await roost.events("&subject=t.n")
      #expect(stored.count == total)
      #expect(events.map(\.text) == stored.map(\.text))
      for publisher in 1...publishers {
        let own = events.compactMap { $0["data"]["n"].integer }.filter { $0 / 1000 == publisher }
        #expect(own == Array(publisher * 1000..<publisher * 1000 + each * 10))
      }
      let last = try await publish(roost, "t.n", 9999...9999)
      #expect(try await socket.nextJSON()["seq"].integer == last[0])
    }
  }

  @Test("following begins with what comes from now on, or where it is told to") func beginnings() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 1...5)
      let (now, next) = try await follow(roost, "?subject=t.n")
      #expect(next > sequences[4])
      let (after, _) = try await follow(roost, "?subject=t.n&after=\(sequences[2])")
      let (since, _) = try await follow(roost, "?subject=t.*&since=1h")
      let (hub, _) = try await follow(roost, "?type=t.n&after=\(sequences[3])&format=hub")
      try await publish(roost, "other.x", 1...3)
      try await publish(roost, "t.n", 6...7)
      #expect(try await numbers(now, 2) == [6, 7])
      #expect(try await numbers(after, 4) == [4, 5, 6, 7])
      #expect(try await numbers(since, 7) == Array(1...7))
      for number in 5...7 { #expect(try await hub.nextJSON()["payload"]["n"].integer == number) }
    }
  }

  @Test("what cannot be followed is refused before anything is sent")
  func refused() async throws {
    let http = try await SharedServer.roost.http.another()
    for (query, code) in [
      ("subject=a..b", "invalid_subject"), ("type=%3E.x", "invalid_subject"), ("since=nonsense", "invalid_time"),
      ("after=-1", "invalid_request"), ("after=x", "invalid_request"), ("max_lag=0", "invalid_request"),
      ("format=xml", "invalid_request"), ("colour=red", "invalid_request"), ("limit=5", "invalid_request"),
      ("after=18446744073709551616", "invalid_request"), ("after=9223372036854775807", "invalid_request"),
    ] {
      let response = try await http.request("GET", "/events/stream?\(query)")
      #expect(response.status == 400 && response.errorCode == code, "\(query): \(response)")
      await #expect(throws: (any Error).self, "\(query)") { try await http.another().webSocket("/events/ws?\(query)") }
    }
    let last = try await http.request("GET", "/events/stream", headers: ["last-event-id": "x"])
    #expect(last.status == 400, "\(last)")
    #expect(try await http.request("GET", "/events/ws").status == 426)
  }

  @Test("an acknowledged place is where the next connection goes on, after a crash of the server too")
  func cursor() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 1...10)
      let (first, _) = try await follow(roost, "?subject=t.n&cursor=mine&after=0")
      #expect(try await numbers(first, 10) == Array(1...10))
      await first.send(["ack": .integer(sequences[3])])
      #expect(try await first.nextJSON() == ["acked": .integer(sequences[3])])
      for (bad, word) in [
        (["ack": 1_000_000], "no event"), (["ack": -1], "ack"), (["ack": "4"], "ack"), (["more": 1], "ack"),
        ([1], "ack"),
      ] as [(JSON, String)] {
        await first.send(bad)
        let answer = try await first.nextJSON()
        #expect(answer["error"]["code"] == "invalid_request", "\(bad.text): \(answer.text)")
        #expect(answer["error"]["message"].string?.contains(word) == true, "\(bad.text): \(answer.text)")
      }
      await first.close()
      let (second, next) = try await follow(roost, "?subject=t.n&cursor=mine")
      #expect(next == sequences[3] + 1)
      #expect(try await numbers(second, 6) == Array(5...10))
      await second.send(["ack": .integer(sequences[6])])
      #expect(try await second.nextJSON()["acked"].integer == sequences[6])
      try await roost.killServer()
      try await roost.start()
      let (third, _) = try await follow(roost, "?subject=t.n&cursor=mine")
      #expect(try await numbers(third, 3) == [8, 9, 10])
      let stream = try await EventSource(roost.http, "/events/stream?subject=t.n&cursor=mine")
      #expect(try await stream.next().data["data"]["n"] == 8)
      // Without a name there is no place to keep.
      let (nameless, _) = try await follow(roost, "?subject=t.n")
      await nameless.send(["ack": 1])
      #expect(try await nameless.nextJSON()["error"]["code"] == "invalid_request")
      await nameless.send(binary: [1, 2])
      #expect(try await nameless.nextJSON()["error"]["code"] == "invalid_request")
    }
  }

  @Test("a reader that may fall only so far behind is told what it missed, and goes on") func lag() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 1...50)
      let query = "?after=\(sequences[0] - 1)&max_lag=10"
      let (socket, _) = try await follow(roost, query)
      let gap = try await socket.nextJSON()["gap"]
      #expect(gap["from"].integer == sequences[0] && (gap["to"].integer ?? 0) >= sequences[49], "\(gap.text)")
      let more = try await publish(roost, "t.n", 51...52)
      #expect(try await socket.nextJSON { $0["subject"] == "t.n" }["seq"].integer == more[0])
      let stream = try await EventSource(roost.http, "/events/stream\(query)")
      let told = try await stream.next()
      #expect(told.event == "gap" && told.id == "\(told.data["to"].integer ?? 0)")
      #expect(told.data["from"].integer == sequences[0])
    }
  }

  // MARK: JSON-RPC

  @Test("subscriptions over JSON-RPC: several at once, each ended by its number") func rpc() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost, "t.n", 1...3)
      let socket = try await roost.http.another().webSocket("/rpc")
      func call(_ id: Int, _ method: String, _ parameters: JSON) async throws -> JSON {
        await socket.send(["jsonrpc": "2.0", "id": .integer(id), "method": .string(method), "params": parameters])
        return try await socket.nextJSON { $0["id"].integer == id }
      }
      let history = try await call(1, "bus.subscribe", ["subject": "t.*", "after": .integer(sequences[0])])["result"]
      #expect(history["next"].integer == sequences[0] + 1, "\(history.text)")
      for seq in sequences.dropFirst() {
        let message = try await socket.nextJSON()
        #expect(message["method"] == "bus.event" && message["id"].isNull, "\(message.text)")
        #expect(message["params"]["subscription"] == history["subscription"])
        #expect(message["params"]["event"]["seq"].integer == seq)
      }
      let live = try await call(2, "bus.subscribe", ["subject": ["a.b", "c.>"], "format": "hub"])["result"]
      #expect(live["subscription"] != history["subscription"])
      try await publish(roost, "c.d.e", 7...7)
      let hub = try await socket.nextJSON()["params"]
      #expect(hub["subscription"] == live["subscription"] && hub["event"]["payload"] == ["n": 7], "\(hub.text)")
      #expect(try await call(3, "bus.unsubscribe", ["subscription": live["subscription"]])["error"].isNull)
      try await publish(roost, "c.d.e", 8...8)
      try await publish(roost, "t.n", 4...4)
      #expect(try await socket.nextJSON()["params"]["event"]["data"]["n"] == 4)
      #expect(try await call(4, "bus.unsubscribe", ["subscription": live["subscription"]])["error"]["code"] == -32602)
      let refused: [JSON] = [["subject": "a..b"], ["since": "soon"], ["after": -1], ["colour": 1], [1]]
      for (id, bad) in refused.enumerated() {
        let answer = try await call(10 + id, "bus.subscribe", bad)
        #expect(answer["error"]["code"].integer ?? 0 < 0, "\(bad.text): \(answer.text)")
      }
      for id in 20..<35 {
        #expect(try await call(id, "bus.subscribe", ["subject": "none.x"])["error"].isNull)
      }
      let extra = try await call(40, "bus.subscribe", ["subject": "none.x"])
      #expect(extra["error"]["data"]["code"] == "resource_limit_reached", "\(extra.text)")
      // Its subscriptions end with the socket.
      await socket.close()
      try await eventually("nobody follows") { try await roost.http.get("/events/status")["followers"] == 0 }
    }
  }

  // MARK: A reader that does not read

  @Test("a reader that stops costs the server no memory and the publishers no time, and then gets everything in order")
  func slowReader() async throws {
    try await withRoost { roost in
      let pid = try #require(roost.serverPID)
      let pad = String(repeating: "x", count: 60_000)
      let list = JSON.array((0..<16).map { ["subject": "t.n", "data": ["n": .integer($0), "pad": .string(pad)]] }).bytes
      func publish(_ rounds: Int) async throws {
        let http = roost.http.another()
        for _ in 0..<rounds {
          let response = try await http.request("POST", "/events", body: list)
          guard response.status == 201 else { throw TestFailure("\(response.status)") }
        }
      }
      // Buffers that the server keeps are there before it is measured.
      try await publish(4)
      let (socket, next) = try await follow(roost, "?subject=t.n")
      let source = try await EventSource(roost.http, "/events/stream?subject=t.n")
      await socket.stopReading()
      let before = try residentMemory(of: pid)
      try forgetPeakMemory(of: pid)
      let rounds = 70
      try await publish(rounds)
      let (now, peak) = (try residentMemory(of: pid), try peakMemory(of: pid))
      #expect(now - before < 32 << 20, "\(before >> 20) MB grew to \(now >> 20) MB")
      #expect(peak - before < 48 << 20, "\(before >> 20) MB peaked at \(peak >> 20) MB")
      let status = try await roost.http.get("/events/status")
      let last = try #require(status["last_seq"].integer)
      #expect(status["followers"] == 2 && last - next + 1 >= rounds * 16 && status["dropped"] == 0)
      await socket.resumeReading()
      var seen = next - 1
      for index in 0..<rounds * 16 {
        guard case .text(let text) = try await socket.next() else { throw TestFailure("closed") }
        // Sixty thousand bytes of padding need no general parser.
        let head = text.prefix(120)
        guard let range = head.firstRange(of: "\"seq\":"),
          let seq = Int(head[range.upperBound...].prefix { $0.isNumber })
        else { throw TestFailure("no event: \(head)") }
        guard seq > seen, text.contains("\"data\":{\"n\":\(index % 16),") else {
          throw TestFailure("\(seq) after \(seen), \(index)")
        }
        seen = seq
      }
      #expect(seen <= last)
      // The other reader, which was never asked, has all of it too.
      #expect(try await source.next().event == "t.n")
      await socket.close()
    }
  }
}

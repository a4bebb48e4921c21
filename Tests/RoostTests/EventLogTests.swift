import Formats
import Net
import TestKit
import Testing

/// Asking the event log and publishing to it, over the real server's HTTP.
@Suite("The event log over HTTP", .bounded)
struct EventLogTests {
  private static let correlation = "7f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d"

  private func seqs(_ page: JSON) -> [Int] { (page["events"].array ?? []).compactMap { $0["seq"].integer } }
  private func numbers(_ page: JSON) -> [Int] { (page["events"].array ?? []).compactMap { $0["data"]["n"].integer } }

  /// Publishes a list of events with the data `{"n":1}` and so on; the numbers that the log gave them.
  @discardableResult
  private func publish(_ http: TestClient, _ subject: String, _ numbers: ClosedRange<Int>) async throws -> [Int] {
    let list = JSON.array(numbers.map { ["subject": .string(subject), "data": ["n": .integer($0)]] })
    return seqs(try await http.post("/events", list))
  }

  // MARK: Asking

  @Test("pages lead through everything either way round, each event once") func paging() async throws {
    try await withRoost { roost in
      let http = roost.http
      let published = try await publish(http, "t.n", 1...57)
      #expect(published == Array(published[0]..<published[0] + 57))
      for (order, bound, expected) in [
        ("asc", "after", Array(1...57)), ("desc", "before", Array((1...57).reversed())),
      ] {
        for limit in [1, 7, 56, 57, 1000] {
          var (found, place, pages) = ([Int](), "", 0)
          while true {
            let page = try await http.get("/events?subject=t.n&order=\(order)&limit=\(limit)\(place)")
            found += numbers(page)
            pages += 1
            #expect(seqs(page).count <= limit)
            guard let next = page["next"].integer else { break }
            #expect(next == seqs(page).last)
            place = "&\(bound)=\(next)"
          }
          #expect(found == expected, "\(order) by \(limit)")
          #expect(pages == max(1, (57 + limit - 1) / limit), "\(order) by \(limit): \(pages) pages")
        }
      }
      let between = try await http.get("/events?subject=t.n&after=\(published[9])&before=\(published[20])")
      #expect(numbers(between) == Array(11...20) && between["next"].isNull)
      // Unless it is asked otherwise: a hundred, oldest first.
      try await publish(http, "t.m", 1...60)
      let usual = try await http.get("/events")
      #expect(seqs(usual) == Array(1...100) && usual["next"] == 100)
      #expect(seqs(try await http.get("/events?after=\(UInt64.max)")).isEmpty)
      #expect(seqs(try await http.get("/events?before=\(UInt64.max)&limit=1000")).first == 1)
    }
  }

  @Test("each filter finds what it describes and nothing else, and all of them must hold") func filters() async throws {
    try await withRoost { roost in
      let http = roost.http
      let stored = try await http.post(
        "/events",
        [
          ["subject": "a.b", "type": "done", "origin": ["kind": "tool", "id": "lint"], "data": ["n": 1]],
          ["subject": "a.c", "type": "done", "origin": ["kind": "tool", "id": "test"], "data": ["n": 2]],
          ["subject": "a.b.c", "type": "begun.late", "data": ["n": 3]],
          ["subject": "x", "type": "done", "correlation_id": .string(Self.correlation), "data": ["n": 4]],
          ["subject": "日.本", "type": "j.p", "data": ["n": 5]],
        ])
      #expect(seqs(stored).count == 5)
      for (query, expected) in [
        ("subject=a.b", [1]), ("subject=a.*", [1, 2]), ("subject=a.%3E", [1, 2, 3]), ("subject=a.b,x", [1, 4]),
        ("subject=*.c", [2]), ("type=done", [1, 2, 4]), ("type=begun.*", [3]), ("type=done,begun.late", [1, 2, 3, 4]),
        ("type=done&subject=a.*", [1, 2]), ("origin_kind=tool", [1, 2]), ("origin_id=lint", [1]),
        ("origin_kind=tool&origin_id=test", [2]), ("origin_kind=project", []), ("subject=nobody", []),
        ("correlation_id=\(Self.correlation)", [4]), ("correlation_id=\(Self.correlation)&type=begun.late", []),
        ("subject=%E6%97%A5.*", [5]), ("type=j.*", [5]),
      ] {
        #expect(numbers(try await http.get("/events?limit=1000&\(query)")) == expected, "\(query)")
        let backwards = numbers(try await http.get("/events?limit=1000&order=desc&\(query)"))
        #expect(backwards == expected.reversed(), "\(query)")
      }
    }
  }

  @Test("times: since holds its moment, until does not, and words are understood") func times() async throws {
    try await withRoost { roost in
      let http = roost.http
      for number in 1...3 { try await http.post("/events", ["subject": "t.n", "data": ["n": .integer(number)]]) }
      let events = try await http.get("/events?subject=t.n")
      let times = (events["events"].array ?? []).compactMap { $0["time"].string }
      try #require(times.count == 3 && times == times.sorted() && Set(times).count == 3)
      func ask(_ query: String) async throws -> [Int] { numbers(try await http.get("/events?subject=t.n&\(query)")) }
      #expect(try await ask("since=\(times[1])") == [2, 3])
      #expect(try await ask("until=\(times[1])") == [1])
      #expect(try await ask("since=\(times[1])&until=\(times[2])") == [2])
      #expect(try await ask("since=\(times[1].dropLast())%2B00:00") == [2, 3])
      #expect(try await ask("since=15m") == [1, 2, 3])
      #expect(try await ask("since=2h&until=now&order=desc") == [3, 2, 1])
      #expect(try await ask("until=1d").isEmpty)
      #expect(try await ask("since=yesterday%2014:00&until=yesterday%2014:01").isEmpty)
      #expect(try await ask("since=2999-01-01T00:00:00Z").isEmpty)
    }
  }

  // MARK: Forms

  @Test("the three forms, by parameter and by Accept, of a list and of one") func forms() async throws {
    try await withRoost { roost in
      let http = roost.http
      let server = try await http.get("/server/info")["server_id"].string ?? ""
      let made = try await http.post(
        "/events",
        [
          "subject": "a.b", "type": "done", "origin": ["kind": "tool", "id": "lint & co"], "causation_id": "c-1",
          "correlation_id": "c-0", "data": ["n": 1],
        ])
      let (id, seq) = (try #require(made["id"].string), try #require(made["seq"].integer))
      for path in ["/events/\(id)", "/events/\(seq)"] {
        let own = try await http.get(path)
        #expect(
          own.members?.map(\.name) == [
            "id", "seq", "type", "subject", "time", "origin", "correlation_id", "causation_id", "principal", "data",
          ])
        #expect(own["origin"] == ["server_id": .string(server), "kind": "tool", "id": "lint & co"])
        #expect(own["time"] == made["time"] && own["seq"].integer == seq && own["causation_id"] == "c-1")
        let hub = try await http.get("\(path)?format=hub")
        #expect(hub.members?.map(\.name) == ["id", "correlationId", "origin", "timestamp", "type", "payload"])
        #expect(hub["origin"] == ["type": "tool", "id": "lint & co"] && hub["payload"] == ["n": 1])
        let cloud = try await http.request("GET", path, headers: ["accept": "application/cloudevents+json"])
        #expect(cloud.headers[first: "content-type"]?.hasPrefix("application/cloudevents+json") == true)
        #expect(cloud.json == (try await http.get("\(path)?format=cloudevents")))
        #expect(
          cloud.json["specversion"] == "1.0"
            && cloud.json["source"].string?.hasPrefix("roost://\(server)/tool/") == true)
        #expect(cloud.json["sequence"].string == "\(seq)" && cloud.json["correlationid"] == "c-0")
      }
      let batch = try await http.request(
        "GET", "/events?subject=a.b", headers: ["accept": "application/cloudevents-batch+json"])
      #expect(batch.headers[first: "content-type"]?.hasPrefix("application/cloudevents-batch+json") == true)
      #expect(batch.json.array?.map { $0["id"].string } == [id])
      // What is asked for in the query counts more than the header.
      let both = try await http.request(
        "GET", "/events?subject=a.b&format=hub", headers: ["accept": "application/cloudevents-batch+json"])
      #expect(both.json["events"][0]["payload"] == ["n": 1])
      let page = try await http.get("/events?subject=a.b&format=cloudevents")
      #expect(page["events"][0]["id"].string == id && page["next"].isNull)
      // An origin of another kind becomes a tool's in the prototype's form.
      let user = try await http.post("/events", ["subject": "a.c"])
      let shown = try await http.get("/events/\(user["seq"].integer ?? 0)?format=hub")
      #expect(shown["origin"]["type"] == "tool" && shown["origin"]["id"].string?.hasPrefix("user:") == true)
    }
  }

  @Test(
    "an event that is not there is not found",
    arguments: ["nobody", "0", "999999999", "18446744073709551615", "99999999999999999999999", "%20", "a%22b"])
  func notFound(name: String) async throws {
    let response = try await SharedServer.roost.http.another().request("GET", "/events/\(name)")
    #expect(response.status == 404 && response.errorCode == "event_not_found", "\(name): \(response)")
  }

  // MARK: Publishing

  @Test("three forms are taken, and what they say is kept") func publishing() async throws {
    try await withRoost { roost in
      let http = roost.http
      let own = try await http.request(
        "POST", "/events", json: ["subject": "own.x", "data": ["deep": [1, nil, ["x": 1.5]]], "id": "mine-1"])
      #expect(own.status == 201 && own.json["id"] == "mine-1" && own.json["subject"] == "own.x", "\(own)")
      #expect(own.json.members?.map(\.name) == ["id", "seq", "time", "subject", "correlation_id"])
      let hub = try await http.request(
        "POST", "/events",
        json: [
          "correlationId": "h-0", "origin": ["type": "project", "id": "roost.main"], "type": "built",
          "timestamp": "2020-01-01T00:00:00Z", "payload": ["n": 2],
        ])
      #expect(hub.status == 201 && hub.json["subject"] == "project.roost_main.built", "\(hub)")
      let cloud = try await http.request(
        "POST", "/events",
        body: JSON.object([
          "specversion": "1.0", "id": "ce-1", "source": "/x/y", "type": "com.example.made", "subject": "made.it",
          "data": ["n": 3], "correlationid": "c-3",
        ]).bytes, headers: ["content-type": "application/cloudevents+json"])
      #expect(cloud.status == 201 && cloud.json["id"] == "ce-1" && cloud.json["subject"] == "made.it", "\(cloud)")
      let list = try await http.request(
        "POST", "/events", json: [["subject": "l.a"], ["type": "t", "payload": 2, "correlationId": "h-1"]])
      #expect(list.status == 201 && list.json["events"].array?.count == 2, "\(list)")
      let all = [own.json, hub.json, cloud.json] + (list.json["events"].array ?? [])
      let sequences = all.compactMap { $0["seq"].integer }
      #expect(sequences.count == 5 && sequences == sequences.sorted() && sequences[4] == sequences[3] + 1)
      for receipt in all {
        let event = try await http.get("/events/\(receipt["seq"].integer ?? 0)")
        #expect(
          event["id"] == receipt["id"] && event["time"] == receipt["time"] && event["subject"] == receipt["subject"])
        #expect(event["correlation_id"] == receipt["correlation_id"])
        #expect(event["principal"].string?.hasPrefix("user:") == true)
      }
      #expect(try await http.get("/events/mine-1")["data"] == ["deep": [1, nil, ["x": 1.5]]])
      let project = try await http.get("/events?correlation_id=h-0")["events"][0]
      #expect(project["origin"]["kind"] == "project" && project["origin"]["id"] == "roost.main")
      // When a thing happened by its publisher's clock is not when the log has it.
      #expect(project["time"].string?.hasPrefix("2020") == false)
      #expect(try await http.get("/events/ce-1")["origin"]["id"] == "/x/y")
      let bus = try await http.post("/bus/publish", ["topic": "bus.x", "payload": ["n": 6]])
      #expect(bus["published"] == true && bus["subject"] == "bus.x" && (bus["seq"].integer ?? 0) > sequences[4])
    }
  }

  @Test("data come back byte for byte but for the space between") func bytes() async throws {
    let http = try await SharedServer.roost.http.another()
    for (text, kept) in [
      ("123456789012345678901234567890.10", "123456789012345678901234567890.10"), ("1e400", "1e400"), ("-0", "-0"),
      ("\"\\u0000\\ud83d\\ude00\\n é\u{2028}\"", "\"\\u0000\\ud83d\\ude00\\n é\u{2028}\""),
      ("{ \"a\" : 1 ,\n\"b\":\t2 }", "{\"a\":1,\"b\":2}"), ("[ ]", "[]"), ("false", "false"),
      ("{\"crc\":\"00000000\"}", "{\"crc\":\"00000000\"}"), ("\",\\\"crc\\\":\\\"\"", "\",\\\"crc\\\":\\\"\""),
    ] {
      let response = try await http.request(
        "POST", "/events", body: Array("{\"subject\":\"bytes.x\",\"data\":\(text)}".utf8))
      #expect(response.status == 201, "\(text): \(response)")
      let event = try await http.request("GET", "/events/\(response.json["id"].string ?? "")")
      #expect(event.text.hasSuffix("\"data\":\(kept)}"), "\(text): \(event.text)")
    }
  }

  @Test("the id of the call is the event's, unless the event names one of its own") func correlation() async throws {
    try await withRoost { roost in
      let body = JSON.object(["subject": "t.c"]).bytes
      let response = try await roost.http.request(
        "POST", "/events", body: body, headers: ["x-correlation-id": Self.correlation])
      #expect(response.headers[first: "x-correlation-id"] == Self.correlation)
      #expect(response.json["correlation_id"].string == Self.correlation)
      let other = try await roost.http.request(
        "POST", "/events", body: JSON.object(["subject": "t.c", "correlation_id": "own one's"]).bytes)
      #expect(other.status == 400, "\(other)")
      let own = try await roost.http.request(
        "POST", "/events", body: JSON.object(["subject": "t.d", "correlation_id": "own-one"]).bytes,
        headers: ["x-correlation-id": Self.correlation])
      #expect(own.json["correlation_id"] == "own-one")
      let found = try await roost.events("&subject=t.%3E&correlation_id=\(Self.correlation)")
      #expect(found.map { $0["subject"].string } == ["t.c"])
    }
  }

  // MARK: Replay and cursors

  @Test("an event is played again under replay., with the original as its cause") func replay() async throws {
    let http = try await SharedServer.roost.http.another()
    let first = try await http.post("/events", ["subject": "again.x", "data": ["n": 1]])
    let copy = try await http.post("/events/replay", ["id": first["id"]])
    #expect(copy["subject"] == "replay.again.x")
    let stored = try await http.get("/events/\(copy["id"].string ?? "")")
    #expect(stored["causation_id"] == first["id"] && stored["data"] == ["n": 1])
    let twice = try await http.post("/events/replay", ["id": copy["id"]])
    #expect(twice["subject"] == "replay.again.x")
    #expect(try await http.request("POST", "/events/replay", json: ["id": "nobody"]).errorCode == "event_not_found")
  }

  @Test("cursors are set, read, listed and forgotten, and outlive the server") func cursors() async throws {
    try await withRoost { roost in
      func ask(_ method: String, _ name: String, _ json: JSON? = nil) async throws -> TestResponse {
        try await roost.http.request(method, "/events/cursors/\(name)", body: json?.bytes ?? [])
      }
      #expect(try await ask("GET", "mine").errorCode == "cursor_not_found")
      try await publish(roost.http, "t.n", 1...10)
      #expect(try await ask("PUT", "mine", ["seq": 7]).json["seq"] == 7)
      #expect(try await ask("PUT", "mine", ["seq": 5]).json["seq"] == 5)
      let beyond = try await ask("PUT", "mine", ["seq": 1_000_000])
      #expect(beyond.status == 400 && beyond.errorCode == "invalid_request", "\(beyond)")
      #expect(try await ask("PUT", "a%20b", ["seq": 1]).status == 200)
      for bad: JSON in [["seq": -1], ["seq": "7"], [:], ["seq": 1, "more": 2], ["seq": 1.5]] {
        #expect(try await ask("PUT", "mine", bad).status == 400, "\(bad.text)")
      }
      let long = String(repeating: "x", count: 129)
      #expect(try await ask("PUT", long, ["seq": 1]).status == 400)
      try await roost.killServer()
      try await roost.start()
      let cursor = try await ask("GET", "mine").json
      #expect(cursor["name"] == "mine" && cursor["seq"] == 5 && cursor["updated_at"].string?.hasSuffix("Z") == true)
      #expect(try await roost.http.get("/events/cursors").array?.map { $0["name"] } == ["a b", "mine"])
      #expect(try await ask("DELETE", "mine").status == 204)
      #expect(try await ask("DELETE", "mine").errorCode == "cursor_not_found")
      #expect(try await roost.http.get("/events/cursors").array?.count == 1)
    }
  }

  @Test("the status tells how the log is") func status() async throws {
    try await withRoost { roost in
      let sequences = try await publish(roost.http, "t.n", 1...10)
      let status = try await roost.http.get("/events/status")
      #expect(status["first_seq"] == 1 && (status["last_seq"].integer ?? 0) >= sequences[9])
      #expect(status["files"] == 1 && (status["bytes"].integer ?? 0) > 2000 && status["writable"] == true)
      #expect(status["dropped"] == 0 && status["corrupt_lines"] == 0 && status["torn_bytes_cut"] == 0)
      #expect(status["error"].isNull && status["followers"] == 0)
      #expect(try await roost.http.get("/bus/health")["ok"] == true)
      #expect(try await roost.http.get("/hub/health")["status"] == "healthy")
    }
  }

  // MARK: Scopes

  @Test("reading and publishing are two scopes, over HTTP and WebSocket alike") func scopes() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      func client(_ scopes: JSON) async throws -> TestClient {
        try await roost.tcp(
          token: try await roost.http.post("/tokens", ["name": "t", "scopes": scopes])["token"].string)
      }
      let (reader, writer) = (try await client(["events:read"]), try await client(["events:publish"]))
      let neither = try await client(["sessions:read"])
      let seq = try await writer.post("/events", ["subject": "t.x"])["seq"].integer ?? 0
      #expect(try await reader.get("/events?subject=t.x")["events"][0]["principal"] == "token:t")
      for (client, requests) in [
        (reader, [("POST", "/events"), ("POST", "/events/replay"), ("POST", "/bus/publish")]),
        (
          writer,
          [
            ("GET", "/events"), ("GET", "/events/\(seq)"), ("GET", "/events/stream"), ("GET", "/events/cursors"),
            ("PUT", "/events/cursors/x"), ("GET", "/events/status"), ("GET", "/bus/events"),
          ]
        ), (neither, [("GET", "/events"), ("POST", "/events"), ("GET", "/events/stream"), ("GET", "/events/status")]),
      ] {
        for (method, target) in requests {
          let body = method == "GET" ? [] : JSON.object(["subject": "t.x", "id": "x", "seq": 1]).bytes
          let response = try await client.request(method, target, body: body)
          #expect(
            response.status == 403 && response.errorCode == "insufficient_scope", "\(method) \(target): \(response)")
        }
      }
      for client in [writer, neither] {
        await #expect(throws: (any Error).self) { try await client.another().webSocket("/events/ws") }
        let rpc = try await client.another().webSocket("/rpc")
        await rpc.send(["jsonrpc": "2.0", "id": 1, "method": "bus.subscribe", "params": [:]])
        #expect(try await rpc.nextJSON()["error"]["data"]["code"] == "insufficient_scope")
        await rpc.close()
      }
      #expect(try await roost.events("&subject=t.x").count == 1)
    }
  }

  @Test("a token that is limited to a session sees that session's events and no others") func limited() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let http = roost.http
      let token = try await http.post(
        "/tokens", ["name": "t", "scopes": ["events:read", "events:publish"], "sessions": ["mine"]])["token"].string
      let limited = try await roost.tcp(token: token)
      let (socket, rpc) = (
        try await limited.another().webSocket("/events/ws"), try await limited.another().webSocket("/rpc")
      )
      _ = try await socket.nextJSON { $0["connected"] == true }
      await rpc.send(["jsonrpc": "2.0", "id": 1, "method": "bus.subscribe", "params": [:]])
      _ = try await rpc.nextJSON { !$0["result"]["subscription"].isNull }
      let stream = try await EventSource(limited, "/events/stream?after=0")
      for name in ["other", "mine"] {
        try await http.post("/sessions", ["name": .string(name), "argv": ["/bin/cat"]])
        try await http.post("/sessions/\(name)/kill", ["signal": "KILL"])
        try await roost.wait(name, ["for": "exit"])
      }
      let published = try await limited.post("/events", ["subject": "t.x", "data": ["session": "mine"]])
      let all = try await roost.events(until: "both have ended") {
        $0["type"] == "session.ended" && $0["data"]["session"] == "mine"
      }
      let wanted = all.filter { $0["origin"]["kind"] == "session" && $0["data"]["session"] == "mine" }
      #expect(wanted.contains { $0["type"] == "session.created" } && wanted.count < all.count)
      let seen = try await limited.get("/events?limit=1000")["events"].array ?? []
      #expect(seen.prefix(wanted.count).map(\.text) == wanted.map(\.text))
      #expect(seen.allSatisfy { $0["data"]["session"] == "mine" && $0["origin"]["kind"] == "session" })
      let hidden = try #require(all.first { $0["data"]["session"] == "other" }?["seq"].integer)
      for name in ["\(hidden)", published["id"].string ?? ""] {
        #expect(try await limited.request("GET", "/events/\(name)").errorCode == "event_not_found")
        #expect(try await limited.request("POST", "/events/replay", json: ["id": .string(name)]).status == 404)
      }
      for event in wanted {
        #expect(try await socket.nextJSON()["seq"] == event["seq"])
        #expect(try await rpc.nextJSON()["params"]["event"]["seq"] == event["seq"])
        #expect(try await stream.next().data["seq"] == event["seq"])
      }
    }
  }
}

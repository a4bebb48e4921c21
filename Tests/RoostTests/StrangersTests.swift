import Formats
import Glibc
import Net
import Synchronization
import TestKit
import Testing

@Suite("Strangers at the door", .bounded)
struct StrangersTests {
  private static let token = "a-token-of-the-tests-0123456789"

  @Test("silent connections of one address take no place from who has a token, nor from the owner")
  func silent() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      let known = client.another(token: StrangersTests.token)
      #expect(try await known.get("/sessions") == [])
      var silent: [RawConnection] = []
      for _ in 0..<300 { silent.append(try RawConnection(client.endpoint)) }
      // The first of them gave way to the last, and nothing was said on it.
      #expect(try await silent[0].receiveAll() == "")
      #expect(try await client.another(token: StrangersTests.token).get("/sessions") == [])
      #expect(try await known.get("/sessions") == [], "who was known stays")
      #expect(try await roost.http.get("/sessions") == [])
      // The last of them is listened to.
      try await silent[299].send(RawConnection.request("GET", "/health"))
      #expect(try await silent[299].receiveResponse().status == 200)
    }
  }

  @Test(
    "a body is not waited for where the head decides",
    arguments: [
      ("POST", "/sessions", nil, 401), ("POST", "/sessions", "wrong", 403), ("POST", "/nowhere", token, 404),
      ("PUT", "/sessions", token, 405), ("GET", "/health", nil, 200), ("POST", "/ws/json", nil, 405),
      ("POST", "/rpc", nil, 401),
    ] as [(String, String, String?, Int)])
  func heads(method: String, path: String, token: String?, status: Int) async throws {
    try await withTCP(token: StrangersTests.token) { _, client in
      for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let connection = try RawConnection(client.endpoint)
        let authorization = token.map { ["Authorization: Bearer \($0)"] } ?? []
        try await connection.send(RawConnection.request(method, path, headers: authorization + [framing]))
        let response = try await connection.receiveResponse()
        #expect(response.status == status, "\(method) \(path): \(response.head) \(response.body)")
        #expect(response.head.lowercased().contains("connection: close"))
      }
    }
  }

  @Test("what is sent on after a refusal is read for the answer's sake, but not for ever and not as fast as it comes")
  func sentOn() async throws {
    try await withTCP(token: StrangersTests.token) { _, client in
      let polite = try RawConnection(client.endpoint)
      let megabyte = [UInt8](repeating: 0x78, count: 1 << 20)
      try await polite.send(RawConnection.request("POST", "/sessions", headers: ["Content-Length: \(megabyte.count)"]))
      try await polite.send(megabyte)
      #expect(try await polite.receiveResponse().status == 401)

      let endless = try RawConnection(client.endpoint)
      try await endless.send(RawConnection.request("POST", "/sessions", headers: ["Content-Length: 1000000"]))
      var taken = 0
      while taken < 1024, try await endless.send(megabyte) == megabyte.count { taken += 1 }
      #expect(taken < 256, "a gigabyte in two seconds would be a processor's work")
    }
  }

  @Test("who was refused and does not go gives way as who says nothing does")
  func lingering() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      let server = try #require(roost.serverPID)
      let before = try FileDescriptors.count(of: server)
      var held: [RawConnection] = []
      for _ in 0..<400 {
        let connection = try RawConnection(client.endpoint)
        try await connection.send(RawConnection.request("POST", "/sessions", headers: ["Content-Length: 1000000"]))
        held.append(connection)
      }
      #expect(try await held[399].receiveResponse().status == 401)
      #expect(try FileDescriptors.count(of: server) <= before + 140, "128 of an address")
    }
  }

  @Test("a scope is asked for before the body, and what is too large is refused by its head")
  func scopes() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      let narrow = try await roost.http.post("/tokens", ["name": "narrow", "scopes": ["events:read"]])
      for (length, status) in [(1000, 403), (2_000_000, 413)] {
        let connection = try RawConnection(client.endpoint)
        try await connection.send(
          RawConnection.request(
            "POST", "/sessions",
            headers: ["Authorization: Bearer \(narrow["token"].string ?? "")", "Content-Length: \(length)"]))
        #expect(try await connection.receiveResponse().status == status)
      }
    }
  }

  @Test("who is let in is told to go on with his body, however it is cut")
  func admitted() async throws {
    try await withTCP(token: StrangersTests.token) { _, client in
      let body = "{\"name\":\"cut\",\"argv\":[\"/bin/cat\"]}"
      let connection = try RawConnection(client.endpoint)
      try await connection.send(
        RawConnection.request(
          "POST", "/sessions",
          headers: [
            "Authorization: Bearer \(StrangersTests.token)", "Content-Length: \(body.utf8.count)",
            "Expect: 100-continue",
          ]))
      #expect(try await connection.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
      for byte in body.utf8 { try await connection.send([byte]) }
      // The connection goes on.
      try await connection.send(
        RawConnection.request("GET", "/sessions/cut", headers: ["Authorization: Bearer \(StrangersTests.token)"]))
      #expect(try await connection.receive(through: "\r\n").contains("201"))
      #expect(try await connection.receive(through: "HTTP/1.1 200").contains("cut"))
    }
  }

  @Test("bodies on their way are bounded for one token, and others are not held up by them")
  func bodies() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      let greedy = try await roost.http.post("/tokens", ["name": "greedy", "scopes": ["sessions:manage"]])
      let other = try await roost.http.post("/tokens", ["name": "other", "scopes": ["sessions:manage"]])
      func begin(_ token: JSON) async throws -> RawConnection {
        let connection = try RawConnection(client.endpoint)
        try await connection.send(
          RawConnection.request(
            "POST", "/sessions",
            headers: [
              "Authorization: Bearer \(token["token"].string ?? "")", "Content-Length: 1048576", "Expect: 100-continue",
            ]))
        return connection
      }
      var held: [RawConnection] = []
      for _ in 0..<16 {
        let connection = try await begin(greedy)
        #expect(try await connection.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
        held.append(connection)
      }
      let refused = try await begin(greedy).receiveResponse()
      #expect(refused.status == 429, "\(refused.body)")
      #expect(refused.body.contains("resource_limit_reached"))
      let metrics = try await roost.http.request("GET", "/metrics").text
      #expect(metrics.contains("roost_share_used{share=\"body_bytes\"} 16777216"), "\(metrics)")
      #expect(metrics.contains("roost_share_refused_total{share=\"body_bytes\"} 1"))
      let status = try await roost.run("status").text
      #expect(status.contains("body bytes 16777216 of 67108864 (1 refused)"), "\(status)")
      let limited = try await roost.http.post(
        "/tokens", ["name": "limited", "scopes": ["sessions:read"], "sessions": ["x"]])
      let info = try await client.another(token: limited["token"].string).get("/server/info")
      #expect(info["shares"].isNull, "\(info.text)")
      #expect(try await begin(other).receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
    }
  }

  @Test("wrong tokens are told when to come again, and no good token has to")
  func throttle() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      var last: TestResponse?
      for number in 0..<30 {
        last = try await client.another(token: "guess-number-\(number)-0123456789").request("GET", "/sessions")
      }
      #expect(last?.status == 429)
      let seconds = try #require(last?.headers[first: "retry-after"].flatMap { Int($0) })
      #expect((1...60).contains(seconds))
      // Neither was seen before.
      let made = try await roost.http.post("/tokens", ["name": "new", "scopes": ["sessions:read"]])
      #expect(try await client.another(token: made["token"].string).get("/sessions") == [])
      #expect(try await client.another(token: StrangersTests.token).get("/sessions") == [])
    }
  }

  @Test("a wrong token whose body was not waited for is counted once")
  func countedOnce() async throws {
    try await withTCP(token: StrangersTests.token) { _, client in
      var statuses: [Int] = []
      for number in 0..<21 {
        let connection = try RawConnection(client.endpoint)
        try await connection.send(
          RawConnection.request(
            "POST", "/sessions",
            headers: ["Authorization: Bearer guess-number-\(number)-0123456789", "Content-Length: 1000"]))
        statuses.append(try await connection.receiveResponse().status)
      }
      #expect(statuses == Array(repeating: 403, count: 20) + [429])
    }
  }

  @Test("tickets of one token do not take those of another")
  func tickets() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      let greedy = try await roost.http.post("/tokens", ["name": "greedy", "scopes": ["sessions:read"]])
      let one = client.another(token: greedy["token"].string)
      // At once: they last half a minute.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<16 {
          let client = one.another()
          group.addTask { for _ in 0..<8 { try await client.post("/auth/ws-ticket") } }
        }
        try await group.waitForAll()
      }
      #expect(try await one.request("POST", "/auth/ws-ticket").status == 429)
      #expect(try await client.another(token: StrangersTests.token).request("POST", "/auth/ws-ticket").status == 200)
      #expect(try await roost.http.request("POST", "/auth/ws-ticket").status == 200)
    }
  }

  @Test("the clients of one token leave a session room for others, and for its owner")
  func clients() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      try await roost.session(["name": "shared", "argv": ["/bin/cat"]])
      func sockets(_ name: String) async throws -> (open: [TestWebSocket], token: TestClient) {
        let made = try await roost.http.post("/tokens", ["name": .string(name), "scopes": ["sessions:read"]])
        let one = client.another(token: made["token"].string)
        var open: [TestWebSocket] = []
        for _ in 0..<40 {
          guard let socket = try? await one.webSocket("/sessions/shared/ws/raw?readonly=true") else { break }
          open.append(socket)
        }
        return (open, one)
      }
      let first = try await sockets("first")
      #expect(first.open.count == 32)
      let second = try await sockets("second")
      #expect(second.open.count == 24, "8 places are the owner's")
      _ = try await roost.http.webSocket("/sessions/shared/ws/raw")
    }
  }

  @Test("answers that one token does not read are bounded, over every surface, and others get theirs")
  func unreadAnswers() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      // Two cells of a style each: many bytes of answer for few of terminal.
      let print =
        "s=; for i in $(seq 64); do s+=$'\\e['$((31 + i % 6))'mxy'; done; for i in $(seq 4000); do echo \"$s\"; done; echo done; exec cat"
      try await roost.session(["name": "long", "argv": ["/bin/bash", "-c", .string(print)], "cols": 200, "rows": 1000])
      try await roost.http.post("/sessions/long/wait", ["for": "match", "pattern": "done", "timeout_ms": 30000])
      let made = try await roost.http.post("/tokens", ["name": "greedy", "scopes": ["sessions:read"]])
      let secret = made["token"].string ?? ""
      let greedy = client.another(token: secret)
      let target = "/sessions/long/scrollback?limit=10000"
      let size = try await greedy.request("GET", target).body.count
      #expect(size > 6 << 20, "more than the kernel takes")
      func used() async throws -> Int { try await roost.used("answer_bytes") }
      #expect(try await used() == 0, "what was read is not counted")

      var held: [RawConnection] = []
      for _ in 0..<(17 << 20) / size + 3 {
        let connection = try RawConnection(client.endpoint, receiveBuffer: 4096)
        try await connection.send(
          RawConnection.request("GET", target, headers: ["Authorization: Bearer \(secret)"]))
        held.append(connection)
      }
      try await eventually("there is no more for this token") {
        try await greedy.request("GET", target).status == 429
      }
      #expect(try await used() <= 17 << 20)
      let wait = try await greedy.request(
        "POST", "/sessions/long/wait", json: ["for": "idle", "format": "styled", "timeout_ms": 30000])
      #expect(wait.status == 429, "a wait that answers a large screen: \(wait.body.count)")
      let call: JSON = [
        "jsonrpc": "2.0", "id": 1, "method": "session.scrollback", "params": ["session": "long", "limit": 10000],
      ]
      let refused = try await greedy.post("/rpc", .array([call]))
      #expect(refused[0]["error"]["data"]["code"] == "resource_limit_reached", "\(refused)")
      for (path, message) in [
        ("/ws/json", ["id": 1, "method": "get_scrollback", "session": "long", "params": ["limit": 10000]] as JSON),
        ("/rpc", call),
      ] {
        let socket = try await greedy.webSocket(path)
        await socket.send(message)
        let answer = try await socket.nextJSON { $0["id"] == 1 }
        #expect("\(answer)".contains("resource_limit_reached"), "\(path): \(answer)")
      }
      #expect(try await client.another(token: StrangersTests.token).request("GET", target).status == 200)
      #expect(try await roost.http.request("GET", target).status == 200)
      held = []
      try await eventually("they are let go with their connections") { try await used() == 0 }
      #expect(try await greedy.request("GET", target).status == 200)
    }
  }

  @Test("a page of events is bounded in bytes, and the next goes on behind it")
  func eventPages() async throws {
    try await withTCP(token: StrangersTests.token) { roost, _ in
      let data = String(repeating: "d", count: 60000)
      let batch = JSON.array((0..<15).map { _ in ["subject": "big.x", "data": .string(data)] })
      for _ in 0..<12 { try await roost.http.post("/events", batch) }
      for order in ["asc", "desc"] {
        var (seen, target) = (0, "/events?subject=big.x&limit=1000&order=\(order)")
        while true {
          let page = try await roost.http.request("GET", target)
          #expect(page.body.count < 9 << 20)
          let json = try JSON(parsing: page.body)
          seen += json["events"].array?.count ?? 0
          guard let next = json["next"].integer else { break }
          target =
            "/events?subject=big.x&limit=1000&order=\(order)&\(order == "asc" ? "after" : "before")=\(next)"
        }
        #expect(seen == 180)
      }
    }
  }

  @Test("pictures of a large screen that one token does not read are bounded too, and made by turns")
  func unreadPictures() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      try await largeScreen(roost, rows: 150)
      let made = try await roost.http.post("/tokens", ["name": "greedy", "scopes": ["sessions:read"]])
      let secret = made["token"].string ?? ""
      func used() async throws -> Int { try await roost.used("answer_bytes") }
      var held: [RawConnection] = []
      for _ in 0..<8 { held.append(try await unreadViewer(client, "/sessions/big/ws/raw?readonly=true", secret)) }
      try await eventually("some of the eight have been sent away, and what is left is within the share") {
        let (clients, bytes) = (try await roost.http.get("/sessions/big/clients").array?.count ?? 0, try await used())
        return (1..<8).contains(clients) && bytes > 1 << 20 && bytes <= 17 << 20
      }
      let late = try await client.another(token: secret).webSocket("/sessions/big/ws/raw?readonly=true")
      guard case .closed(1013, _) = try await late.next() else {
        throw TestFailure("who may have no more was sent a piece of it")
      }
      // Whoever reads is shown it all.
      let reader = try await client.another(token: StrangersTests.token).webSocket("/sessions/big/ws/raw?readonly=true")
      var bytes = 0
      while bytes < 1 << 20 {
        guard case .binary(let piece) = try await reader.next() else { continue }
        bytes += piece.count
      }
      await reader.close()
      held = []
      try await eventually("nothing is counted that nobody waits for") { try await used() == 0 }
    }
  }

  @Test("large screens asked for over a socket that is not read are made one at a time, and none to be refused")
  func askedAndUnread() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      try await largeScreen(roost, rows: 150)
      let made = try await roost.http.post("/tokens", ["name": "greedy", "scopes": ["sessions:read"]])
      let secret = made["token"].string ?? ""
      let greedy = client.another(token: secret)
      let target = "/sessions/big/screen"
      func used() async throws -> Int { try await roost.used("answer_bytes") }
      func refused() async throws -> Int { try await roost.shareNumber("refused_total", "answer_bytes") }
      let size = try await greedy.request("GET", target).body.count

      let ask = Array(#"{"method":"get_screen","session":"big"}"#.utf8)
      let frame = [0x81, 0x80 | UInt8(ask.count), 0, 0, 0, 0] + ask
      var held = [try await unreadViewer(client, "/ws/json", secret)]
      for _ in 0..<40 { try await held[0].send(frame) }
      try await eventually("one waits for its reader") { try await used() >= size }
      #expect(try await greedy.request("GET", target).status == 200, "there is room for others of the token")
      #expect(try await used() < 2 * size)
      #expect(try await refused() == 0)

      try await eventually("there is no more for this token") {
        held.append(try await unreadViewer(client, "/ws/json", secret))
        try await held.last?.send(frame)
        return try await greedy.request("GET", target).status == 429
      }
      let socket = try await greedy.webSocket("/ws/json")
      let before = try await refused()
      for id in 0..<40 { await socket.send(["id": .integer(id), "method": "get_screen", "session": "big"]) }
      for id in 0..<40 {
        let answer = try await socket.nextJSON { !$0["id"].isNull }
        #expect(answer["id"] == .integer(id), "in the order asked")
        #expect(answer["error"]["code"] == "resource_limit_reached")
      }
      #expect(try await refused() == before, "nothing was made to be counted, and refused")
      held = []
      try await eventually("they are let go with their sockets") { try await used() == 0 }
      #expect(try await greedy.request("GET", target).status == 200)
    }
  }

  @Test("what one token has painted of large screens is bounded, and given back")
  func paintedScreens() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      try await roost.session([
        "name": "big", "argv": ["/bin/cat"], "cols": 1000, "rows": 150, "size_policy": "fixed",
      ])
      let made = try await roost.http.post("/tokens", ["name": "greedy", "scopes": ["sessions:read"]])
      let greedy = client.another(token: made["token"].string ?? "")
      let each = 149 * 999 * 16
      let fitting = (32 << 20) / each
      func used() async throws -> Int { try await roost.used("picture_bytes") }
      func painted(_ client: TestClient) async throws -> TestWebSocket {
        try await client.webSocket(
          "/sessions/big/ws/raw?readonly=true&rows=149&cols=999", subprotocols: ["roost.attach.v1"])
      }
      func isShown(_ socket: TestWebSocket) async throws -> Bool {
        while true {
          switch try await socket.next() {
          case .binary: return true
          case .closed(let code, _):
            #expect(code == 1013)
            return false
          case .text: continue
          }
        }
      }
      var shown: [TestWebSocket] = []
      for _ in 0..<fitting {
        let socket = try await painted(greedy)
        try #require(try await isShown(socket))
        shown.append(socket)
      }
      #expect(try await used() == fitting * each)
      #expect(try await !isShown(try await painted(greedy)), "there is no more for this token")
      #expect(try await isShown(try await painted(client.another(token: StrangersTests.token))), "but for others")
      #expect(try await isShown(try await painted(roost.http)))
      // A smaller terminal needs less, and one of the session's own size nothing.
      await shown[0].send(["resize": ["rows": 10, "cols": 10]])
      await shown[1].send(["resize": ["rows": 150, "cols": 1000]])
      try await eventually("what they have no more is free") { try await used() == (fitting - 2 + 1) * each }
      #expect(try await isShown(try await painted(greedy)))
      for socket in shown { await socket.close() }
      try await eventually("what was held for those who went is free") { try await used() == 2 * each }
    }
  }

  @Test(
    "frames without end, of eight sockets of one token, leave the loop to others", arguments: ["ping", "continuation"])
  func endlessFrames(kind: String) async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      try await roost.session(["name": "s", "argv": ["/bin/cat"]])
      // Masked with zeros. A fragment that nothing ends, or frames that are whole.
      let begin: [UInt8] = kind == "ping" ? [] : [0x01, 0x80, 0, 0, 0, 0]
      let frame: [UInt8] = [kind == "ping" ? 0x89 : 0x00, 0x80, 0, 0, 0, 0]
      let piece = Array(repeatElement(frame, count: 10_000).joined())
      let isOver = Flag()
      let floods = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<8 {
          let socket = try await unreadViewer(client, "/sessions/s/ws/json", StrangersTests.token)
          try await socket.send(begin)
          group.addTask {
            var sent = 0
            while !isOver.value.load(ordering: .relaxed), sent < StrangersTests.mostFrames {
              let count = try await socket.send(piece)
              if count < piece.count { throw TestFailure("the socket was closed after \(sent + count) bytes") }
              sent += count
            }
            return sent
          }
        }
        for _ in 0..<60 { _ = try await roost.http.get("/sessions") }
        isOver.value.store(true, ordering: .relaxed)
        return try await group.reduce(into: []) { $0.append($1) }
      }
      // They were read meanwhile, and were far from done: what the kernel holds of them counts here too.
      #expect(floods.allSatisfy { $0 < StrangersTests.mostFrames }, "\(floods)")
    }
  }

  /// Bytes of frames: the answers to somebody else would take many seconds if all of them came first.
  private static let mostFrames = 40 << 20

  private final class Flag: Sendable {
    let value = Atomic(false)
  }

  @Test("between two pictures of a large screen others have their turn")
  func picturesByTurns() async throws {
    try await withTCP(token: StrangersTests.token) { roost, client in
      try await largeScreen(roost, rows: 40, [.init("size_policy", "fixed")])
      let answered = Count()
      let owner = roost.http
      let asking = Task {
        while !Task.isCancelled {
          _ = try await owner.get("/sessions")
          answered.value.add(1, ordering: .relaxed)
        }
      }
      defer { asking.cancel() }
      // Who is told late of what was shown sees fewer turns than there were: several rounds, of which one must have shown them.
      var turns: [Int] = []
      while turns.count < 5, (turns.last ?? 0) < 3 {
        turns.append(try await turnsBetweenPictures(client, answered))
      }
      #expect((turns.last ?? 0) >= 3, "\(turns)")
    }
  }

  /// How often somebody was answered between the pictures of six viewers that came at once.
  private func turnsBetweenPictures(_ client: TestClient, _ answered: Count) async throws -> Int {
    var viewers: [RawConnection] = []
    for _ in 0..<6 {
      viewers.append(
        try await unreadViewer(
          client, "/sessions/big/ws/raw?readonly=true&rows=39&cols=999", StrangersTests.token,
          "Sec-WebSocket-Protocol: roost.attach.v1"))
    }
    // How many were answered when each saw the beginning of its picture.
    let seen = try await withThrowingTaskGroup(of: Int.self) { group in
      for viewer in viewers {
        group.addTask {
          _ = try await viewer.receive(count: 10_000)
          return answered.value.load(ordering: .relaxed)
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }.sorted()
    }
    // The first was painted before the others had come; those would all be painted in one go.
    return zip(seen.dropFirst(), seen.dropFirst(2)).count { $1 > $0 }
  }

  private final class Count: Sendable {
    let value = Atomic(0)
  }

  /// A viewer that asks, and does not read.
  private func unreadViewer(
    _ client: TestClient, _ target: String, _ token: String, _ headers: String...
  ) async throws -> RawConnection {
    let connection = try RawConnection(client.endpoint, receiveBuffer: 4096)
    try await connection.send(
      RawConnection.request(
        "GET", target,
        headers: ["Authorization: Bearer \(token)"] + RawConnection.upgrade + headers))
    return connection
  }

  /// A session `big` of 1000 columns, each filled (DECFRA) in a style of its own: megabytes of picture for a thousand short sequences.
  private func largeScreen(_ roost: Roost, rows: Int, _ more: [JSON.Member] = []) async throws {
    let print = """
      for i in $(seq 1000); do s=$((100 + i % 100)); \
      printf '\\e[1;3;4;38;2;%d;200;101;48;2;200;%d;101;58;2;100;100;%dm\\e[120;1;%d;\(rows);%d$x' $s $s $s $i $i; \
      done; echo done; exec cat
      """
    let program: JSON = ["/bin/bash", "-c", .string(print)]
    try await roost.session(
      .object(
        [.init("name", "big"), .init("argv", program), .init("cols", 1000), .init("rows", .integer(rows))] + more))
    try await roost.http.post("/sessions/big/wait", ["for": "match", "pattern": "done", "timeout_ms": 60000])
  }
}

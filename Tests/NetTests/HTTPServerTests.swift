import Glibc
import Testing

@testable import Net

@Suite("HTTP server", .timeLimit(.minutes(1)), .serialized)
struct HTTPServerTests {
  /// Answers with what it got; some paths do something else.
  @Sendable private static func answer(_ request: HTTPRequest, _ loop: EventLoop) async -> HTTPReply {
    switch request.path {
    case "/slow":
      // Leaves the loop and comes back.
      await Elsewhere.visit()
      return ok("slow \(request.query ?? "")")
    case "/empty": return .response(HTTPResponse(status: 204))
    case "/large": return .response(HTTPResponse(status: 200, body: [UInt8](repeating: 0x61, count: 8 << 20)))
    case "/close": return .response(HTTPResponse(status: 200, headers: ["Connection": "close"], body: [0x62]))
    default: return ok("\(request.method) \(request.target) \(String(decoding: request.body, as: UTF8.self))")
    }
  }

  @Test("a kept-alive connection answers one request after the other, over TCP and over a Unix socket")
  func keepAlive() async throws {
    try await withServer(loops: 2, answer: Self.answer) { test in
      for client in [try test.connect(), try test.connectUnix()] {
        for number in 0..<5 {
          client.send("GET /n\(number)?q=1 HTTP/1.1\r\nHost: x\r\n\r\n")
          let response = try client.readResponse()
          #expect(response.status == 200)
          #expect(response.text == "GET /n\(number)?q=1 ")
          #expect(response.headers["date"] != nil)
          #expect(response.headers["connection"] == nil)
        }
      }
    }
  }

  @Test("a connection moves to the loop that its requests are for, and loses none of them")
  func moves() async throws {
    try await withServer(loops: 2, answer: { _, loop in ok(loop.name) }) { test in
      let clients = [try test.connect(), try test.connectUnix()]
      for client in clients {
        for home in [1, 0, 1] {
          var names: [String] = []
          for _ in 0..<6 {
            client.send("GET /home/\(home) HTTP/1.1\r\nHost: x\r\n\r\n")
            names.append(try client.readResponse().text)
          }
          #expect(names.last == "loop-\(home)")
        }
        // Requests that come while it would move, and those that turn their minds.
        client.send((0..<400).map { "GET /home/\($0 / 5) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
        for _ in 0..<400 { #expect(try client.readResponse().status == 200) }
      }
      withExtendedLifetime(clients) { #expect(test.server.connectionCount == 2) }
    }
  }

  @Test("a request cut at every byte is the same request")
  func cut() async throws {
    try await withServer(answer: Self.answer) { test in
      let bytes = Array("POST /a%2Fb HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody".utf8)
      let client = try test.connect()
      for cut in 1..<bytes.count {
        client.send(Array(bytes[..<cut]))
        client.send(Array(bytes[cut...]))
        #expect(try client.readResponse().text == "POST /a%2Fb body")
      }
      for byte in bytes { client.send([byte]) }
      #expect(try client.readResponse().text == "POST /a%2Fb body")
    }
  }

  @Test("pipelined requests are answered in their order, fast ones not before slow ones")
  func pipelining() async throws {
    try await withServer(answer: Self.answer) { test in
      let client = try test.connect()
      var text = ""
      for number in 0..<50 {
        text += "GET /slow?\(number) HTTP/1.1\r\nHost: x\r\n\r\nPOST /fast\(number) HTTP/1.1\r\nHost: x\r\n"
        text += "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      }
      client.send(text)
      for number in 0..<50 {
        #expect(try client.readResponse().text == "slow \(number)")
        #expect(try client.readResponse().text == "POST /fast\(number) abc")
      }
    }
  }

  @Test("more pipelined requests than are buffered still all get their answer")
  func longPipeline() async throws {
    try await withServer(answer: Self.answer) { test in
      let client = try test.connect()
      let count = 8000
      let all = (0..<count).map { "GET /slow?\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined()
      let sender = Thread { client.send(all) }
      for number in 0..<count { try #require(try client.readResponse().text == "slow \(number)") }
      sender.join()
    }
  }

  @Test("HEAD has the length but not the body; 204 has neither")
  func head() async throws {
    try await withServer(answer: Self.answer) { test in
      let client = try test.connect()
      client.send(
        "HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\nGET /empty HTTP/1.1\r\nHost: x\r\n\r\nGET /z HTTP/1.1\r\nHost: x\r\n\r\n")
      let head = try client.readResponse(toHead: true)
      #expect(head.headers["content-length"] == "10")
      let empty = try client.readResponse()
      #expect(empty.status == 204)
      #expect(empty.headers["content-length"] == nil)
      #expect(try client.readResponse().text == "GET /z ")
    }
  }

  @Test("100 Continue comes before the body, and not when the body is already there")
  func expectContinue() async throws {
    try await withServer(answer: Self.answer) { test in
      let client = try test.connect()
      let head = "POST /up HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
      client.send(head)
      #expect(try client.readResponse().status == 100)
      client.send("abc")
      #expect(try client.readResponse().text == "POST /up abc")
      client.send(head + "xyz")
      #expect(try client.readResponse().text == "POST /up xyz")
    }
  }

  @Test(
    "what breaks a rule or a limit is answered with its own status, and the connection closes",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 40_000))\r\n\r\n", 431),
      ("GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\nHost: x\r\n\r\n", 414),
      ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n", 413),
      ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", 413),
      ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n", 400),
      ("\u{16}\u{3}\u{1}", 400),
      ("FROB / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
      ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    ])
  func faults(request: String, status: Int) async throws {
    try await withServer(answer: Self.answer) { test in
      let client = try test.connect()
      client.send(request)
      let response = try client.readResponse()
      #expect(response.status == status)
      #expect(response.headers["connection"] == "close")
      #expect(response.text.hasPrefix("fault: "))
      #expect(try client.readToEnd().isEmpty)
    }
  }

  @Test("a client that is still sending its too large body can read the 413")
  func tooLargeWhileSending() async throws {
    try await withServer(answer: Self.answer) { test in
      let client = try test.connect()
      client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
      client.send([UInt8](repeating: 0x61, count: 4 << 20))
      #expect(try client.readResponse().status == 413)
    }
  }

  @Test("a head that comes too slowly gets 408, a body too")
  func slow() async throws {
    var limits = HTTPLimits()
    limits.headerTimeout = .milliseconds(100)
    limits.bodyTimeout = .milliseconds(100)
    try await withServer(limits: limits, answer: Self.answer) { test in
      for start in ["GET / HTTP/1.1\r\nHos", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", "\r\n"] {
        let client = try test.connect()
        client.send(start)
        #expect(try client.readResponse().status == 408)
        #expect(try client.readToEnd().isEmpty)
      }
    }
  }

  @Test("an idle connection is closed without a word")
  func idle() async throws {
    var limits = HTTPLimits()
    limits.idleTimeout = .milliseconds(50)
    try await withServer(limits: limits, answer: Self.answer) { test in
      let client = try test.connect()
      #expect(try client.readToEnd().isEmpty)
      let used = try test.connect()
      used.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try used.readResponse().status == 200)
      #expect(try used.readToEnd().isEmpty)
    }
  }

  @Test("half a request and then the end: the server closes and serves on")
  func halfRequest() async throws {
    try await withServer(answer: Self.answer) { test in
      for text in ["GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", ""] {
        let client = try test.connect()
        client.send(text)
        client.endSending()
        #expect(try client.readToEnd().isEmpty)
      }
      let client = try test.connect()
      client.send("GET /still HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try client.readResponse().text == "GET /still ")
    }
  }

  @Test("a client that ends its sending side still gets all its answers")
  func halfClose() async throws {
    try await withServer(answer: Self.answer) { test in
      for path in ["/fast", "/slow"] {
        let client = try test.connect()
        client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        client.endSending()
        #expect(try client.readResponse().status == 200)
        #expect(try client.readResponse().text == "GET /second ")
        #expect(try client.readToEnd().isEmpty)
      }
    }
  }

  @Test("a client that leaves with requests ahead of their turn lets go of the one that is being answered")
  func leavesUnread() async throws {
    let told = Told<String>()
    try await withServer(
      answer: { request, _ in
        guard request.path == "/wait" else { return ok("") }
        told.tell("begun")
        do { try await Task.sleep(for: .seconds(3600)) } catch { told.tell("cancelled") }
        return ok("")
      }
    ) { test in
      let client = try test.connectUnix()
      client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(await told.next() == "begun")
      // More than is kept, so that the end is behind what is not read.
      client.send(String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: 6000))
      client.reset()
      #expect(await told.next() == "cancelled")
    }
  }

  @Test("HTTP/1.0 closes unless asked to keep alive; Connection: close closes")
  func closing() async throws {
    try await withServer(answer: Self.answer) { test in
      let old = try test.connect()
      old.send("GET /a HTTP/1.0\r\n\r\n")
      let response = try old.readResponse()
      #expect(response.headers["connection"] == "close")
      #expect(response.text == "GET /a ")
      #expect(try old.readToEnd().isEmpty)

      let kept = try test.connect()
      kept.send("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
      #expect(try kept.readResponse().headers["connection"] == "keep-alive")
      kept.send("GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(try kept.readResponse().headers["connection"] == "close")
      #expect(try kept.readToEnd().isEmpty)

      let told = try test.connect()
      told.send("GET /close HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try told.readResponse().headers["connection"] == "close")
      #expect(try told.readToEnd().isEmpty)
    }
  }

  @Test("a large response arrives whole, also when the connection closes after it")
  func large() async throws {
    try await withServer(answer: Self.answer) { test in
      let client = try test.connect()
      client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\nGET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(try client.readResponse().body.count == 8 << 20)
      #expect(try client.readResponse().body.count == 8 << 20)
      #expect(try client.readToEnd().isEmpty)
    }
  }

  @Test("a client that disconnects cancels its handler", arguments: ["end", "reset", "close"])
  func disconnectCancels(how: String) async throws {
    let told = Told<String>()
    try await withServer(answer: { request, _ in
      let never = AsyncStream<Void> { _ in }
      told.tell("waiting")
      for await _ in never {}
      told.tell(Task.isCancelled ? "cancelled" : "ended")
      return ok("late")
    }) { test in
      var client: RawClient? = try test.connect()
      client?.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(await told.next() == "waiting")
      switch how {
      case "end": client?.endSending()
      case "reset": client?.reset()
      default: client = nil
      }
      #expect(await told.next() == "cancelled")
      if how == "end" { #expect(try client?.readResponse().text == "late") }
      client = nil
    }
  }

  @Test("the peer is known: an address, or a process of this machine")
  func peers() async throws {
    try await withServer(answer: { request, _ in ok("\(request.peer)|\(request.peer.isLoopback)") }) { test in
      let tcp = try test.connect()
      tcp.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      let text = try tcp.readResponse().text
      #expect(text.hasPrefix("127.0.0.1:") && text.hasSuffix("|true"))
      let unix = try test.connectUnix()
      unix.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try unix.readResponse().text == "unix:uid=\(getuid()),pid=\(getpid())|true")
    }
  }

  @Test("more connections than allowed are told 503")
  func tooMany() async throws {
    var limits = HTTPLimits()
    limits.maxConnections = 2
    limits.reservedForUnix = 0
    try await withServer(limits: limits, answer: Self.answer) { test in
      let first = try test.connect()
      let second = try test.connect()
      for client in [first, second] {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try client.readResponse().status == 200)
      }
      #expect(try test.connect().readResponse().status == 503)
      for client in [first, second] {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try client.readResponse().status == 200)
      }
    }
  }

  @Test("a streamed body comes in chunks, plainly for HTTP/1.0, and not at all for HEAD")
  func stream() async throws {
    try await withServer(answer: { request, loop in
      .stream(HTTPResponse(status: 200, headers: ["Content-Type": "text/event-stream"], body: Array("start ".utf8))) {
        writer in
        for number in 0..<3 {
          try? await writer.write(Array("piece \(number) ".utf8))
          await Elsewhere.visit()
          loop.preconditionCurrent()
        }
        try? await writer.write([])
      }
    }) { test in
      let whole = "start piece 0 piece 1 piece 2 "
      let client = try test.connect()
      for _ in 0..<2 {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        let response = try client.readResponse()
        #expect(response.headers["transfer-encoding"] == "chunked")
        #expect(response.text == whole)
      }
      client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try client.readResponse(toHead: true).headers["transfer-encoding"] == "chunked")
      #expect(try client.readResponse().text == whole)
      let old = try test.connect()
      old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      let response = try old.readResponse()
      #expect(response.headers["transfer-encoding"] == nil)
      #expect(response.text == whole)
    }
  }

  @Test("a stream waits for a client that does not read, and ends when the client goes")
  func streamBackpressure() async throws {
    let told = Told<String>()
    try await withServer(answer: { _, _ in
      .stream(HTTPResponse(status: 200)) { writer in
        var written = 0
        do throws(NetError) {
          while true {
            try await writer.write([UInt8](repeating: 0x61, count: 64 * 1024))
            written += 64 * 1024
            if written > 256 << 20 { told.tell("no backpressure") }
          }
        } catch {
          told.tell(error.code.name)
        }
      }
    }) { test in
      var client: RawClient? = try test.connectUnix()
      client?.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try client?.read(5_000_000)
      client = nil
      let end = await told.next()
      #expect(end == "closed" || end == "cancelled")
    }
  }

  @Test("graceful close answers what is under way and closes what is idle")
  func gracefulClose() async throws {
    let told = Told<String>()
    let release = Told<Void>()
    try await withServer(answer: { request, _ in
      told.tell("waiting")
      _ = await release.next()
      return ok("answered")
    }) { test in
      let idle = try test.connect()
      let busy = try test.connect()
      busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(await told.next() == "waiting")
      // On a loop: the threads of the global pool may all be reading from servers in tests like this one.
      let closed = Task.detached(executorPreference: test.server.loops.loops[0]) {
        await test.server.close(graceful: .seconds(10))
      }
      #expect(try idle.readToEnd().isEmpty)
      release.tell(())
      let response = try busy.readResponse()
      #expect(response.text == "answered")
      #expect(response.headers["connection"] == "close")
      #expect(try busy.readToEnd().isEmpty)
      await closed.value
      #expect(throws: (any Error).self) { try test.connect() }
    }
  }

  @Test("what is not done in the time given is cut")
  func forcedClose() async throws {
    let told = Told<String>()
    try await withServer(answer: { _, _ in
      let never = AsyncStream<Void> { _ in }
      told.tell("waiting")
      for await _ in never {}
      told.tell("cancelled")
      return ok("late")
    }) { test in
      let client = try test.connect()
      client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(await told.next() == "waiting")
      await test.server.close(graceful: .milliseconds(50))
      #expect(await told.next() == "cancelled")
      #expect((try? client.readToEnd()) ?? [] == [])
    }
  }

  @Test("a socket path that answers is in use, a stale one is replaced, with mode 0600")
  func unixSockets() async throws {
    try await withServer(answer: Self.answer) { test in
      await #expect(throws: NetError.self) { try await test.server.listen(unix: test.path) }
      var info = stat()
      #expect(stat(test.path, &info) == 0)
      #expect(info.st_mode & 0o777 == 0o600)

      let stale = temporarySocketPath()
      let fd = try Listener.bind(unix: stale)
      close(fd)
      #expect(access(stale, F_OK) == 0)
      try await test.server.listen(unix: stale)
      let client = try RawClient(path: stale)
      client.send("GET /revived HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try client.readResponse().text == "GET /revived ")

      for path in ["/tmp/\(String(repeating: "x", count: 120))", "/nonexistent/folder/x.sock"] {
        await #expect(throws: NetError.self) { try await test.server.listen(unix: path) }
      }
    }
  }

  @Test("a port in use is an error with its code; IPv6 and names work")
  func tcpSockets() async throws {
    try await withServer(answer: Self.answer) { test in
      do throws(NetError) {
        _ = try await test.server.listen(host: "127.0.0.1", port: test.port)
        Issue.record("listened twice on one port")
      } catch {
        #expect(error.code == .addressInUse)
      }
      do throws(NetError) {
        _ = try await test.server.listen(host: "no-such-host.invalid", port: 0)
        Issue.record("listened on a name that does not exist")
      } catch {
        #expect(error.code == .notFound || error.code == .system)
      }
      #expect(try await test.server.listen(host: "localhost", port: 0) > 0)
      if let port = try? await test.server.listen(host: "::", port: 0) {
        let client = try RawClient(port: port)
        client.send("GET /six HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try client.readResponse().text == "GET /six ")
      }
    }
  }
}

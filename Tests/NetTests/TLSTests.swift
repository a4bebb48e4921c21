import Glibc
import Synchronization
import Testing

@testable import Net

@Suite("TLS", .timeLimit(.minutes(2)), .serialized)
struct TLSTests {
  private func expect(_ name: String, _ client: HTTPClient, sourceLocation: SourceLocation = #_sourceLocation) async {
    do throws(NetError) {
      _ = try await client.send(.init("GET", "/"))
      Issue.record("no error", sourceLocation: sourceLocation)
    } catch {
      #expect(error.code.name == name, "\(error)", sourceLocation: sourceLocation)
    }
    await client.close()
  }

  // MARK: Bytes both ways

  @Test("large bodies both ways, one request after the other, and connections that move to the loop they are for")
  func echo() async throws {
    var limits = HTTPLimits()
    limits.maxBodyBytes = 32 << 20
    let answer: @Sendable (HTTPRequest, EventLoop) async -> HTTPReply = { request, _ in
      .response(HTTPResponse(status: 200, body: request.body))
    }
    try await withServer(loops: 3, limits: limits, answer: answer) { test in
      let client = test.secureClient()
      for (number, count) in [0, 1, 100, 16_383, 16_384, 16_385, 65_536, 1_000_000, 5_000_000].enumerated() {
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        for _ in 0..<3 {
          let response = try await client.send(.init("POST", "/home/\(number)", body: body))
          #expect(response.status == 200 && response.body == body, "\(count)")
        }
      }
      #expect(test.server.connectionCount == 1)
      await client.close()
    }
  }

  @Test("handshake and request that come a byte at a time are the same request")
  func cut() async throws {
    try await withServer(answer: { request, _ in ok(request.target) }) { test in
      let client = try RawClient(port: test.tlsPort, tls: TLSFiles.shared.pinned, handshakes: false)
      client.sendsSingly = true
      try client.handshake()
      client.send("GET /cut HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try client.readResponse().text == "/cut")
    }
  }

  @Test("a client that says goodbye and ends its sending side still gets all its answers, and a goodbye")
  func halfClose() async throws {
    try await withServer(answer: { request, _ in
      await Elsewhere.visit()
      return ok(request.target)
    }) { test in
      let client = try test.connectTLS()
      client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
      client.endSending()
      #expect(try client.readResponse().text == "/1")
      #expect(try client.readResponse().text == "/2")
      #expect(try client.readToEnd() == [])
    }
  }

  @Test("a stream waits for a client that does not read, which then finds every byte")
  func backpressure() async throws {
    let pieces = 512
    let written = Atomic<Int>(0)
    try await withServer(answer: { request, _ in
      if request.path != "/" { return ok("") }
      return .stream(HTTPResponse(status: 200)) { writer in
        for number in 0..<pieces {
          try? await writer.write([UInt8](repeating: UInt8(number & 255), count: 64 * 1024))
          written.add(1, ordering: .relaxed)
        }
      }
    }) { test in
      let client = try test.connectTLS()
      client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      // Another client's request is answered while this one waits; by then the writer is held up.
      let other = test.secureClient()
      for _ in 0..<3 { _ = try await other.send(.init("GET", "/other")) }
      await other.close()
      #expect(written.load(ordering: .relaxed) < pieces)
      let response = try client.readResponse()
      #expect(response.body.count == pieces * 64 * 1024)
      #expect((0..<pieces).allSatisfy { response.body[$0 * 64 * 1024] == UInt8($0 & 255) })
    }
  }

  @Test("a large last answer is read whole by a client that takes its time")
  func lastAnswer() async throws {
    let body = [UInt8](repeating: 0x61, count: 8 << 20)
    try await withServer(answer: { _, _ in .response(HTTPResponse(status: 200, body: body)) }) { test in
      let client = try test.connectTLS()
      client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(try client.readResponse().body == body)
      #expect(try client.readToEnd() == [])
    }
  }

  @Test(
    "WebSockets: messages of every length come back, also when the socket moved to another loop", arguments: [0, 1])
  func webSocket(loop: Int) async throws {
    try await withServer(
      loops: 2,
      answer: { request, loop in
        let target = request.path == "/1" ? 1 : 0
        var upgrade = WebSocketUpgrade(maxMessageBytes: 1 << 24) { ws in ws.handler = Echo(ws.loop) }
        upgrade.loop = EchoLoops.loops.withLock { $0.isEmpty ? nil : $0[target] }
        return .upgrade(upgrade)
      }
    ) { test in
      EchoLoops.loops.withLock { $0 = test.group.loops }
      defer { EchoLoops.loops.withLock { $0 = [] } }
      let client = HTTPClient(
        endpoint: .tcp(host: "localhost", port: test.tlsPort), loop: test.group.loops[0], tls: TLSFiles.shared.trusted()
      )
      let listening = Listening()
      let socket = try await client.webSocket(target: "/\(loop)", handler: listening)
      for count in [0, 1, 125, 16_380, 16_384, 65_536, 3_000_000] {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        await socket.loop.run { socket.send(binary: bytes) }
        while let heard = await listening.told.next() {
          if heard == .drained { continue }
          #expect(heard == .binary(bytes), "\(count)")
          break
        }
      }
      await socket.loop.run { socket.close(code: 1000, reason: "") }
      while let heard = await listening.told.next() {
        if heard == .drained { continue }
        #expect(heard == .closed(1000, ""))
        break
      }
    }
  }

  @Test("many connections at once over two loops")
  func many() async throws {
    try await withServer(loops: 2, answer: { request, _ in ok(request.target) }) { test in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<100 {
          group.addTask {
            let client = test.secureClient(on: test.group.loops[number % 2])
            for round in 0..<3 {
              let response = try await client.send(.init("GET", "/\(number)/\(round)"))
              #expect(response.body == Array("/\(number)/\(round)".utf8))
            }
            await client.close()
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test("an end without a goodbye is not the end of a body that has no other")
  func truncation() async throws {
    let listener = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
    let fd = try Listener.bind(listener)
    defer { close(fd) }
    let port = try #require(SocketAddress(localOf: fd)?.numeric?.port)
    for saysGoodbye in [true, false] {
      let serving = Thread {
        guard let server = try? RawClient(accepting: fd, tls: TLSFiles.shared.context), (try? server.handshake()) != nil
        else { return }
        while let line = try? server.readLine(), !line.isEmpty {}
        server.send("HTTP/1.1 200 OK\r\n\r\nhello")
        if saysGoodbye { server.endSending() } else { shutdown(server.fd, CInt(SHUT_WR)) }
      }
      let loop = try EventLoop(name: "client")
      let client = HTTPClient(
        endpoint: .tcp(host: "127.0.0.1", port: port), loop: loop, tls: TLSFiles.shared.pinned)
      if saysGoodbye {
        #expect(try await client.send(.init("POST", "/")).body == Array("hello".utf8))
      } else {
        let error = await #expect(throws: NetError.self) { try await client.send(.init("POST", "/")) }
        #expect(error?.code == .closed)
      }
      await client.close()
      serving.join()
      loop.stop()
    }
  }

  // MARK: Who it is

  @Test("the chain and the name are checked, and every refusal says what it is")
  func verification() async throws {
    let expired = try TLSFiles(validity: .seconds(60), begins: -3600)
    let early = try TLSFiles(validity: .seconds(60), begins: 3600)
    let other = try TLSFiles(names: ["other.example"])
    #expect(TLSFiles.shared.context.warning == nil)
    #expect(expired.context.warning?.contains("has expired") == true)
    #expect(early.context.warning?.contains("not valid yet") == true)
    try await withServer(answer: { _, _ in ok("in") }) { test in
      func client(_ files: TLSFiles, _ settings: TLSClientSettings, host: String = "127.0.0.1") async throws
        -> HTTPClient
      {
        let port = try await test.server.listen(host: "127.0.0.1", port: 0, tls: files.context)
        return HTTPClient(endpoint: .tcp(host: host, port: port), loop: test.group.loops[0], tls: settings)
      }
      func expectIn(_ client: HTTPClient) async throws {
        #expect(try await client.send(.init("GET", "/")).body == Array("in".utf8))
        await client.close()
      }
      let shared = TLSFiles.shared
      try await expectIn(client(shared, shared.trusted()))
      try await expectIn(client(shared, shared.trusted(), host: "localhost"))
      try await expectIn(client(other, other.trusted(as: "other.example")))
      await expect("tls-wrong-host", try await client(other, other.trusted(as: "a.other.example")))
      await expect("tls-wrong-host", try await client(other, other.trusted()))
      await expect("tls-wrong-host", try await client(other, other.trusted(), host: "localhost"))
      await expect("tls-expired", try await client(expired, expired.trusted()))
      await expect("tls-expired", try await client(early, early.trusted()))
      await expect("tls-untrusted", try await client(shared, TLSClientSettings()))
      await expect("tls-untrusted", try await client(shared, other.trusted()))
      await expect("tls-wrong-pin", try await client(shared, other.pinned))
      await expect("tls-configuration", try await client(shared, TLSClientSettings(verification: .caFile("/none"))))
      await expect("tls-configuration", try await client(shared, TLSClientSettings(verification: .caFile(shared.key))))
      await expect("invalid-argument", try await client(shared, TLSClientSettings(serverName: "")))
      // A pin says it all.
      try await expectIn(client(expired, expired.pinned))
      try await expectIn(client(other, other.pinned))
    }
  }

  @Test("what is refused names the fingerprint that was seen, with which it is then trusted")
  func fingerprintToTrust() async throws {
    try await withServer(answer: { _, _ in ok("in") }) { test in
      let error = await #expect(throws: NetError.self) {
        try await test.secureClient(TLSClientSettings()).send(.init("GET", "/"))
      }
      guard case .tlsUntrusted(let seen) = try #require(error).code else { throw try #require(error) }
      #expect(error?.message.contains(seen) == true)
      let pin = try #require(CertificateFingerprint(seen))
      let client = test.secureClient(TLSClientSettings(verification: .pinned(pin)))
      #expect(try await client.send(.init("GET", "/")).status == 200)
      await client.close()
    }
  }

  @Test("fingerprints are read in the forms that programs print, and in no other")
  func fingerprints() throws {
    let text = TLSFiles.shared.context.fingerprint.description
    let digits = String(text.dropFirst(7))
    let colons = stride(from: 0, to: 64, by: 2).map { String(digits.dropFirst($0).prefix(2)) }.joined(separator: ":")
    for form in [text, digits, "sha256:" + digits.uppercased(), colons, "sha256 Fingerprint=" + colons.uppercased()] {
      #expect(CertificateFingerprint(form) == TLSFiles.shared.context.fingerprint, "\(form)")
    }
    for form in [
      "", "SHA256:", digits + "00", String(digits.dropLast()), String(digits.dropLast(2)), "SHA1:" + digits,
      "x" + digits,
    ] {
      #expect(CertificateFingerprint(form) == nil, "\(form)")
    }
  }

  @Test("certificates and keys that cannot be used are errors that name the file")
  func serverFiles() throws {
    let files = TLSFiles.shared
    let other = try TLSFiles()
    let garbage = files.certificate + ".garbage"
    try TLSFiles.write(Array("nothing of the kind".utf8), to: garbage)
    defer { unlink(garbage) }
    for (certificate, key, word) in [
      ("/none.crt", files.key, "/none.crt: No such file"), (files.certificate, "/none.key", "/none.key: No such file"),
      (garbage, files.key, "garbage: no PEM certificate"), (files.certificate, garbage, "garbage: no PEM private key"),
      (files.certificate, other.key, "not the key of the certificate"),
    ] {
      do throws(NetError) {
        _ = try TLSServerContext(certificateFile: certificate, keyFile: key)
        Issue.record("no error for \(word)")
      } catch {
        #expect(error.code == .tlsConfiguration && error.message.contains(word), "\(error)")
      }
    }
  }

  // MARK: Peers that do not keep to it

  @Test("garbage instead of a handshake is cut off, and the server serves on")
  func garbage() async throws {
    try await withServer(answer: { _, _ in ok("in") }) { test in
      var random = SystemRandomNumberGenerator()
      for round in 0..<40 {
        let client = try RawClient(port: test.tlsPort)
        var bytes = (0..<(1 << round % 12)).map { _ in UInt8.random(in: 0...255, using: &random) }
        // Some that look like a record at first.
        if round % 2 == 0 { bytes = [22, 3, 1, 0, UInt8(round)] + bytes }
        client.send(bytes)
        client.endSending()
        _ = try? client.readToEnd()
      }
      while test.server.connectionCount > 0 { await Task.yield() }
      let client = test.secureClient()
      #expect(try await client.send(.init("GET", "/")).status == 200)
      await client.close()
    }
  }

  @Test("records that were tampered with end the connection")
  func tampering() async throws {
    try await withServer(answer: { _, _ in ok("in") }) { test in
      var client: RawClient? = try test.connectTLS()
      client?.sendRaw([23, 3, 3, 0, 40] + [UInt8](repeating: 7, count: 40))
      #expect(throws: NetError.self) { try client?.readLine() }
      client = nil
      while test.server.connectionCount > 0 { await Task.yield() }
    }
  }

  @Test("a plain request is told to speak TLS, and a TLS client meets a plain server with a word about it")
  func plain() async throws {
    try await withServer(answer: { _, _ in ok("in") }) { test in
      let client = try RawClient(port: test.tlsPort)
      client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      let response = try client.readResponse()
      #expect(response.status == 400 && response.text.contains("https://"))
      #expect(try client.readToEnd() == [])
      let secure = HTTPClient(
        endpoint: .tcp(host: "127.0.0.1", port: test.port), loop: test.group.loops[0], tls: TLSFiles.shared.pinned)
      let error = await #expect(throws: NetError.self) { try await secure.send(.init("GET", "/")) }
      #expect(error?.code == .tlsFailed && error?.message.contains("http://") == true, "\(String(describing: error))")
      await secure.close()
    }
  }

  @Test("a handshake that does not come about in time is cut, on either side")
  func handshakeTimeout() async throws {
    var limits = HTTPLimits()
    limits.handshakeTimeout = .milliseconds(100)
    try await withServer(limits: limits, answer: { _, _ in ok("in") }) { test in
      let silent = try RawClient(port: test.tlsPort)
      #expect(try silent.readToEnd() == [])
      // Half of one.
      let slow = try RawClient(port: test.tlsPort)
      slow.send([22, 3, 1, 1, 0, 1])
      #expect(try slow.readToEnd() == [])
      while test.server.connectionCount > 0 { await Task.yield() }
    }
    // A listening socket that nobody serves.
    let fd = try Listener.bind(try #require(SocketAddress(numeric: "127.0.0.1", port: 0)))
    defer { close(fd) }
    let port = try #require(SocketAddress(localOf: fd)?.numeric?.port)
    let loop = try EventLoop(name: "client")
    let client = HTTPClient(endpoint: .tcp(host: "127.0.0.1", port: port), loop: loop, tls: TLSFiles.shared.pinned)
    let error = await #expect(throws: NetError.self) {
      try await client.send(.init("GET", "/", timeout: .milliseconds(100)))
    }
    #expect(error?.code == .timedOut)
    // Called off at every moment of it.
    for _ in 0..<50 {
      let task = Task { try await client.send(.init("GET", "/")) }
      await Task.yield()
      task.cancel()
      let error = await #expect(throws: NetError.self) { try await task.value }
      #expect(error?.code == .cancelled)
    }
    await client.close()
    loop.stop()
  }

  @Test("a server that goes away does not wait for handshakes under way")
  func closing() async throws {
    try await withServer(answer: { _, _ in ok("in") }) { test in
      let silent = try RawClient(port: test.tlsPort)
      while test.server.connectionCount == 0 { await Task.yield() }
      await test.server.close(graceful: .seconds(60))
      #expect(try silent.readToEnd() == [])
    }
  }
}

/// The loops of the server under test, for its handler.
private enum EchoLoops {
  static let loops = Mutex<[EventLoop]>([])
}

@Suite("Address filter", .timeLimit(.minutes(1)))
struct AddressFilterTests {
  @Test("every address is asked about before it is connected to, and a refused one is not")
  func filter() async throws {
    try await withServer(answer: { _, _ in ok("in") }) { test in
      let asked = Mutex<[PeerAddress]>([])
      func client(_ host: String, _ allows: @escaping HTTPClient.AddressFilter) -> HTTPClient {
        HTTPClient(endpoint: .tcp(host: host, port: test.port), loop: test.group.loops[0]) { address in
          asked.withLock { $0.append(address) }
          return allows(address)
        }
      }
      for host in ["127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1"] {
        let refused = client(host) { _ in false }
        for _ in 0..<2 {
          let error = await #expect(throws: NetError.self) { try await refused.send(.init("GET", "/")) }
          #expect(error?.code == .addressRefused, "\(host): \(String(describing: error))")
        }
        let error = await #expect(throws: NetError.self) {
          try await refused.webSocket(target: "/", handler: Listening())
        }
        #expect(error?.code == .addressRefused)
      }
      // An IPv4 address in IPv6 clothes is the IPv4 address.
      #expect(asked.withLock { $0.last } == .ip(address: "127.0.0.1", port: test.port))
      #expect(test.server.connectionCount == 0)
      let allowed = client("localhost") { $0 == .ip(address: "127.0.0.1", port: test.port) }
      let allowedAnswer = try await allowed.send(.init("GET", "/"))
      #expect(allowedAnswer.status == 200)
      await allowed.close()
      // Not asked about a socket of this machine.
      let unix = HTTPClient(endpoint: .unix(path: test.path), loop: test.group.loops[0], allows: { _ in false })
      let unixAnswer = try await unix.send(.init("GET", "/"))
      #expect(unixAnswer.status == 200)
      await unix.close()
    }
  }

  @Test("a redirection is an answer like others")
  func redirection() async throws {
    try await withServer(answer: { request, _ in
      request.path == "/" ? .response(HTTPResponse(status: 302, headers: ["Location": "/other"])) : ok("followed")
    }) { test in
      let client = test.client()
      let response = try await client.send(.init("GET", "/"))
      #expect(response.status == 302 && response.body.isEmpty)
      await client.close()
    }
  }
}

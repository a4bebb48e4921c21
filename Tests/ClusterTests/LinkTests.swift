import Net
import Testing

@testable import Cluster

@Suite("The link", .timeLimit(.minutes(2)))
struct LinkTests {
  private func withRig(
    limits: LinkLimits = LinkLimits(), serve: (@Sendable (LinkStream, [UInt8]) -> Void)? = nil,
    _ body: (LinkRig) async throws -> Void
  ) async throws {
    let rig = try await LinkRig(limits: limits, serve: serve)
    do {
      try await body(rig)
    } catch {
      await rig.close()
      throw error
    }
    await rig.close()
  }

  @Test("a stream carries its head, messages both ways, and the close")
  func stream() async throws {
    try await withRig(serve: { stream, _ in stream.handler = Echo() }) { rig in
      try await rig.connect()
      let near = Collector()
      let stream = await rig.open("{\"kind\":\"x\"}", near)
      let (far, head) = await rig.accepted.next()
      #expect(String(decoding: head, as: UTF8.self) == "{\"kind\":\"x\"}")
      await rig.near.run {
        stream.send(text: "one")
        stream.send(binary: [1, 2, 3])
        stream.send(text: "")
      }
      #expect(await near.told.next() == .text("one"))
      #expect(await near.told.next() == .binary([1, 2, 3]))
      #expect(await near.told.next() == .text(""))
      await rig.far.run {
        far.send(text: "bye")
        far.close(code: 4001, reason: "enough")
      }
      #expect(await near.told.next() == .text("bye"))
      #expect(await near.told.next() == .closed(4001, "enough"))
      #expect(await rig.near.run { stream.isOpen } == false)
    }
  }

  @Test("the last message and a plain close go together, and both sides forget the stream")
  func ends() async throws {
    try await withRig(serve: { stream, _ in
      stream.handler = Echo()
      stream.send(text: "answer")
      stream.close(code: 1000, reason: "")
    }) { rig in
      try await rig.connect()
      for _ in 0..<100 {
        let near = Collector()
        _ = await rig.open("call", isCall: true, near)
        #expect(await near.told.next() == .text("answer"))
        #expect(await near.told.next() == .closed(1000, ""))
      }
      // The good-bye of the last one may be on its way.
      let near = Collector()
      _ = await rig.open("call", near)
      #expect(await near.told.next() == .text("answer"))
      #expect(await rig.acceptor.streamCount <= 2)
      #expect(await rig.dialler.streamCount <= 2)
    }
  }

  @Test("messages of every size arrive whole, in order", arguments: [0, 1, 16_383, 16_384, 16_385, 700_000, 5_000_000])
  func sizes(count: Int) async throws {
    try await withRig(serve: { stream, _ in stream.handler = Echo() }) { rig in
      try await rig.connect()
      let near = Collector()
      let stream = await rig.open("x", near)
      let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      await rig.near.run {
        stream.send(binary: message)
        stream.send(text: "after")
      }
      #expect(await near.told.next() == .binary(message))
      #expect(await near.told.next() == .text("after"))
    }
  }

  @Test("what was open goes on after the connection was cut, again and again: nothing is lost, nothing comes twice")
  func resumes() async throws {
    try await withRig(serve: { stream, _ in stream.handler = Echo() }) { rig in
      try await rig.connect()
      let near = Collector()
      let stream = await rig.open("x", near)
      let (rounds, burst) = (25, 400)
      for round in 0..<rounds {
        await rig.near.run {
          for number in 0..<burst {
            stream.send(text: "\(round * burst + number) \(String(repeating: "x", count: number))")
          }
        }
        // Somewhere in the middle of it.
        for number in 0..<(round % 7 * 20) {
          #expect(await near.told.next() == .text("\(round * burst + number) \(String(repeating: "x", count: number))"))
        }
        await rig.cut()
        // What is said meanwhile waits.
        let late = await rig.open("late", Echo())
        await rig.near.run { late.close(code: 1000, reason: "") }
        try await rig.connect()
        for number in (round % 7 * 20)..<burst {
          #expect(await near.told.next() == .text("\(round * burst + number) \(String(repeating: "x", count: number))"))
        }
      }
    }
  }

  @Test("calls are given up soon after a loss, other streams wait longer, and the other side hears of it")
  func graces() async throws {
    var limits = LinkLimits()
    limits.callGrace = .milliseconds(20)
    limits.streamGrace = .seconds(60)
    try await withRig(limits: limits) { rig in
      try await rig.connect()
      let (call, stream) = (Collector(), Collector())
      _ = await rig.open("call", isCall: true, call)
      let (far, _) = await rig.accepted.next()
      let farEnd = Collector()
      await rig.far.run { far.handler = farEnd }
      let kept = await rig.open("stream", stream)
      _ = await rig.accepted.next()
      await rig.cut()
      guard case .closed(LinkStream.lost, _) = await call.told.next() else {
        Issue.record("the call was not given up")
        return
      }
      #expect(await rig.near.run { kept.isOpen })
      try await rig.connect()
      guard case .closed(LinkStream.lost, _) = await farEnd.told.next() else {
        Issue.record("the other side did not hear of it")
        return
      }
    }
  }

  @Test("a link that finds no connection again ends, and with it its streams")
  func ending() async throws {
    var limits = LinkLimits()
    limits.streamGrace = .milliseconds(20)
    try await withRig(limits: limits) { rig in
      try await rig.connect()
      let near = Collector()
      _ = await rig.open("x", near)
      await rig.cut()
      guard case .closed(LinkStream.lost, _) = await near.told.next() else {
        Issue.record("the stream did not end")
        return
      }
      _ = await rig.ended.next()
      _ = await rig.ended.next()
      #expect(await rig.dialler.isDead)
      #expect(await rig.dialler.canResume(received: 0) == false)
    }
  }

  @Test("a reader that stops holds its own stream back, and no other; what waits is bounded by the window")
  func backpressure() async throws {
    try await withRig(serve: { stream, head in
      stream.handler = Echo()
      if head == Array("slow".utf8) { stream.pauseReading() }
    }) { rig in
      try await rig.connect()
      let (slow, quick) = (Collector(), Collector())
      let stopped = await rig.open("slow", slow)
      let other = await rig.open("quick", quick)
      let piece = [UInt8](repeating: 7, count: 32 << 10)
      let count = 4 * LinkLimits.window / piece.count
      await rig.near.run { for _ in 0..<count { stopped.send(binary: piece) } }
      for number in 0..<200 {
        await rig.near.run { other.send(text: "\(number)") }
        #expect(await quick.told.next() == .text("\(number)"))
      }
      // A window's worth has gone, the rest waits at its sender.
      #expect(await rig.near.run { stopped.queuedBytes } == count * piece.count - LinkLimits.window)
      let (far, _) = await rig.accepted.next()
      await rig.far.run { far.resumeReading() }
      for _ in 0..<count { #expect(await slow.told.next() == .binary(piece)) }
      #expect(await rig.near.run { stopped.queuedBytes } == 0)
    }
  }

  @Test("drained is told when what was queued is on its way")
  func drained() async throws {
    try await withRig(serve: { stream, _ in
      stream.handler = Echo()
    }) { rig in
      let near = Collector(tellsDrained: true)
      let stream = await rig.open("x", near)
      await rig.near.run { stream.send(text: "waits for a connection") }
      #expect(await rig.near.run { stream.queuedBytes } == 22)
      try await rig.connect()
      #expect(await near.told.next() == .drained)
      #expect(await near.told.next() == .text("waits for a connection"))
    }
  }

  @Test(
    "a side that does not keep to the protocol loses the link",
    arguments: [
      ("text in place of frames is a notice and harmless", nil as [UInt8]?),
      ("an empty message", []), ("an unknown mark", [9]), ("a frame cut short", [1, 0, 0, 0]),
      ("a frame longer than its batch", [1, 200, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1]),
      ("an unknown kind", [1, 0, 0, 0, 0, 9, 0, 2, 0, 0, 0]),
      ("data for a stream that never was", [1, 1, 0, 0, 0, 1, 0, 77, 0, 0, 0, 1]),
      ("credit for a stream that never was", [1, 4, 0, 0, 0, 3, 0, 78, 0, 0, 0, 1, 0, 0, 0]),
      ("a stream with the other side's number", [1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]),
      ("stream 0", [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      ("a close without a code", [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0]),
      ("an acknowledgement of what was never sent", [2, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      ("a control message that is too short", [2, 1, 0]),
      ("an end in the middle of a message", [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 6, 1, 0, 0, 0]),
      (
        "more credit than the window",
        [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 3, 0, 1, 0, 0, 0, 255, 255, 255, 255]
      ),
    ])
  func violations(what: String, message: [UInt8]?) async throws {
    let loops = try LoopGroup(count: 1)
    let loop = loops.loops[0]
    let told = Inbox<String>()
    let link = Link(
      loop: loop, side: .acceptor, peer: .unix(uid: 0, pid: 0),
      events: .init(accepted: { stream, _ in stream.handler = Echo() }, lost: { told.put($0) }))
    let socket = DeafSocket(loop: loop)
    await loop.run {
      link.assumeIsolated { link in
        let fits = link.attach(socket, received: 0)
        #expect(fits)
        if let message {
          link.webSocket(socket, binary: message)
        } else {
          link.webSocket(socket, text: Array("{\"something\":1}".utf8))
        }
      }
    }
    #expect(await link.isDead == (message != nil))
    if message != nil { #expect(await told.next().hasPrefix("it does not keep to the protocol of links: ")) }
    await link.end("over")
    loops.stop()
  }
}

/// A connection that takes everything and says nothing.
private final class DeafSocket: MessageSocket, @unchecked Sendable {
  // Unchecked: touched on its loop only.
  let loop: EventLoop
  let peer = PeerAddress.unix(uid: 0, pid: 0)
  let subprotocol: String? = nil
  var handler: (any WebSocketHandler)?
  var queuedBytes: Int { 0 }
  var isOpen: Bool { true }

  init(loop: EventLoop) { self.loop = loop }

  func send(text: [UInt8]) {}
  func send(text: String) {}
  func send(_ texts: WebSocketTexts) {}
  func send(binary: UnsafeRawBufferPointer) {}
  func send(binary: [UInt8]) {}
  func pauseReading() {}
  func resumeReading() {}
  func close(code: UInt16, reason: String) {}
}

import Glibc
import Sys
import TestKit
import Testing

@testable import Keeper

/// xorshift64*: the same bytes for the same seed, which a failing test prints.
struct SeededBytes {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) } }
}

@Suite("The keeper under hostile bytes")
struct KeeperHostileTests {
  @Test("random packets, before and after hello, harm neither the keeper nor its sessions", arguments: [1, 2, 3])
  func random(seed: UInt64) throws {
    var random = SeededBytes(state: seed &* 0x9E37_79B9_7F4A_7C15)
    let keeper = try KeeperHarness()
    var kept: KeptForTest?
    do {
      let talk = try keeper.connectServer()
      kept = try talk.spawn("kept", ["cat"])
    }
    for round in 0..<300 {
      let talk = try round % 2 == 0 ? keeper.connectServer() : keeper.connect()
      var bytes = random.bytes(Int(random.next() % 200) + 1)
      // Half of them look like a request of some kind. Not 6 to 8: those could rightly end the session.
      if round % 4 < 2 { bytes[0] = UInt8(random.next() % 5) + 1 }
      _ = talk.sendRaw(bytes)
    }
    let talk = try keeper.connectServer()
    let listed = try talk.list()
    #expect(listed.contains { if case .session("kept", kept?.pid, _, nil, _) = $0.reply { true } else { false } })
    for answer in listed { for descriptor in answer.descriptors { close(descriptor) } }
  }

  @Test("every cut and every changed byte of a real request is refused or understood, never trapped on")
  func mutations() {
    var random = SeededBytes(state: 42)
    let spec = ChildSpec(
      arguments: ["sh", "-c", "true"], environment: ["A=b"], directory: "/", size: WindowSize(rows: 1, columns: 1))
    let requests: [KeeperRequest] = [
      .hello(version: 1), .spawn(id: "a", spec: spec, label: [1, 2]), .update(id: "a", label: [3]), .list,
      .store(id: "a", slot: 1), .forget(id: "a"),
      .kill(id: "a", signal: 1, everything: true, graceMilliseconds: 5), .quit(graceMilliseconds: 1),
    ]
    for request in requests {
      let bytes = request.encoded(number: 7)
      #expect((try? KeeperRequest.decode(bytes))?.request == request)
      for cut in 0..<bytes.count { #expect((try? KeeperRequest.decode(Array(bytes[..<cut]))) == nil) }
      #expect((try? KeeperRequest.decode(bytes + [0])) == nil)
      for _ in 0..<2000 {
        var changed = bytes
        changed[Int(random.next() % UInt64(changed.count))] = UInt8(truncatingIfNeeded: random.next())
        _ = try? KeeperRequest.decode(changed)
        _ = try? KeeperReply.decode(changed)
      }
    }
  }

  @Test("replies survive the way through a packet")
  func replies() throws {
    let replies: [KeeperReply] = [
      .welcome(version: 1, pid: 5, sessions: 9), .spawned(pid: 12), .done,
      .session(id: "x", pid: 3, label: [1], ended: .signaled(9), slots: [0, 7]),
      .session(id: "x", pid: 3, label: [], ended: nil, slots: []),
      .failed(KeeperError(code: .busy, message: "no")), .exited(id: "é", status: .exited(255)),
    ]
    for reply in replies {
      let (number, decoded) = try KeeperReply.decode(reply.encoded(number: 77))
      #expect(number == 77)
      #expect(decoded == reply)
    }
  }

  @Test("a packet that is too large, or carries too many descriptors, ends its connection only")
  func oversize() throws {
    let keeper = try KeeperHarness()
    do {
      let talk = try keeper.connectServer()
      UnixSocket.setSendBuffer(talk.socket, bytes: 1 << 20)
      guard case .bytes = talk.sendRaw([UInt8](repeating: 2, count: KeeperLimits.longestPacket + 1000)) else { return }
      #expect(throws: (any Error).self) {
        while true { _ = try talk.receive() }
      }
    }
    let talk = try keeper.connectServer()
    let before = ProcessStatus.openDescriptors(keeper.pid)
    // Descriptors with a request that takes none are closed, not kept.
    let many = [CInt](repeating: talk.socket, count: UnixSocket.mostDescriptors)
    #expect(try talk.ask(.list, descriptors: many).reply == .done)
    #expect(try talk.ask(.list).reply == .done)
    #expect(ProcessStatus.openDescriptors(keeper.pid) == before)
  }

  @Test("another version is refused by name")
  func wrongVersion() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connect()
    guard case .failed(let error) = try talk.ask(.hello(version: 99)).reply else {
      Issue.record("not refused")
      return
    }
    #expect(error.code == .wrongVersion)
    #expect(throws: KeeperTalk.Closed.self) { try talk.receive() }
  }

  @Test("connections that never say hello cannot keep a server out for ever")
  func silent() throws {
    let keeper = try KeeperHarness(endAfter: .seconds(60))
    var silent: [KeeperTalk] = try (0..<20).map { _ in try keeper.connect() }
    // The keeper hangs up on those beyond its bound at once, on the others when their time is over.
    #expect(throws: KeeperTalk.Closed.self) { try silent[19].receive() }
    #expect(throws: KeeperTalk.Closed.self) { try silent[0].receive() }
    silent = []
    _ = try keeper.connectServer()
  }

  @Test("a server that reads nothing costs the keeper no memory, and gets everything once it reads")
  func neverReads() throws {
    let keeper = try KeeperHarness()
    let talk = try keeper.connectServer()
    let label = [UInt8](repeating: 1, count: KeeperLimits.longestLabel)
    let kept = try (0..<20).map { try talk.spawn("s\($0)", ["sleep", "1000"], label: label) }
    let before = try #require(ProcessStatus.read(keeper.pid)).residentBytes
    // 100 lists of 1.3 MB each, none of them read: the keeper stops taking requests instead of queueing answers.
    try setNonBlocking(talk.socket)
    var asked: UInt32 = 0
    while asked < 100, case .bytes = talk.sendRaw(KeeperRequest.list.encoded(number: 1000 + asked)) { asked += 1 }
    try sendSignal(.terminate, to: .process(kept[0].pid))
    #expect(waitReadable(kept[0].pidfd))
    let after = try #require(ProcessStatus.read(keeper.pid)).residentBytes
    #expect(after - before < 4 << 20)
    var lists: UInt32 = 0
    var exits = 0
    while lists < asked || exits == 0 {
      let answer = try talk.receive()
      for descriptor in answer.descriptors { close(descriptor) }
      switch answer.reply {
      case .done: lists += 1
      case .exited: exits += 1
      case .session(_, _, _, let ended?, _): exits += ended == .signaled(SIGTERM) ? 1 : 0
      default: break
      }
    }
    #expect(lists == asked)
  }
}

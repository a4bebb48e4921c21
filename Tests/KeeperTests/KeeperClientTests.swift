import Glibc
import Net
import Sys
import TestKit
import Testing

@testable import Keeper

/// What a client reports, in the order in which it comes.
private final class Reports: Sendable {
  let exits: AsyncStream<(String, Sys.ExitStatus)>
  private let sink: AsyncStream<(String, Sys.ExitStatus)>.Continuation
  let losses: AsyncStream<KeeperError>
  private let lossSink: AsyncStream<KeeperError>.Continuation

  init() {
    (exits, sink) = AsyncStream.makeStream()
    (losses, lossSink) = AsyncStream.makeStream()
  }

  func exited(_ id: String, _ status: Sys.ExitStatus) { sink.yield((id, status)) }
  func lost(_ error: KeeperError) { lossSink.yield(error) }

  func nextExit() async throws -> (id: String, status: Sys.ExitStatus) {
    for await exit in exits { return exit }
    throw KeeperTalk.Closed()
  }

  func loss() async throws -> KeeperError {
    for await error in losses { return error }
    throw KeeperTalk.Closed()
  }
}

@Suite("The keeper's client")
struct KeeperClientTests {
  private let loop: EventLoop
  private let reports = Reports()

  init() throws { loop = try EventLoop(name: "test") }

  private func connect(_ path: String, launch: KeeperLaunch? = nil, retries: Bool = true) async throws -> KeeperClient {
    let deadline = Clock.monotonic + UInt64(patience) * 1_000_000
    while true {
      do throws(KeeperError) {
        return try await KeeperClient.connect(
          socketPath: path, launch: launch, loop: loop, onExit: { [reports] in reports.exited($0, $1) },
          onLost: { [reports] in reports.lost($0) })
      } catch {
        // See KeeperHarness.connectServer.
        guard error.code == .busy, retries, Clock.monotonic < deadline else { throw error }
      }
    }
  }

  private func spec(_ arguments: [String]) -> ChildSpec {
    ChildSpec(
      arguments: arguments, environment: ["PATH=/usr/bin:/bin", "TERM=xterm"], directory: "/tmp",
      size: WindowSize(rows: 24, columns: 80))
  }

  @Test("starts a keeper when none answers, and programs through it")
  func launches() async throws {
    let folder = try ScratchFolder()
    let launch = KeeperLaunch(socketPath: folder.path + "/k.sock", executable: KeeperHarness.roost)
    let client = try await connect(folder.path + "/k.sock", launch: launch)
    let child = try await client.spawn(id: "a", spec(["sh", "-c", "echo hello; exit 4"]))
    #expect(readOutput(child.master).contains("hello"))
    let exit = try await reports.nextExit()
    #expect(exit.id == "a")
    #expect(exit.status == .exited(4))
    #expect(await client.status(of: "a") == .exited(4))
    close(child.master)
    close(child.pidfd)
    try await client.quit(grace: .milliseconds(10))
    #expect(try await reports.loss().code == .lost)
    await #expect(throws: KeeperError.self) { try await client.list() }
    loop.stop()
  }

  @Test("a server that comes while a keeper is ending has another, which takes sessions")
  func quitting() async throws {
    let folder = try ScratchFolder()
    let launch = KeeperLaunch(socketPath: folder.path + "/k.sock", executable: KeeperHarness.roost)
    let old = try await connect(folder.path + "/k.sock", launch: launch)
    let stubborn = try await old.spawn(id: "a", spec(["sh", "-c", "trap '' HUP; echo up; while :; do read x; done"]))
    #expect(readOutput(stubborn.master, until: "up").contains("up"))
    try await old.quit(grace: .seconds(60))
    let new = try await connect(folder.path + "/k.sock", launch: launch)
    #expect(await new.keeperPid != old.keeperPid)
    let child = try await new.spawn(id: "a", spec(["cat"]))
    for descriptor in [stubborn.master, child.master, child.pidfd] { close(descriptor) }
    kill(stubborn.pid, SIGKILL)
    close(stubborn.pidfd)
    try await new.quit(grace: .milliseconds(10))
    loop.stop()
  }

  @Test("without a keeper and without leave to start one, says that none answers")
  func unavailable() async throws {
    let folder = try ScratchFolder()
    await #expect { try await connect(folder.path + "/k.sock") } throws: { error in
      (error as? KeeperError)?.code == .unavailable
    }
    loop.stop()
  }

  @Test("many requests under way at once are each answered")
  func concurrent() async throws {
    let keeper = try KeeperHarness()
    let client = try await connect(keeper.socketPath)
    try await withThrowingTaskGroup(of: KeptChild.self) { group in
      for index in 0..<100 {
        group.addTask {
          try await client.spawn(id: "s\(index)", spec(["cat"]), label: [UInt8](repeating: 7, count: 5000))
        }
      }
      for try await child in group {
        close(child.master)
        close(child.pidfd)
      }
    }
    let listed = try await client.list()
    #expect(listed.count == 100)
    #expect(Set(listed.map(\.pid)).count == 100)
    for session in listed {
      #expect(session.label.count == 5000)
      session.closeDescriptors()
    }
    // With every other descriptor closed, forgetting hangs the programs up.
    for session in listed { try await client.forget(id: session.id) }
    for session in listed { #expect(waitGone(session.pid)) }
    #expect(try await client.list().isEmpty)
    loop.stop()
  }

  @Test("a second client adopts what the first one left, and a stored file with it")
  func adopts() async throws {
    let keeper = try KeeperHarness()
    let first = try await connect(keeper.socketPath)
    let child = try await first.spawn(id: "a", spec(["cat"]), label: [1])
    try await first.update(id: "a", label: [1, 2, 3])
    let file = try makeMemoryFile(named: "snapshot", contents: [9, 9])
    try await first.store(id: "a", slot: 0, file.raw)
    await #expect(throws: KeeperError.self) { try await connect(keeper.socketPath, retries: false) }
    await first.close()
    close(child.master)
    close(child.pidfd)

    let second = try await connect(keeper.socketPath)
    let listed = try await second.list()
    let session = try #require(listed.first)
    #expect(session.label == [1, 2, 3])
    #expect(session.pid == child.pid)
    #expect(try readMemoryFile(try #require(session.slots[0]), limit: 10) == [9, 9])
    try await second.kill(id: "a", everything: true, grace: .seconds(1))
    #expect(try await reports.nextExit().status == .signaled(SIGHUP))
    session.closeDescriptors()
    loop.stop()
  }

  @Test("the keeper's refusals arrive as they were made")
  func refusals() async throws {
    let keeper = try KeeperHarness()
    let client = try await connect(keeper.socketPath)
    func code(_ body: () async throws -> Void) async -> KeeperError.Code? {
      do {
        try await body()
        return nil
      } catch {
        return (error as? KeeperError)?.code
      }
    }
    #expect(await code { _ = try await client.spawn(id: "a", spec(["/no/such"])) } == .noSuchProgram)
    #expect(await code { _ = try await client.spawn(id: "", spec(["true"])) } == .invalidArgument)
    #expect(await code { try await client.forget(id: "a") } == .noSuchSession)
    #expect(await code { try await client.store(id: "a", slot: 8, nil) } == .invalidArgument)
    #expect(
      await code { try await client.update(id: "a", label: [UInt8](repeating: 0, count: 70_000)) } == .invalidArgument)
    let long = [String](repeating: String(repeating: "x", count: 1000), count: 300)
    #expect(await code { _ = try await client.spawn(id: "a", spec(long)) } == .argumentListTooLong)
    let child = try await client.spawn(id: "a", spec(["true"]))
    #expect(await code { _ = try await client.spawn(id: "a", spec(["true"])) } == .sessionExists)
    _ = try await reports.nextExit()
    #expect(
      await code { try await client.kill(id: "a", signal: .terminate, everything: false) } == .ended)
    close(child.master)
    close(child.pidfd)
    loop.stop()
  }

  @Test("a keeper that talks nonsense is left, whatever it says", arguments: [1, 2, 3, 4])
  func nonsense(seed: UInt64) async throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/k.sock"
    let listener = try UnixSocket.listen(path, .packets)
    let descriptor = listener.raw
    // On a thread of its own: it blocks.
    let other = try EventLoop(name: "rubbish")
    let rubbish = Task.detached(executorPreference: other) {
      var random = SeededBytes(state: seed &* 0x9E37_79B9_7F4A_7C15)
      guard waitReadable(descriptor), let peer = try UnixSocket.accept(descriptor) else { return }
      // The first answer is right, and so are the kinds and numbers of some of those after it.
      let hello = PacketBuffer()
      _ = waitReadable(peer)
      _ = UnixSocket.receive(peer, buffer: hello.bytes)
      _ = UnixSocket.send(peer, KeeperReply.welcome(version: 1, pid: 1, sessions: 0).encoded(number: 1))
      _ = waitReadable(peer)
      for round in 0..<200 {
        var bytes = random.bytes(Int(random.next() % 60) + 1)
        if round % 2 == 0, bytes.count > 5 {
          bytes.replaceSubrange(0..<5, with: [UInt8(129 + random.next() % 7), 2, 0, 0, 0])
        }
        guard case .bytes = UnixSocket.send(peer, bytes, descriptors: [descriptor]) else { break }
      }
      close(peer)
    }
    let client: KeeperClient
    do {
      client = try await connect(path)
    } catch let error as KeeperError where error.code == .unavailable {
      // A machine that is busy enough lets the time for a greeting pass: then the keeper is left too.
      _ = await rubbish.result
      other.stop()
      return loop.stop()
    }
    // It may by chance be answered with something that looks right.
    _ = try? await client.kill(id: "a", everything: true)
    #expect(try await reports.loss().code == .lost)
    _ = await rubbish.result
    other.stop()
    withExtendedLifetime(listener.raw) {}
    loop.stop()
  }

  @Test("a killed keeper is reported once, and the terminals held here go on")
  func keeperKilled() async throws {
    let keeper = try KeeperHarness()
    let client = try await connect(keeper.socketPath)
    let child = try await client.spawn(id: "a", spec(["cat"]))
    try sendSignal(.kill, to: .pidfd(keeper.pidfd))
    #expect(try await reports.loss().code == .lost)
    try writeAll(child.master, Array("still here\r".utf8))
    #expect(readOutput(child.master, until: "here\r\nstill here").contains("here\r\nstill here"))
    close(child.master)
    #expect(waitReadable(child.pidfd))
    close(child.pidfd)
    loop.stop()
  }
}

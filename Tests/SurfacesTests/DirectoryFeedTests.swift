import Formats
import Net
import Operations
import Store
import Sys
import TerminalEngine
import TestKit
import Testing

@testable import Cluster
@testable import Domains
@testable import Sessions
@testable import Surfaces

@Suite("The live directory", .timeLimit(.minutes(3)))
struct DirectoryFeedTests {
  private func withBench(
    maximumSessions: Int = 256, _ body: (DirectoryBench) async throws -> Void
  ) async throws {
    let bench = try await DirectoryBench(maximumSessions: maximumSessions)
    do { try await body(bench) } catch {
      await bench.close()
      throw error
    }
    await bench.close()
  }

  @Test("a hub knows what was there, and hears of what comes, changes and goes") func life() async throws {
    try await withBench { bench in
      try await bench.create("first", tags: ["ci"])
      let hub = await bench.hub()
      try await eventually("the sessions are told") { hub.copy.snapshot.isCurrent }
      #expect(hub.names == ["first"])
      #expect(hub.record("first")?["tags"] == ["ci"])
      #expect(hub.record("first")?["server"].string == "web1")

      let second = try await bench.create("second")
      try await eventually("the new one is told of") { hub.names == ["first", "second"] }
      try await eventually("it waits for input") { hub.record("second")?["state"].string == "reading" }

      _ = try await bench.store.update(
        try SessionName("second"), newName: try SessionName("renamed"), add: [try Sessions.Tag("x")], remove: [])
      try await eventually("it has another name and is the same session") {
        hub.names == ["first", "renamed"] && hub.record("renamed")?["id"].string == second.id
          && hub.record("renamed")?["tags"] == ["x"]
      }
      try await second.resize(.init(rows: 11, columns: 22))
      try await eventually("it has another size") { hub.record("renamed")?["rows"].integer == 11 }

      let before = hub.record("renamed")?["generation"].integer ?? 0
      try await second.write(Array("x\n".utf8))
      try await eventually("it has done something") { (hub.record("renamed")?["generation"].integer ?? 0) > before }

      _ = try await bench.store.kill(try SessionName("renamed"), signal: .terminate, grace: .seconds(5))
      try await eventually("it has ended") { hub.record("renamed")?["exit_signal"].string == "SIGTERM" }
      try await bench.store.remove(try SessionName("renamed"))
      try await eventually("it is gone") { hub.names == ["first"] }
      #expect(await hub.fault == nil)
    }
  }

  @Test("clients that come and go are counted") func clients() async throws {
    try await withBench { bench in
      let session = try await bench.create("s")
      let hub = await bench.hub()
      try await eventually("the session is told") { hub.record("s")?["clients"].integer == 0 }
      let observer = IdleObserver()
      let client = ClientInfo(kind: "attach", peer: "test", readOnly: false)
      let id = await session.addObserver(observer, client: client, interval: .seconds(1), idleAfter: nil)
      try await eventually("a client is told") { hub.record("s")?["clients"].integer == 1 }
      await session.removeObserver(id)
      try await eventually("its leaving is told") { hub.record("s")?["clients"].integer == 0 }
    }
  }

  @Test("a state that silence alone brings about is told too") func quiet() async throws {
    try await withBench { bench in
      try await bench.create("s", command: "stty -icanon; echo x; exec sleep 1000")
      let hub = await bench.hub()
      try await eventually("it is quiet") { hub.record("s")?["state"].string == "quiet" }
    }
  }

  @Test("of sessions to which nothing happens nothing is told") func silence() async throws {
    try await withBench { bench in
      for number in 0..<20 { try await bench.create("s\(number)") }
      let hub = await bench.hub()
      try await eventually("all wait for input") {
        hub.names.count == 20 && hub.names.allSatisfy { hub.record($0)?["state"].string == "reading" }
      }
      let count = await hub.messages.count
      // Its own silence is told of after a second, in which there were ten chances to tell of the others.
      try await bench.create("witness", command: "stty -icanon; echo x; exec sleep 1000")
      try await eventually("the witness is quiet") { hub.record("witness")?["state"].string == "quiet" }
      for message in await hub.messages.dropFirst(count) {
        guard case .changed(let sessions, removed: []) = try DirectoryMessage(parsing: message) else {
          Issue.record("neither new nor changed: \(String(decoding: message, as: UTF8.self))")
          continue
        }
        #expect(sessions.map(\.name) == ["witness"])
      }
    }
  }

  @Test("a session that floods is told of once or twice a second") func flood() async throws {
    try await withBench { bench in
      let hub = await bench.hub()
      try await eventually("the stream is there") { hub.copy.snapshot.isCurrent }
      try await bench.create("s", command: "exec yes")
      try await eventually("it floods") { (hub.record("s")?["generation"].integer ?? 0) > 1000 }
      let before = await hub.messages.count
      let began = ContinuousClock.now
      let generation = hub.record("s")?["generation"].integer ?? 0
      try await eventually("it is told of five times more") { await hub.messages.count >= before + 5 }
      // Once a second for its output, and as often for its state, which flickers where others have the processor: that takes two seconds,
      // and by as much as one may the first be late.
      #expect(began.duration(to: .now) >= .seconds(1))
      #expect((hub.record("s")?["generation"].integer ?? 0) > generation)
    }
  }

  @Test("several hubs hear the same, and those that leave cost nothing more") func several() async throws {
    try await withBench { bench in
      try await bench.create("s")
      let (first, second) = (await bench.hub(), await bench.hub())
      try await eventually("both know") { first.names == ["s"] && second.names == ["s"] }
      await first.close()
      try await eventually("the first is closed") { await first.closed != nil }
      try await bench.create("t")
      try await eventually("the second goes on") { second.names == ["s", "t"] }
      #expect(first.names == ["s"])
      await second.close()
      try await eventually("nothing is kept without followers") { bench.store.board.sessions.isEmpty }
      let third = await bench.hub()
      try await eventually("the next one is told everything") { Set(third.names) == ["s", "t"] }
    }
  }

  @Test("a limited hub sees what its token allows, and no more when a name or a tag is lost") func limits() async throws
  {
    try await withBench { bench in
      try await bench.create("open", tags: ["ci"])
      try await bench.create("secret")
      let hub = await bench.hub(access: Access(scopes: [.sessionsRead], tags: ["ci"]))
      try await eventually("one is told") { hub.names == ["open"] }
      func tag(_ name: String, add: [String] = [], remove: [String] = []) async throws {
        _ = try await bench.store.update(
          try SessionName(name), newName: nil, add: try add.map { try Sessions.Tag($0) },
          remove: try remove.map { try Sessions.Tag($0) })
      }
      try await tag("secret", add: ["ci"])
      try await eventually("it is within reach now") { Set(hub.names) == ["open", "secret"] }
      try await tag("open", remove: ["ci"])
      try await eventually("it is out of reach now") { hub.names == ["secret"] }
      let all = await hub.messages.map { String(decoding: $0, as: UTF8.self) }.joined()
      let id = try await bench.create("hidden").id
      try await bench.store.remove(try SessionName("hidden"))
      try await tag("secret", add: ["last"])
      try await eventually("a later change has come") { hub.record("secret")?["tags"] == ["ci", "last"] }
      let text = await hub.messages.map { String(decoding: $0, as: UTF8.self) }.joined().dropFirst(all.count)
      #expect(!text.contains(id))
    }
  }

  @Test("500 sessions are told in messages of 64 KiB, in their order") func many() async throws {
    try await withBench(maximumSessions: 600) { bench in
      let names = (0..<500).map { "s\($0)" }
      for name in names { try await bench.create(name, tags: ["all"]) }
      let hub = await bench.hub()
      try await eventually("all are told") { hub.copy.snapshot.isCurrent }
      #expect(hub.names == names)
      let sizes = await hub.messages.map(\.count)
      #expect(sizes.allSatisfy { $0 <= DirectoryFeed.messageBytes + 64 })
      #expect(sizes.count > 4)
      #expect(await hub.fault == nil)
    }
  }

  @Test("a hub that does not read costs no more than what may be on its way, and then gets the newest") func slow()
    async throws
  {
    try await withBench { bench in
      for number in 0..<50 { try await bench.create("s\(number)") }
      let hub = await bench.hub()
      try await eventually("all are told") { hub.copy.snapshot.isCurrent && hub.names.count == 50 }
      await hub.pause()
      // A title makes every round of changes tens of kilobytes.
      for round in 0..<40 {
        for number in 0..<50 {
          let name = try SessionName("s\(number)")
          let tag = try Sessions.Tag("round-\(round)")
          let old = round > 0 ? [try Sessions.Tag("round-\(round - 1)")] : []
          _ = try await bench.store.update(name, newName: nil, add: [tag], remove: old)
        }
      }
      #expect(await hub.unread <= DirectoryFeed.maximumQueued + DirectoryFeed.messageBytes)
      let before = await hub.messages.count
      await hub.resume()
      try await eventually("every session's newest record has come") {
        hub.copy.snapshot.records.allSatisfy { $0.tags == ["round-39"] }
      }
      #expect(await hub.messages.count - before < 12)
      #expect(await hub.fault == nil)
    }
  }

  @Test("a hub that talks on the stream is sent away") func talking() async throws {
    try await withBench { bench in
      let hub = await bench.hub()
      await hub.send("{}")
      try await eventually("the stream is closed") { await hub.closed == 1008 }
      try await eventually("nobody follows") { bench.store.board.sessions.isEmpty }
    }
  }

  @Test("a hub whose token may not read sessions is told of none, and why") func scope() async throws {
    try await withBench { bench in
      try await bench.create("s")
      let hub = await bench.hub(access: Access(scopes: [.sessionsInput]))
      try await eventually("the stream is closed") { await hub.closed == 1000 }
      #expect(await hub.refusal?.code == "insufficient_scope")
      #expect(await hub.messages.isEmpty)
    }
  }

  @Test("long titles and command lines are cut for lists") func longTexts() async throws {
    try await withBench { bench in
      let long = String(repeating: "x", count: 40_000)
      try await bench.create("s", command: "exec cat # \(long)")
      let hub = await bench.hub()
      try await eventually("the session is told") { hub.names == ["s"] }
      #expect((hub.record("s")?["command"].string?.utf8.count ?? 0) <= 4096)
    }
  }
}

private final class IdleObserver: SessionObserver {
  func sessionChanged(_ session: isolated Session) {}
  func sessionIdle(_ session: isolated Session) {}
  func sessionActive(_ session: isolated Session) {}
  func sessionEnded(_ session: isolated Session) {}
}

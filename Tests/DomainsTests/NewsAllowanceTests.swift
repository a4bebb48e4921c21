import Causality
import Events
import Formats
import Net
import Store
import Synchronization
import Testing

@testable import Domains
@testable import Operations
@testable import Sessions

/// What one account does to sessions is told of one by one up to its allowance, and counted beyond.
@Suite("What is told of what is done to sessions")
struct NewsAllowanceTests {
  private final class Sink: EventSink {
    private let kept = Mutex<[EventDraft]>([])
    func emit(_ draft: EventDraft) { kept.withLock { $0.append(draft) } }
    var drafts: [EventDraft] { kept.withLock { $0 } }
  }

  private let sink = Sink()
  private let start = ContinuousClock.now

  /// With an allowance of 10 events, and one a second.
  private func withNews(_ body: (NewsAllowance) throws -> Void) throws {
    let loop = try EventLoop(name: "news")
    defer { loop.stop() }
    let events = OwnEvents(sink: sink, serverID: makeUUID(), types: EventTypes.all)
    try body(NewsAllowance(events, RecordAllowance(burst: 10, perSecond: 1), loop: loop))
  }

  private func announcement(
    _ news: SessionAnnouncement.News, session: String = "1", by token: String? = "1"
  ) -> SessionAnnouncement {
    let account = token.map { Cause.Account(id: $0, principal: "token:ci") }
    return SessionAnnouncement(
      id: makeUUID(), sessionID: session, name: "dev", tags: ["t"],
      cause: Cause(correlationID: makeUUID(), principal: "token:ci", account: account), news: news)
  }

  private var attached: SessionAnnouncement.News {
    .attached(number: 1, ClientInfo(kind: "json", peer: "unix", readOnly: true))
  }

  @Test("clients, names and tags beyond it are counted, and their number is told") func counted() throws {
    try withNews { news in
      #expect((0..<100).filter { _ in news.emit(announcement(attached), now: start) }.count == 5)
      #expect(!news.emit(announcement(.renamed(from: "x")), now: start))
      #expect(!news.emit(announcement(.tagged(added: ["x"], removed: [])), now: start))
      #expect(news.emit(announcement(.tagged(added: ["x"], removed: [])), now: start + .seconds(1)))
      #expect(!news.emit(announcement(attached, session: "2"), now: start + .seconds(1)))
      #expect(sink.drafts.count == 6)
      news.flush()
      let sums = sink.drafts.dropFirst(6).sorted { $0.origin.id < $1.origin.id }
      #expect(sums.map(\.type) == ["session.news_left_out", "session.news_left_out"])
      #expect(sums.allSatisfy { $0.principal == "token:ci" })
      let first = try JSON(parsing: sums[0].data)
      #expect(first["session"] == "dev" && first["tags"] == ["t"])
      #expect(first["clients"] == 95 && first["renamed"] == 1 && first["tagged"] == 1)
      #expect(try JSON(parsing: sums[1].data)["clients"] == 1)
      #expect(EventTypes.named("session.news_left_out")?.fault(in: first) == nil)
      news.flush()
      #expect(sink.drafts.count == 8)
    }
  }

  @Test("the local user's, and what nobody can do over and over, is always told; a session's end comes last")
  func exempt() throws {
    try withNews { news in
      for _ in 0..<50 { #expect(news.emit(announcement(attached, by: nil), now: start)) }
      for _ in 0..<6 { _ = news.emit(announcement(attached), now: start) }
      #expect(news.emit(announcement(.ended(nil, after: .zero)), now: start))
      #expect(news.emit(announcement(.removed), now: start))
      #expect(
        sink.drafts.suffix(3).map(\.type) == ["session.ended", "session.news_left_out", "session.removed"])
    }
  }

  @Test("accounts beyond those that are told apart are counted together") func bounded() throws {
    try withNews { news in
      for token in 0..<(NewsAllowance.maximumKeys + 100) {
        for _ in 0..<6 { _ = news.emit(announcement(attached, by: "\(token)"), now: start) }
      }
      let told = sink.drafts.count
      news.flush()
      let sums = sink.drafts.dropFirst(told)
      #expect(sums.count == NewsAllowance.maximumKeys + 1)
      #expect(sums.contains { $0.principal == nil && (try? JSON(parsing: $0.data))?["clients"] == 100 })
    }
  }
}

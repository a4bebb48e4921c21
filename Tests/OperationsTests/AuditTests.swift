import Causality
import Events
import Formats
import Net
import Sessions
import Store
import Synchronization
import Testing

@testable import Operations

/// What the catalogue leaves of every call.
@Suite("Audit")
struct AuditTests {
  private struct Input: Decodable, Sendable {
    var session: SessionName
    var fails: Bool?
  }
  private struct Output: Codable, Sendable { var name: String }

  /// Keeps what a call saw as its cause.
  private final class Seen: Sendable {
    private let kept = Mutex<[Cause?]>([])
    func note() { kept.withLock { $0.append(Cause.current) } }
    var causes: [Cause?] { kept.withLock { $0 } }
  }

  private let sink = RecordingSink()
  private let seen = Seen()
  private let serverID = makeUUID()
  private static let correlationID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

  private func operation(_ name: String, _ effect: Effect, scope: Scope = .sessionsManage) -> OperationBinding {
    let seen = seen
    return TypedOperation(
      name, "Does it", scope, .post("/sessions/{session}/it"), effect, takes: Input.self, gives: Output.self
    ).on { call, input in
      seen.note()
      if input.fails == true { throw OperationError(.sessionEnded, "It has ended.") }
      return Output(name: input.session.text)
    }
  }

  private func call(_ access: Access = .everything, id: String = correlationID) -> Call {
    Call(principal: .token(id: "1", name: "ci"), access: access, peer: "127.0.0.1:9", correlationID: id)
  }

  private func arguments(_ body: String = "{}") -> Arguments {
    Arguments(path: [("session", "dev")], body: .json(Array(body.utf8)))
  }

  /// A catalogue with these operations and a trail on a loop of its own.
  private func withCatalogue(
    _ operations: [OperationBinding], allowance: RecordAllowance = RecordAllowance(),
    _ body: (Catalogue, EventLoop) async throws -> Void
  ) async throws {
    let loop = try EventLoop(name: "audit")
    defer { loop.stop() }
    let trail = AuditTrail(OwnEvents(sink: sink, serverID: serverID), loop: loop, allowance: allowance)
    try await body(Catalogue(operations, ownNames: ["here"], audit: trail), loop)
  }

  @Test("what changes something leaves an event, whose id is the cause of what was done") func allowed() async throws {
    try await withCatalogue([operation("session.kill", .changes)]) { catalogue, _ in
      _ = try await catalogue.perform("session.kill", arguments(), for: call())
      let draft = try #require(sink.drafts.first)
      #expect(sink.drafts.count == 1)
      #expect(draft.type == "audit.allowed")
      #expect(draft.subject.text == "hub.\(serverID).audit.allowed")
      #expect(draft.correlationID == AuditTests.correlationID)
      #expect(draft.principal == "token:ci")
      #expect(draft.fields["operation"] == "session.kill")
      #expect(draft.fields["target"] == "dev")
      #expect(draft.fields["outcome"] == "allowed")
      #expect(draft.fields["address"] == "127.0.0.1:9")
      #expect(AuditEvents.allowed.fault(in: draft.fields) == nil)
      let cause = try #require(seen.causes.first ?? nil)
      #expect(cause.causationID == draft.id)
      #expect(cause.correlationID == AuditTests.correlationID)
      #expect(cause.principal == "token:ci")
    }
  }

  @Test("what fails and what is refused leaves one too, with the code") func unhappy() async throws {
    try await withCatalogue([operation("session.kill", .changes)]) { catalogue, _ in
      await #expect(throws: OperationError.self) {
        try await catalogue.perform("session.kill", arguments(#"{"fails":true}"#), for: call())
      }
      await #expect(throws: OperationError.self) {
        try await catalogue.perform("session.kill", arguments(), for: call(Access(scopes: [.sessionsRead])))
      }
      await #expect(throws: OperationError.self) {
        try await catalogue.perform("session.kill", arguments(#"{"unknown":1}"#), for: call())
      }
      #expect(sink.drafts.map(\.type) == ["audit.failed", "audit.refused", "audit.failed"])
      #expect(
        sink.drafts.map { $0.fields["code"].string } == ["session_ended", "insufficient_scope", "invalid_request"])
      #expect(sink.drafts.allSatisfy { $0.fields["target"] == "dev" })
    }
  }

  @Test("what only looks leaves none, unless it is refused") func reads() async throws {
    try await withCatalogue([operation("session.get", .reads, scope: .sessionsRead)]) { catalogue, _ in
      _ = try await catalogue.perform("session.get", arguments(), for: call())
      _ = try? await catalogue.perform("session.get", arguments(#"{"fails":true}"#), for: call())
      #expect(sink.drafts.isEmpty)
      #expect(seen.causes.allSatisfy { $0?.causationID == nil && $0?.correlationID == AuditTests.correlationID })
      _ = try? await catalogue.perform("session.get", arguments(), for: call(Access(scopes: [.filesRead])))
      #expect(sink.drafts.map(\.type) == ["audit.refused"])
    }
  }

  @Test("the target is found among the parameters of a call without a path") func parameters() async throws {
    try await withCatalogue([operation("session.kill", .changes)]) { catalogue, _ in
      let body = Arguments(body: .json(Array(#"{"session":"other"}"#.utf8)))
      _ = try await catalogue.perform("session.kill", body, for: call())
      #expect(sink.drafts.first?.fields["target"] == "other")
    }
  }

  @Test("an operation is performed on the loop of its caller") func loop() async throws {
    let isOnLoop = Mutex<Bool?>(nil)
    let loops = try LoopGroup(count: 2)
    defer { loops.stop() }
    let loop = loops.loops[1]
    let where_ = TypedOperation(
      "session.kill", "Does it", .sessionsManage, .post("/sessions/{session}/it"), .changes, takes: Input.self,
      gives: Output.self
    ).on { call, input in
      isOnLoop.withLock { $0 = loop.isCurrent }
      return Output(name: "")
    }
    let trail = AuditTrail(OwnEvents(sink: sink, serverID: serverID), loop: loops.loops[0])
    let catalogue = Catalogue([where_], ownNames: [], audit: trail)
    let stayed = try await Caller(loop: loop).perform(catalogue, arguments(), call())
    #expect(isOnLoop.withLock { $0 } == true)
    #expect(stayed)
  }

  private actor Caller {
    let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    init(loop: EventLoop) { self.loop = loop }

    func perform(_ catalogue: Catalogue, _ arguments: Arguments, _ call: Call) async throws -> Bool {
      _ = try await catalogue.perform("session.kill", arguments, for: call)
      return loop.isCurrent
    }
  }

  @Test("of a stream of calls the first is recorded at once, the others together, and none is lost")
  func streams() async throws {
    try await withCatalogue([operation("session.input", .changesOften)]) { catalogue, _ in
      for _ in 0..<100 { _ = try await catalogue.perform("session.input", arguments(), for: call()) }
      let other = call(id: makeUUID())
      _ = try await catalogue.perform("session.input", arguments(), for: other)
      _ = try? await catalogue.perform("session.input", arguments(#"{"fails":true}"#), for: call())
      // The first of each correlation id, and the first failure; how many seconds passed is the machine's business.
      #expect(sink.drafts.count >= 3)
      catalogue.audit?.flush()
      func calls(_ outcome: String, _ id: String) -> Int {
        sink.drafts.filter { $0.type == "audit.\(outcome)" && $0.correlationID == id }
          .reduce(0) { $0 + ($1.fields["calls"].integer ?? 1) }
      }
      #expect(calls("allowed", AuditTests.correlationID) == 100)
      #expect(calls("allowed", other.correlationID) == 1)
      #expect(calls("failed", AuditTests.correlationID) == 1)
      #expect(sink.drafts.count < 50)
      // What each call saw as its cause is a record that was written.
      let ids = Set(sink.drafts.map(\.id))
      #expect(seen.causes.dropLast().allSatisfy { $0?.causationID.map(ids.contains) == true })
    }
  }

  @Test("what was counted is written without anybody asking") func timed() async throws {
    try await withCatalogue([operation("session.input", .changesOften)]) { catalogue, _ in
      for _ in 0..<3 { _ = try await catalogue.perform("session.input", arguments(), for: call()) }
      while sink.drafts.reduce(0, { $0 + ($1.fields["calls"].integer ?? 1) }) < 3 { await Task.yield() }
    }
  }

  @Test("refusals of one caller are recorded each by itself only up to a number") func quota() async throws {
    try await withCatalogue([operation("session.get", .reads, scope: .sessionsRead)]) { catalogue, _ in
      let many = AuditTrail.refusalsPerMinute + 50
      for _ in 0..<many {
        _ = try? await catalogue.perform("session.get", arguments(), for: call(Access(scopes: [.filesRead])))
      }
      #expect(sink.drafts.count == AuditTrail.refusalsPerMinute)
      catalogue.audit?.flush()
      #expect(sink.drafts.count == AuditTrail.refusalsPerMinute + 1)
      #expect(sink.drafts.last?.fields["calls"] == 50)
      #expect(sink.drafts.last?.type == "audit.refused")
    }
  }

  // MARK: Beyond an account's allowance

  /// How many calls of an outcome the records stand for.
  private func calls(_ outcome: String) -> Int {
    sink.drafts.filter { $0.type == "audit.\(outcome)" }.reduce(0) { $0 + ($1.fields["calls"].integer ?? 1) }
  }

  @Test("beyond its allowance an account's calls are gathered by operation and outcome, and none is lost")
  func gathered() async throws {
    let operations = [operation("session.kill", .changes), operation("session.resize", .changes)]
    try await withCatalogue(operations, allowance: RecordAllowance(burst: 10, perSecond: 0)) { catalogue, _ in
      for index in 0..<90 {
        let name = index % 3 == 0 ? "session.resize" : "session.kill"
        let body = index % 9 == 8 ? #"{"fails":true}"# : "{}"
        _ = try? await catalogue.perform(name, arguments(body), for: call(id: makeUUID()))
      }
      #expect(sink.drafts.count == 10)
      catalogue.audit?.flush()
      #expect((calls("allowed"), calls("failed")) == (80, 10))
      let sums = sink.drafts.dropFirst(10)
      #expect(sums.count == 3)
      #expect(sums.allSatisfy { $0.principal == "token:ci" && $0.fields["target"] == "dev" })
      #expect(Set(sums.map(\.correlationID)).count == 3)
      let ids = Set(sink.drafts.map(\.id))
      #expect(seen.causes.enumerated().allSatisfy { $1?.causationID.map(ids.contains) == true || $0 % 9 == 8 })
    }
  }

  @Test("the local user has no allowance to use up") func localUser() async throws {
    try await withCatalogue(
      [operation("session.kill", .changes)], allowance: RecordAllowance(burst: 1, perSecond: 0)
    ) { catalogue, _ in
      let own = Call(principal: .localUser(uid: 1000), access: .everything, peer: "unix")
      for _ in 0..<20 { _ = try await catalogue.perform("session.kill", arguments(), for: own) }
      #expect(sink.drafts.count == 20)
    }
  }

  @Test("whom a hub says to ask counts as the hub, whoever that is; the records still name him") func hub() async throws
  {
    try await withCatalogue(
      [operation("session.get", .reads, scope: .sessionsRead)], allowance: RecordAllowance(burst: 10, perSecond: 0)
    ) { catalogue, _ in
      for user in 0..<100 {
        let call = Call(
          principal: .relayed(by: .token(id: "1", name: "hub"), for: "user:\(user)"), access: Access(scopes: []),
          peer: "10.0.0.1:\(user)")
        _ = try? await catalogue.perform("session.get", arguments(), for: call)
      }
      #expect(sink.drafts.map(\.principal) == (0..<10).map { "token:hub for user:\($0)" })
      catalogue.audit?.flush()
      #expect(sink.drafts.count == 11)
      #expect(sink.drafts.last?.principal == "token:hub")
      #expect(sink.drafts.last?.fields["calls"] == 90)
      #expect(sink.drafts.last?.fields["address"] == "many")
    }
  }

  @Test("typing under a correlation id of its own for each key is gathered, too") func typing() async throws {
    try await withCatalogue(
      [operation("session.input", .changesOften)], allowance: RecordAllowance(burst: 10, perSecond: 0)
    ) { catalogue, loop in
      for index in 0..<100 {
        let body = index % 2 == 0 ? #"{"fails":true}"# : "{}"
        _ = try? await catalogue.perform("session.input", arguments(body), for: call(id: makeUUID()))
      }
      // One socket a key.
      for _ in 0..<100 {
        let stream = try #require(catalogue.audit).stream("session.input", target: "dev", call(), loop: loop)
        _ = stream.begin()
        stream.performed(bytes: 1)
        stream.flush()
      }
      #expect(sink.drafts.count <= 10)
      catalogue.audit?.flush()
      #expect((calls("allowed"), calls("failed")) == (150, 50))
      #expect(sink.drafts.count <= 12)
    }
  }

  @Test("strangers have one allowance, from however many addresses they come") func strangers() async throws {
    try await withCatalogue([]) { catalogue, _ in
      let trail = try #require(catalogue.audit)
      let now = ContinuousClock.now
      let error = OperationError(.authInvalid, "Who are you?")
      for index in 0..<5000 {
        trail.refuseAtDoor(
          AuditEntry(operation: "session.get", target: "x", error: error, address: "127.0.\(index / 250).1:\(index)"),
          source: "\(index / 5)", of: Cause(correlationID: makeUUID()), now: now)
      }
      #expect(sink.drafts.count == Int(RecordAllowance.strangersBurst))
      trail.flush()
      #expect(sink.drafts.count == Int(RecordAllowance.strangersBurst) + 1)
      #expect(calls("refused") == 5000)
      #expect(sink.drafts.last?.fields["address"] == "many")
      #expect(sink.drafts.last?.fields["operation"] == "http")
    }
  }
}

@Suite("How many events an account may leave")
struct RecordAllowanceTests {
  private let start = ContinuousClock.now
  private let allowance = RecordAllowance(burst: 10, perSecond: 2)
  private let one = Cause.Account(id: "1", principal: "token:one")

  private func taken(_ account: Cause.Account, at seconds: Int) -> Int {
    (0..<100).filter { _ in allowance.take(account, now: start + .seconds(seconds)) }.count
  }

  @Test("so many at once, so many a second from then on, and each has his own") func refills() {
    #expect(taken(one, at: 0) == 10)
    #expect(allowance.isUsedUp(one, now: start))
    #expect(taken(one, at: 1) == 2)
    #expect(taken(Cause.Account(id: "2", principal: "token:one"), at: 1) == 10)
    #expect(!allowance.take(one, 3, now: start + .seconds(2)))
    #expect(allowance.take(one, 2, now: start + .seconds(2)))
    #expect(allowance.isLow(one, now: start + .seconds(4)))
    #expect(!allowance.isLow(one, now: start + .seconds(5)))
    #expect(taken(one, at: 100) == 10)
    // A moment that was read earlier.
    #expect(taken(one, at: 99) == 0)
  }

  @Test("accounts beyond those that are remembered share one") func accounts() {
    for id in 1...RecordAllowance.maximumAccounts {
      #expect(allowance.take(Cause.Account(id: "\(id)", principal: nil), now: start))
    }
    #expect(taken(Cause.Account(id: "x", principal: nil), at: 0) == 10)
    #expect(taken(Cause.Account(id: "y", principal: nil), at: 0) == 0)
    #expect(taken(Cause.Account(id: "y", principal: nil), at: 60) == 10)
  }
}

@Suite("How many records a minute")
struct AuditQuotaTests {
  private let start = ContinuousClock.now
  private let entry = AuditEntry(
    operation: "session.get", target: "dev", error: OperationError(.authRequired, "Who are you?"), address: "10.0.0.7:1"
  )

  @Test("the first are recorded, the rest counted until the minute is over, then it begins anew") func minute() {
    let quota = AuditQuota(perMinute: 3)
    func take(_ seconds: Int, _ key: String = "a") -> AuditQuota.Verdict {
      quota.take(key, entry, now: start + .seconds(seconds)).verdict
    }
    #expect([take(0), take(1), take(2)] == [.record, .record, .record])
    #expect(take(3) == .leaveOut(summaryAfter: .seconds(57)))
    #expect(take(4) == .count)
    #expect(take(4, "b") == .record)
    #expect(take(90) == .count)
    let summary = quota.leftOut("a")
    #expect(summary?.calls == 3)
    #expect(summary?.operation == "http")
    #expect(summary?.target == nil)
    #expect(summary?.address == "10.0.0.7:1")
    #expect(quota.leftOut("a") == nil)
    #expect(take(91) == .record)
    #expect(take(91 + 59) == .record)
    #expect(take(91 + 60) == .record)
    #expect(take(91 + 61) == .record)
    #expect(quota.pending.isEmpty)
  }

  @Test("keys beyond those that are remembered share one quota") func keys() {
    let quota = AuditQuota(perMinute: 1)
    for key in 1...AuditQuota.maximumKeys { #expect(quota.take("\(key)", entry, now: start).key == "\(key)") }
    #expect(quota.take("x", entry, now: start) == (AuditQuota.overflow, .record))
    #expect(quota.take("y", entry, now: start).verdict == .leaveOut(summaryAfter: .seconds(60)))
    #expect(quota.leftOut(AuditQuota.overflow)?.address == "many")
    #expect(quota.take("z", entry, now: start + .seconds(61)).key == "z")
  }
}

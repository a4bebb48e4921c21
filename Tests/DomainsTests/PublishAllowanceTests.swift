import Causality
import Events
import Store
import Testing

@testable import Domains
@testable import Operations

@Suite("How much of the event log one publisher may fill")
struct PublishAllowanceTests {
  private let allowance = PublishAllowance(logBytes: 64 << 20)
  private let one = Principal.token(id: "1", name: "ci")
  private let two = Principal.token(id: "2", name: "ci")

  /// So many events of a megabyte.
  private func drafts(_ count: Int) throws -> [EventDraft] {
    let draft = EventDraft(
      id: makeUUID(), type: "test", subject: try Subject("a.b"), origin: EventOrigin(kind: "test", id: "1"),
      correlationID: makeUUID(), data: [UInt8](repeating: 0x20, count: (1 << 20) - 512))
    return Array(repeating: draft, count: count)
  }

  @Test("an eighth at once, and as much an hour") func bound() throws {
    let start = ContinuousClock.now
    for _ in 0..<8 { try allowance.take(drafts(1), for: one, now: start) }
    let error = #expect(throws: OperationError.self) { try allowance.take(drafts(1), for: one, now: start) }
    #expect(error?.code == .resourceLimitReached)
    #expect(error?.retryAfter == .seconds(450))
    try allowance.take(drafts(1), for: two, now: start)
    try allowance.take(drafts(1), for: one, now: start + .seconds(451))
    #expect(throws: OperationError.self) { try allowance.take(drafts(1), for: one, now: start + .seconds(452)) }
    try allowance.take(drafts(8), for: one, now: start + .seconds(10_000))
  }

  @Test("the local user has no bound, and a list that is more than all is taken when all is there") func exempt() throws
  {
    let start = ContinuousClock.now
    for _ in 0..<20 { try allowance.take(drafts(1), for: .localUser(uid: 1000), now: start) }
    try allowance.take(drafts(9), for: one, now: start)
    #expect(throws: OperationError.self) { try allowance.take(drafts(1), for: one, now: start) }
    try PublishAllowance(logBytes: nil).take(drafts(9), for: one, now: start)
  }
}

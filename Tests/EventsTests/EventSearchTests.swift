import Causality
import Glibc
import Store
import Testing

@testable import Events

@Suite("Questions to the event log")
struct EventSearchTests {
  private let folder = LogFolder()

  private func draft(_ subject: String) throws -> EventDraft {
    EventDraft(
      id: makeUUID(), type: "test", subject: try Subject(subject), origin: EventOrigin(kind: "test", id: "1"),
      correlationID: makeUUID(), data: Array("{}".utf8))
  }

  @Test("those of others do not keep the owner's waiting") func owner() async throws {
    let log = folder.open()
    _ = try await log.append(try draft("a.b"))
    let gate = DispatchGate()
    for _ in 0..<4 { log.reader.ask(forOwner: false) { gate.wait() } }
    #expect(try await log.page(EventQuery(), forOwner: true).events.count == 1)
    gate.open()
    #expect(try await log.page(EventQuery()).events.count == 1)
    log.close()
  }

  @Test("what nobody waits for any more is not looked for") func cancelled() async throws {
    let log = folder.open()
    _ = try await log.append(try draft("a.b"))
    let search = LogSearch()
    search.cancel()
    for isDescending in [true, false] {
      var query = EventQuery()
      query.isDescending = isDescending
      #expect(try log.reader.page(query, search).events.isEmpty)
      #expect(try log.reader.page(query, LogSearch()).events.count == 1)
    }
    log.close()
  }
}

/// Holds threads up until it is opened.
private final class DispatchGate: @unchecked Sendable {
  // Unchecked: the semaphore is made for it.
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
  init() { sem_init(semaphore, 0, 0) }
  func wait() {
    while sem_wait(semaphore) != 0 {}
    sem_post(semaphore)
  }
  func open() { sem_post(semaphore) }
}

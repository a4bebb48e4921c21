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

@Suite("Pages for those from whom events are hidden")
struct HiddenEventTests {
  private let folder = LogFolder()

  private func log(_ subjects: [String]) async throws -> EventLog {
    let log = folder.open()
    for subject in subjects {
      _ = try await log.append(
        EventDraft(
          id: makeUUID(), type: "test", subject: try Subject(subject), origin: EventOrigin(kind: "test", id: "1"),
          correlationID: makeUUID(), data: Array("{\"filling\":\"\(String(repeating: "x", count: 2000))\"}".utf8)))
    }
    return log
  }

  private func query(_ subject: String, _ isDescending: Bool) throws -> EventQuery {
    var query = EventQuery()
    query.filter.subjects = [try SubjectPattern(subject)]
    query.isDescending = isDescending
    query.limit = 2
    query.admits = { $0.subject == "mine.x" }
    return query
  }

  @Test(
    "where a page ends does not tell of what is hidden, nor where the search for it is broken off",
    arguments: [true, false])
  func bound(isDescending: Bool) async throws {
    // Several stretches between marks, so that there is where to break off.
    let log = try await log((0..<200).map { $0 % 50 == 25 ? "mine.x" : "hidden.x" })
    let reader = LogReader(segments: log.reader.segments, scanLimit: 64 << 10)
    var places: [[UInt64]] = []
    for subject in ["hidden.x", "hidden.*", "nobodys.x", "nobodys.*"] {
      var (seen, asked) = ([UInt64](), try query(subject, isDescending))
      while true {
        let page = try reader.page(asked, LogSearch())
        #expect(page.events.isEmpty)
        guard let next = page.next else { break }
        try #require(seen.last != next, "it does not get on")
        seen.append(next)
        if isDescending { asked.before = next } else { asked.after = next }
      }
      places.append(seen)
    }
    #expect(places.allSatisfy { $0 == places[0] }, "\(places)")
    // All that may be seen is found, on however many pages.
    var (found, asked) = ([UInt64](), try query("*.x", isDescending))
    while true {
      let page = try reader.page(asked, LogSearch())
      #expect(page.events.count <= 2)
      found += page.events.map(\.seq)
      guard let next = page.next else { break }
      try #require(next != asked.before && next != asked.after, "it does not get on")
      if isDescending { asked.before = next } else { asked.after = next }
    }
    #expect(found.sorted() == [26, 76, 126, 176])
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

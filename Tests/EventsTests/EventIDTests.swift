import Events
import Testing

@testable import Events

@Suite("Events by their ids")
struct EventIDTests {
  @Test("every id is found over many files, after a restart and without what stands beside the files")
  func everyID() async throws {
    let folder = LogFolder()
    func open() -> EventLog { folder.open { $0.maximumSegmentBytes = 64 * 1024 } }
    func check(_ log: EventLog, _ count: Int) async throws {
      for number in stride(from: 0, to: count, by: 37) + [count - 1] {
        #expect(try await log.event("id-\(number)")?.seq == UInt64(number + 1))
      }
      for stranger in ["id-\(count)", "id-", "x", "id 1"] { #expect(try await log.event(stranger) == nil) }
    }
    var log = open()
    for start in stride(from: 0, to: 2000, by: 100) {
      _ = try await log.append(try (start..<start + 100).map { try draft($0, bytes: 100) })
    }
    try await check(log, 2000)
    log.close()
    #expect(folder.files.count > 5)
    log = open()
    try await check(log, 2000)
    _ = try await log.append(try draft(2000))
    try await check(log, 2001)
    log.close()
    folder.removeIndexes()
    log = open()
    _ = try await log.append(try draft(2001))
    try await check(log, 2002)
    log.close()
  }

  @Test("an id that is not there is known to be none without reading the events") func unknownID() async throws {
    let folder = LogFolder()
    let log = folder.open { $0.maximumSegmentBytes = 64 * 1024 }
    for start in stride(from: 0, to: 1000, by: 100) {
      _ = try await log.append(try (start..<start + 100).map { try draft($0, bytes: 100) })
    }
    #expect(try await log.event("nobody") == nil)
    // What cannot be read is not missed: the files of events are not looked at.
    for file in folder.files { folder.write(file, Array(repeating: 0x0A, count: 10)) }
    #expect(try await log.event("nobody") == nil)
    #expect(try await log.event("id-5") == nil)
    log.close()
  }

  @Test("what claims another maker than it has is not taken") func maker() async throws {
    let folder = LogFolder()
    let log = folder.open()
    for subject in ["hub.x.audit.allowed", "hub", "replay.x"] {
      await #expect(throws: EventError.self) { try await log.append(try draft(1, subject: subject)) }
    }
    #expect(log.lastSeq == 0)
    log.close()
  }

  @Test("an id is one publisher's: known ones and promised ones are refused") func publish() async throws {
    let folder = LogFolder()
    let log = folder.open()
    _ = try await log.publish([try draft(1)], chosen: ["id-1"])
    log.promise("id-2")
    for number in [1, 2] {
      let error = await #expect(throws: EventError.self) {
        try await log.publish([try draft(number)], chosen: ["id-\(number)"])
      }
      #expect(error?.code == .idConflict)
    }
    log.forget("id-2")
    #expect(try await log.publish([try draft(2)], chosen: ["id-2"]).first?.seq == 2)
    log.close()
  }
}

import Events
import Formats
import Glibc
import Net
import Synchronization
import Testing

@Suite("The event log")
struct EventLogTests {
  @Test("what was appended is there, numbered without a hole, after the log was opened again")
  func appended() async throws {
    let folder = LogFolder()
    for round in 0..<3 {
      let log = folder.open()
      for number in 0..<10 {
        let receipt = try await log.append(try draft(number))
        #expect(receipt.seq == UInt64(round * 10 + number + 1))
      }
      log.close()
    }
    let log = folder.open()
    defer { log.close() }
    var query = EventQuery()
    query.limit = 100
    let page = try await log.page(query)
    #expect(page.events.map(\.seq) == Array(1...30))
    #expect(page.next == nil)
    let event = try #require(page.events.last)
    let json = try JSON(parsing: event.document)
    #expect(json["id"].string == "id-9")
    #expect(json["origin"]["server_id"].string == "server-1")
    #expect(json["data"]["n"].integer == 9)
    #expect(json["crc"] == .null)
    #expect(event.time <= EventTime.now())
  }

  @Test("many who append at once each get a number of their own, and none is missing")
  func concurrently() async throws {
    let folder = LogFolder()
    let log = folder.open()
    let seqs = try await withThrowingTaskGroup(of: [UInt64].self) { group in
      for writer in 0..<16 {
        group.addTask {
          var seqs: [UInt64] = []
          for number in 0..<50 { seqs.append(try await log.append(try draft(writer * 100 + number)).seq) }
          return seqs
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(seqs.sorted() == Array(1...800))
    #expect(log.statistics.appended == 800)
    log.close()
  }

  @Test("who asks after something was told of finds it, though nobody waited for the disk")
  func settled() async throws {
    let folder = LogFolder()
    let log = folder.open()
    defer { log.close() }
    var query = EventQuery()
    query.limit = 1000
    for number in 0..<200 {
      log.emit(try draft(number))
      if number.isMultiple(of: 3) { log.emit(try draft(1000 + number)) }
      #expect(try await log.event("id-\(number)") != nil)
      if number.isMultiple(of: 20) {
        #expect(try await log.page(query).events.count == number + 1 + number / 3 + 1)
      }
    }
  }

  @Test("a last line that was never finished is cut off, and told of", arguments: [2, 40, 300])
  func torn(cut: Int) async throws {
    let folder = LogFolder()
    let first = folder.open()
    for number in 0..<5 { _ = try await first.append(try draft(number)) }
    first.close()
    let file = try #require(folder.files.last)
    let whole = folder.read(file)
    folder.write(file, Array(whole.dropLast(cut)))
    // A server that was killed in the middle of a line has left no index.
    folder.removeIndexes()
    let reports = Reports()
    let log = folder.open { $0.report = { reports.add($0) } }
    // The lines that the cut reached are gone; their numbers are free again.
    let lost = cut > 290 ? 2 : 1
    #expect(try await log.append(try draft(9)).seq > UInt64(5 - lost))
    #expect(log.statistics.tornBytesCut > 0)
    #expect(reports.all.contains { $0.contains("cut off") })
    let page = try await log.page(EventQuery())
    #expect(page.events.map(\.seq) == Array(1...UInt64(page.events.count)))
    #expect(page.events.contains { $0.type == "events.repaired" })
    log.close()
  }

  @Test("a last line that lacks its line feed, or has another byte there, is kept", arguments: ["", "X"])
  func unfed(instead: String) async throws {
    let folder = LogFolder()
    let first = folder.open()
    for number in 0..<5 { _ = try await first.append(try draft(number)) }
    first.close()
    let file = try #require(folder.files.last)
    folder.write(file, folder.read(file).dropLast() + Array(instead.utf8))
    folder.removeIndexes()
    let log = folder.open()
    #expect(try await log.append(try draft(9)).seq >= 6)
    let page = try await log.page(EventQuery())
    #expect(page.events.map(\.seq) == Array(1...UInt64(page.events.count)) && page.unreadable == 0)
    #expect(page.events.contains { $0.id == "id-4" } && page.events.contains { $0.type == "events.repaired" })
    #expect(log.statistics.tornBytesCut == 0)
    log.close()
  }

  @Test("what was cut off a file that was closed is missed, and its numbers are not given again")
  func truncated() async throws {
    let folder = LogFolder()
    let first = folder.open()
    for number in 0..<50 { _ = try await first.append(try draft(number)) }
    first.close()
    let file = try #require(folder.files.last)
    folder.write(file, Array(folder.read(file).dropLast(5000)))
    let reports = Reports()
    let log = folder.open { $0.report = { reports.add($0) } }
    #expect(try await log.append(try draft(51)).seq > 50)
    #expect(reports.all.contains { $0.contains("missing at the end") })
    let page = try await log.page(EventQuery())
    #expect(page.events.contains { $0.type == "events.repaired" && $0.seq > 50 })
    #expect(Set(page.events.map(\.seq)).count == page.events.count)
    log.close()
  }

  @Test("a damaged line feed between the last events does not give a number out again")
  func joined() async throws {
    let folder = LogFolder()
    let first = folder.open()
    for number in 0..<10 { _ = try await first.append(try draft(number)) }
    first.close()
    let file = try #require(folder.files.last)
    var bytes = folder.read(file)
    let feed = try #require(bytes.dropLast().lastIndex(of: 0x0A))
    bytes[feed] ^= 1
    folder.write(file, bytes)
    let log = folder.open()
    #expect(try await log.append(try draft(11)).seq >= 11)
    #expect(log.statistics.corruptLines == 2)
    log.close()
  }

  @Test("a list is numbered in its order, and one that is too large keeps all of it out")
  func list() async throws {
    let folder = LogFolder()
    let log = folder.open()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for round in 0..<20 {
            let receipts = try await log.append(try (0..<10).map { try draft(task * 1000 + round * 10 + $0) })
            #expect(receipts.map(\.seq) == Array(receipts[0].seq..<receipts[0].seq + 10))
            #expect(receipts.map(\.id) == (0..<10).map { "id-\(task * 1000 + round * 10 + $0)" })
          }
        }
      }
      try await group.waitForAll()
    }
    await #expect(throws: EventError.self) {
      try await log.append([try draft(1), try draft(2, bytes: EventLog.maximumEventBytes)])
    }
    #expect(log.lastSeq == 1600)
    #expect(try await log.append([EventDraft]()).isEmpty)
    log.close()
  }

  @Test("no number is too large to be asked for", arguments: [UInt64.max, UInt64.max - 1, UInt64(Int64.max)])
  func largest(number: UInt64) async throws {
    let folder = LogFolder()
    let log = folder.open()
    _ = try await log.append(try draft(1))
    #expect(try await log.event(String(number)) == nil)
    var query = EventQuery()
    query.after = number
    query.before = number
    #expect(try await log.page(query).events.isEmpty)
    query.isDescending = true
    #expect(try await log.page(query).events.isEmpty)
    log.close()
  }

  @Test("a bit that has flipped makes its line unreadable and no other, and is counted")
  func flipped() async throws {
    let folder = LogFolder()
    let first = folder.open()
    for number in 0..<100 { _ = try await first.append(try draft(number)) }
    first.close()
    let file = try #require(folder.files.last)
    var bytes = folder.read(file)
    let line = try #require(bytes.firstRange(of: Array("\"n\":50".utf8)))
    bytes[line.lowerBound + 5] ^= 1
    folder.write(file, bytes)
    let log = folder.open()
    defer { log.close() }
    let page = try await log.page(EventQuery())
    #expect(page.events.count == 99)
    #expect(page.unreadable == 1)
    let loop = try EventLoop(name: "test")
    let collector = Collector(loop: loop)
    await collector.start(log, from: 1)
    let seqs = await collector.seqs(count: 99)
    #expect(seqs == Array(1...50) + Array(52...100))
    #expect(collector.gaps == [51...51])
    await collector.stop()
    loop.stop()
  }

  @Test("a damaged end does not give numbers out again")
  func damagedEnd() async throws {
    let folder = LogFolder()
    let first = folder.open()
    for number in 0..<10 { _ = try await first.append(try draft(number)) }
    first.close()
    let file = try #require(folder.files.last)
    var bytes = folder.read(file)
    bytes[bytes.count - 30] ^= 4
    folder.write(file, bytes)
    let log = folder.open()
    #expect(try await log.append(try draft(11)).seq >= 11)
    #expect(log.statistics.corruptLines == 1)
    log.close()
  }

  @Test("history, then what is new: no gap, no repetition, in order, while others append")
  func following() async throws {
    let folder = LogFolder()
    let log = folder.open()
    // More than the memory of the newest holds.
    let total = 6000
    let loop = try EventLoop(name: "test")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await withThrowingTaskGroup(of: Void.self) { inner in
          for writer in 0..<8 {
            inner.addTask {
              for number in 0..<total / 8 { _ = try await log.append(try draft(writer * 1000 + number, bytes: 1000)) }
            }
          }
          try await inner.waitForAll()
        }
      }
      for _ in 0..<4 {
        group.addTask {
          let collector = Collector(loop: loop)
          await collector.start(log, from: 1)
          let seqs = await collector.seqs(count: total)
          #expect(seqs == Array(1...UInt64(total)))
          #expect(collector.gaps.isEmpty)
          await collector.stop()
        }
      }
      try await group.waitForAll()
    }
    log.close()
    loop.stop()
  }

  @Test("a reader that asked to be kept near the end is told what it missed")
  func lagging() async throws {
    let folder = LogFolder()
    let log = folder.open()
    let loop = try EventLoop(name: "test")
    for number in 0..<50 { _ = try await log.append(try draft(number)) }
    let collector = Collector(loop: loop)
    await collector.start(log, from: 1, maximumLag: 10)
    async let seqs = collector.seqs(count: 1)
    // Whatever comes after the gap.
    while collector.gaps.isEmpty { await loop.nextTurn() }
    _ = try await log.append(try draft(51))
    #expect(await seqs == [51])
    #expect(collector.gaps == [1...50])
    await collector.stop()
    log.close()
    loop.stop()
  }

  @Test("pages lead through everything, either way round")
  func paging() async throws {
    let folder = LogFolder()
    let log = folder.open { $0.maximumSegmentBytes = 64 * 1024 }
    defer { log.close() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<1000 { group.addTask { _ = try await log.append(try draft(number, bytes: 200)) } }
      try await group.waitForAll()
    }
    #expect(folder.files.count > 3)
    for descending in [false, true] {
      var query = EventQuery()
      query.limit = 70
      query.isDescending = descending
      var seqs: [UInt64] = []
      while true {
        let page = try await log.page(query)
        seqs += page.events.map(\.seq)
        guard let next = page.next else { break }
        if descending { query.before = next } else { query.after = next }
      }
      #expect(seqs == (descending ? Array((1...1000).reversed()) : Array(1...1000)))
    }
  }

  @Test("a filter finds what it describes and nothing else")
  func filters() async throws {
    let folder = LogFolder()
    let log = folder.open()
    defer { log.close() }
    for number in 0..<60 {
      _ = try await log.append(
        try draft(number, subject: "build.\(number % 3).done", correlation: "call-\(number % 10)"))
    }
    func found(_ change: (inout EventFilter) throws -> Void) async throws -> Int {
      var query = EventQuery()
      try change(&query.filter)
      return try await log.page(query).events.count
    }
    #expect(try await found { $0.correlationID = "call-3" } == 6)
    #expect(try await found { $0.subjects = [try SubjectPattern("build.*.done")] } == 60)
    #expect(try await found { $0.subjects = [try SubjectPattern("build.1.done")] } == 20)
    #expect(try await found { $0.subjects = [try SubjectPattern("build.1.>"), try SubjectPattern("build.2.>")] } == 40)
    #expect(try await found { $0.types = [try SubjectPattern("test.*")] } == 60)
    #expect(try await found { $0.types = [try SubjectPattern("other")] } == 0)
    #expect(try await found { $0.originID = "tester" } == 60)
    #expect(try await found { $0.originKind = "session" } == 0)
    #expect(try await found { $0.until = EventTime(microseconds: 0) } == 0)
    #expect(try await found { $0.since = EventTime.now() } == 0)
  }

  @Test("the log never takes more than its bound on the disk, whatever comes, and what is newest is there")
  func bound() async throws {
    let folder = LogFolder()
    let bound = 1 << 20
    func open() -> EventLog { folder.open { $0.retention.bytes = bound } }
    var log = open()
    var number = 0
    for bytes in [10, 300, 3000, 60_000] {
      for _ in 0..<30 {
        let list = try (0..<max(1, 100_000 / (bytes + 300))).map { try draft(number + $0, bytes: bytes) }
        number += list.count
        _ = try await log.append(list)
        #expect(folder.bytesOnDisk <= bound)
      }
      #expect(folder.bytesOnDisk > bound / 2)
      #expect(try await log.event("id-\(number - 1)")?.seq == UInt64(number))
      log.close()
      #expect(folder.bytesOnDisk <= bound)
      log = open()
    }
    #expect(folder.files.count > 5)
    log.close()
    // A bound that has become smaller holds from the first event on.
    let smaller = folder.open { $0.retention.bytes = bound / 4 }
    _ = try await smaller.append(try draft(number))
    #expect(folder.bytesOnDisk <= bound / 4)
    smaller.close()
    #expect(try EventLogVerifier.verify(folder: folder.path).allSatisfy { $0.problems.isEmpty })
  }

  @Test("old files go, and large logs shrink, by whole files; a reader of what is gone is told")
  func retention() async throws {
    let folder = LogFolder()
    let clock = Mutex<Int64>(1_700_000_000_000_000)
    let configure: (inout EventLog.Configuration) -> Void = {
      $0.now = { EventTime(microseconds: clock.withLock { $0 }) }
      $0.retention.age = .seconds(3 * 3600)
    }
    let first = folder.open(configure)
    for _ in 0..<10 {
      _ = try await first.append(try draft(1))
      clock.withLock { $0 += 3_600_000_000 }
    }
    _ = try await first.append(try draft(2))
    _ = try await first.append(try draft(3))
    first.close()
    let log = folder.open(configure)
    await log.whenOpen()
    #expect(folder.files.count <= 6 && folder.files.count >= 4, "\(folder.files)")
    let loop = try EventLoop(name: "test")
    let collector = Collector(loop: loop)
    await collector.start(log, from: 1)
    let seqs = await collector.seqs(count: 4)
    #expect(seqs.first == collector.gaps.first.map { $0.upperBound + 1 })
    await collector.stop()
    log.close()
    loop.stop()
  }

  @Test("a clock that is set back neither reorders nor hides what is logged")
  func clockSetBack() async throws {
    let folder = LogFolder()
    let clock = Mutex<Int64>(1_900_000_000_000_000)
    let configure: (inout EventLog.Configuration) -> Void = {
      $0.now = { EventTime(microseconds: clock.withLock { $0 }) }
    }
    let first = folder.open(configure)
    for _ in 0..<3 { _ = try await first.append(try draft(1)) }
    clock.withLock { $0 = 1_700_000_000_000_000 }
    for _ in 0..<3 { _ = try await first.append(try draft(2)) }
    first.close()
    let log = folder.open(configure)
    defer { log.close() }
    for _ in 0..<3 { _ = try await log.append(try draft(3)) }
    #expect(try await log.page(EventQuery()).events.map(\.seq) == Array(1...9))
    var query = EventQuery()
    query.filter.since = EventTime(microseconds: 1_699_999_999_000_000)
    query.filter.until = EventTime(microseconds: 1_700_000_001_000_000)
    #expect(try await log.page(query).events.map(\.seq) == Array(4...9))
    query.filter = .init()
    query.filter.since = EventTime(microseconds: 1_800_000_000_000_000)
    #expect(try await log.page(query).events.map(\.seq) == [1, 2, 3])
  }

  @Test("an event that is too large is refused, and the log goes on")
  func tooLarge() async throws {
    let folder = LogFolder()
    let log = folder.open()
    defer { log.close() }
    await #expect(throws: EventError.self) {
      try await log.append(try draft(1, bytes: EventLog.maximumEventBytes))
    }
    #expect(try await log.append(try draft(2, bytes: EventLog.maximumEventBytes - 600)).seq == 1)
    #expect(try await log.append(try draft(3)).seq == 2)
    #expect(try await log.page(EventQuery()).events.count == 2)
  }
}

final class Reports: Sendable {
  private let lines = Mutex<[String]>([])
  func add(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
}

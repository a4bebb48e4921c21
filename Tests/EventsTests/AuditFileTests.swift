import Events
import Glibc
import Synchronization
import Testing

@Suite("Files of audit lines")
struct AuditFileTests {
  private static let day: Int64 = 24 * 3600 * 1_000_000

  private func record(_ number: Int) -> EventDraft {
    EventDraft(
      id: "id-\(number)", type: "audit.refused", subject: Subject(own: "hub", "x", "audit.refused"),
      origin: EventOrigin(kind: "server", id: "x"), correlationID: "call-\(number)", principal: "token:ci",
      data: Array(
        #"{"operation":"session.get","target":"n\#(number)","outcome":"refused","address":"unix","duration_ms":0}"#
          .utf8), maker: .server)
  }

  private func root(_ folder: LogFolder) -> String { "\(folder.path)-audit" }

  /// The files below the folder with what they hold, in the order of their lines.
  private func files(_ folder: LogFolder) -> [(path: String, text: String)] {
    let root = root(folder)
    var days = [""]
    for _ in 1...3 {
      days = days.flatMap { day in entries("\(root)/\(day)").sorted().map { day.isEmpty ? $0 : "\(day)/\($0)" } }
    }
    func number(_ name: String) -> Int { Int(name.dropFirst(4).dropLast(4)) ?? .max }
    return days.flatMap { day in
      entries("\(root)/\(day)").filter { $0.hasSuffix(".log") }.sorted { number($0) < number($1) }.map {
        "\(day)/\($0)"
      }
    }
    .map { ($0, String(decoding: folder.read("../\(root.split(separator: "/").last ?? "")/\($0)"), as: UTF8.self)) }
  }

  private func remove(_ path: String) {
    for entry in entries(path) { remove("\(path)/\(entry)") }
    if rmdir(path) != 0 { unlink(path) }
  }

  private func numbers(_ text: String) -> [Int] {
    text.split(separator: "\n").compactMap { line in
      line.split(separator: " ").first { $0.hasPrefix("target=n") }.flatMap { Int($0.dropFirst(8)) }
    }
  }

  @Test("they take a quarter of the events' bound at most, and what is newest is there, in order")
  func bound() async throws {
    let folder = LogFolder()
    defer { remove(root(folder)) }
    let bound = 1 << 20
    func open(_ bytes: Int) -> EventLog {
      folder.open {
        $0.auditFolder = root(folder)
        $0.retention.bytes = bytes
      }
    }
    var number = 0
    for round in 0..<12 {
      // Each log knows of the files that those before it have made. Their lines are there when it has been closed.
      let log = open(bound)
      for _ in 0..<(round % 3 + 1) * 2 {
        _ = try await log.append((number..<number + 50).map(record))
        number += 50
      }
      log.close()
      #expect(files(folder).reduce(0) { $0 + $1.text.utf8.count } <= bound / 4)
    }
    let kept = files(folder).flatMap { numbers($0.text) }
    #expect(kept.last == number - 1 && kept == Array(number - kept.count..<number))
    #expect(files(folder).reduce(0) { $0 + $1.text.utf8.count } > bound / 8)
    let smaller = open(bound / 2)
    _ = try await smaller.append(record(number))
    smaller.close()
    #expect(files(folder).reduce(0) { $0 + $1.text.utf8.count } <= bound / 8)
    #expect(files(folder).flatMap { numbers($0.text) }.last == number)
  }

  @Test("those of days that are too old go, with their folders, and what is none of ours stays") func age() async throws
  {
    let folder = LogFolder()
    let root = root(folder)
    defer { remove(root) }
    for part in ["", "/2023", "/2023/11", "/2023/11/15", "/2023/11/15/notes"] { mkdir(root + part, 0o700) }
    // 2023-11-14
    let clock = Mutex<Int64>(1_700_000_000_000_000)
    let log = folder.open {
      $0.auditFolder = root
      $0.now = { EventTime(microseconds: clock.withLock { $0 }) }
      $0.retention.age = .seconds(2 * 24 * 3600)
    }
    for number in 0..<20 {
      _ = try await log.append(record(number))
      clock.withLock { $0 += Self.day }
    }
    log.close()
    #expect(files(folder).map(\.path) == ["2023/12/01/hub.log", "2023/12/02/hub.log", "2023/12/03/hub.log"])
    #expect(files(folder).flatMap { numbers($0.text) } == [17, 18, 19])
    #expect(entries("\(root)/2023/11") == ["15"])
    #expect(entries("\(root)/2023/11/15") == ["notes"])
  }
}

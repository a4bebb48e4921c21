import CSQLite
import Events
import Glibc
import Net
import Synchronization

// Measures the event log by itself, as a program that links it.
//
//     events-bench append FOLDER log|sqlite WRITERS SECONDS    prints appends per second, each on the disk when it is counted
//     events-bench fill FOLDER BYTES                           writes that much log; prints a correlation id that stands in its middle
//
// An event is 400 bytes, as it stands in the file. With many writers each waits for its own append before it makes the next.

func fail(_ message: String) -> Never {
  let line = Array("events-bench: \(message)\n".utf8)
  _ = write(2, line, line.count)
  exit(2)
}

func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func uuid(_ number: Int) -> String {
  let digits = String(number, radix: 16)
  let padded = String(repeating: "0", count: 32 - digits.count) + digits
  let all = Array(padded)
  return "\(String(all[0..<8]))-\(String(all[8..<12]))-\(String(all[12..<16]))-\(String(all[16..<20]))-\(String(all[20..<32]))"
}

let padding = String(repeating: "x", count: 49)

func draft(_ number: Int) -> EventDraft {
  guard let subject = try? Subject("bench.append") else { fail("a bad subject") }
  return EventDraft(
    id: uuid(number), type: "bench.append", subject: subject, origin: EventOrigin(kind: "tool", id: "bench"),
    correlationID: uuid(number / 8), data: Array("{\"pad\":\"\(padding)\"}".utf8))
}

/// One writer, on a loop as every writer of a server is.
actor Writer {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private let log: EventLog
  private let number: Int

  init(_ log: EventLog, _ number: Int, loop: EventLoop) {
    self.loop = loop
    self.log = log
    self.number = number
  }

  func run(until end: Double) async -> Int {
    var count = 0
    while now() < end {
      guard (try? await log.append(draft(number << 32 + count))) != nil else { fail("an append failed") }
      count += 1
    }
    return count
  }
}

func appendToLog(_ folder: String, writers: Int, seconds: Double) async -> Double {
  guard let loops = try? LoopGroup(count: 2) else { fail("no loop") }
  let log = EventLog(.init(folder: folder, serverID: uuid(7)))
  await log.whenOpen()
  let began = now()
  let end = began + seconds
  let count = await withTaskGroup(of: Int.self) { group in
    for number in 0..<writers {
      let writer = Writer(log, number, loop: loops.next())
      group.addTask { await writer.run(until: end) }
    }
    return await group.reduce(0, +)
  }
  let rate = Double(count) / (now() - began)
  log.close()
  return rate
}

/// SQLite in WAL mode with synchronous=FULL, one event a transaction. One connection behind a lock is the fastest way for many writers.
func appendToSQLite(_ folder: String, writers: Int, seconds: Double) -> Double {
  var database: OpaquePointer?
  guard sqlite3_open("\(folder)/events.sqlite", &database) == SQLITE_OK else { fail("SQLite does not open") }
  func run(_ sql: String) {
    guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else { fail(sql) }
  }
  run("PRAGMA journal_mode=WAL")
  run("PRAGMA synchronous=FULL")
  run("CREATE TABLE events (seq INTEGER PRIMARY KEY, event TEXT NOT NULL)")
  var statement: OpaquePointer?
  guard sqlite3_prepare_v2(database, "INSERT INTO events (event) VALUES (?)", -1, &statement, nil) == SQLITE_OK else {
    fail("prepare")
  }
  let event = String(repeating: "e", count: 400)
  final class Shared: @unchecked Sendable {
    // Guarded by the lock.
    var statement: OpaquePointer?
    var event = ""
    let lock = Mutex(())
    let count = Atomic<Int>(0)
    var end = 0.0
  }
  let shared = Shared()
  shared.statement = statement
  shared.event = event
  let began = now()
  shared.end = began + seconds
  var threads: [pthread_t] = []
  for _ in 0..<writers {
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { argument in
        let shared = Unmanaged<Shared>.fromOpaque(argument!).takeUnretainedValue()
        while now() < shared.end {
          shared.lock.withLock { _ in
            sqlite3_bind_text(shared.statement, 1, shared.event, 400, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
            guard sqlite3_step(shared.statement) == SQLITE_DONE else { fail("insert") }
            sqlite3_reset(shared.statement)
          }
          shared.count.wrappingAdd(1, ordering: .relaxed)
        }
        return nil
      }, Unmanaged.passUnretained(shared).toOpaque())
    threads.append(thread)
  }
  for thread in threads { pthread_join(thread, nil) }
  let rate = Double(shared.count.load(ordering: .relaxed)) / (now() - began)
  sqlite3_finalize(statement)
  sqlite3_close(database)
  return rate
}

func fill(_ folder: String, bytes: Int) async {
  var configuration = EventLog.Configuration(folder: folder, serverID: uuid(7))
  configuration.retention.bytes = nil
  let log = EventLog(configuration)
  await log.whenOpen()
  let total = bytes / 400
  await withTaskGroup(of: Void.self) { group in
    for writer in 0..<1024 {
      group.addTask {
        for number in stride(from: writer, to: total, by: 1024) { _ = try? await log.append(draft(number)) }
      }
    }
  }
  log.close()
  print(uuid(total / 2 / 8))
}

let words = CommandLine.arguments
switch (words.dropFirst().first, words.count) {
case ("append", 6):
  guard let writers = Int(words[4]), let seconds = Double(words[5]) else { fail("WRITERS and SECONDS are numbers") }
  let rate =
    words[3] == "log"
    ? await appendToLog(words[2], writers: writers, seconds: seconds)
    : appendToSQLite(words[2], writers: writers, seconds: seconds)
  print(Int(rate))
case ("fill", 4):
  guard let bytes = Int(words[3]) else { fail("BYTES is a number") }
  await fill(words[2], bytes: bytes)
default: fail("usage: events-bench append FOLDER log|sqlite WRITERS SECONDS | fill FOLDER BYTES")
}

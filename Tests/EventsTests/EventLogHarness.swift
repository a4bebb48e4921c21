import Events
import Formats
import Glibc
import Net
import Synchronization
import Testing

/// A log in a folder of its own, that a test opens, closes and spoils.
final class LogFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/roost-events-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { preconditionFailure("no temporary folder") }
    path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  deinit {
    for file in files { unlink("\(path)/\(file)") }
    for day in entries(path) {
      for rest in entries("\(path)/\(day)") { unlink("\(path)/\(day)/\(rest)") }
      rmdir("\(path)/\(day)")
    }
    rmdir(path)
  }

  func open(_ change: (inout EventLog.Configuration) -> Void = { _ in }) -> EventLog {
    var configuration = EventLog.Configuration(folder: path, serverID: "server-1")
    change(&configuration)
    return EventLog(configuration)
  }

  /// The files of events, oldest first, as `YYYYMMDD/HH.events.jsonl`.
  var files: [String] {
    entries(path).sorted().flatMap { day in
      entries("\(path)/\(day)").filter { $0.hasSuffix(".jsonl") }.sorted().map { "\(day)/\($0)" }
    }
  }

  func read(_ file: String) -> [UInt8] {
    guard let handle = fopen("\(path)/\(file)", "r") else { return [] }
    defer { fclose(handle) }
    var bytes = [UInt8](repeating: 0, count: 64 << 20)
    let count = fread(&bytes, 1, bytes.count, handle)
    return Array(bytes[..<count])
  }

  func write(_ file: String, _ bytes: [UInt8]) {
    guard let handle = fopen("\(path)/\(file)", "w") else { return }
    fwrite(bytes, 1, bytes.count, handle)
    fclose(handle)
  }

  /// What all files take, those beside the events included.
  var bytesOnDisk: Int {
    entries(path).reduce(0) { sum, day in
      entries("\(path)/\(day)").reduce(sum) { sum, file in
        var status = stat()
        return stat("\(path)/\(day)/\(file)", &status) == 0 ? sum + Int(status.st_size) : sum
      }
    }
  }

  /// Removes what stands beside the files of events.
  func removeIndexes() {
    for day in entries(path) {
      for file in entries("\(path)/\(day)") where !file.hasSuffix(".jsonl") { unlink("\(path)/\(day)/\(file)") }
    }
  }
}

/// The names in a folder; none when there is no such folder.
func entries(_ path: String) -> [String] {
  guard let folder = opendir(path) else { return [] }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if !name.hasPrefix(".") { names.append(name) }
  }
  return names
}

func draft(_ number: Int, subject: String = "test.thing", correlation: String = "c-0", bytes: Int = 0) throws
  -> EventDraft
{
  EventDraft(
    id: "id-\(number)", type: "test.happened", subject: try Subject(subject),
    origin: EventOrigin(kind: "tool", id: "tester"), correlationID: correlation,
    data: Array("{\"n\":\(number),\"pad\":\"\(String(repeating: "x", count: bytes))\"}".utf8))
}

/// Collects what a subscription gives, on its loop, until enough is there.
final class Collector: Sendable {
  private struct State {
    var seqs: [UInt64] = []
    var gaps: [ClosedRange<UInt64>] = []
    var subscription: EventSubscription?
    var wanted = Int.max
    var done: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())
  let loop: EventLoop

  init(loop: EventLoop) { self.loop = loop }

  func start(_ log: EventLog, from: UInt64, filter: EventFilter = .init(), maximumLag: Int? = nil) async {
    await loop.run { [self] in
      let subscription = EventSubscription(log, from: from, filter: filter, maximumLag: maximumLag, loop: loop) {
        [unowned self] in pull()
      }
      state.withLock { $0.subscription = subscription }
    }
  }

  /// Takes all that is there, on the loop.
  func pull() {
    guard let subscription = state.withLock({ $0.subscription }) else { return }
    while true {
      let items = subscription.next(maximumBytes: 64 * 1024)
      if items.isEmpty { break }
      state.withLock { state in
        for item in items {
          switch item {
          case .event(let event): state.seqs.append(event.seq)
          case .gap(let range): state.gaps.append(range)
          }
        }
        if state.seqs.count >= state.wanted {
          state.done?.resume()
          state.done = nil
        }
      }
    }
  }

  /// What has come once there are so many events.
  func seqs(count: Int) async -> [UInt64] {
    await loop.run { [self] in pull() }
    await withCheckedContinuation { continuation in
      state.withLock { state in
        state.wanted = count
        if state.seqs.count >= count { continuation.resume() } else { state.done = continuation }
      }
    }
    return state.withLock { $0.seqs }
  }

  var gaps: [ClosedRange<UInt64>] { state.withLock { $0.gaps } }

  func stop() async { await loop.run { [self] in state.withLock { $0.subscription }?.cancel() } }
}

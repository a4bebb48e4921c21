import Causality
import Formats
import Glibc
package import Metrics
import Net
import Store
import Synchronization
import Sys

/// What an append was given.
package struct EventReceipt: Sendable, Equatable {
  package let id: String
  package let seq: UInt64
  package let time: EventTime
}

/// What the log tells of itself.
package struct EventLogStatistics: Sendable, Equatable {
  package var appended: UInt64 = 0
  /// The same by the domain of the server's own events; `published` for those of others.
  package var domains: [String: UInt64] = [:]
  package var batches: UInt64 = 0
  package var bytes: UInt64 = 0
  /// Events of the server's own that could not be stored.
  package var dropped: UInt64 = 0
  /// Events that were refused because the disk did not take them.
  package var failed: UInt64 = 0
  /// Bytes of a torn last line that were cut off when the log was opened.
  package var tornBytesCut = 0
  /// Lines that are no events, as far as the files have been read.
  package var corruptLines = 0
  /// Why the log cannot be written now; `nil` when it can.
  package var fault: String?
}

/// The event log: everything that happens, numbered, on the disk, in JSON Lines (DESIGN §10).
///
/// One thread writes. Whatever waits while it writes and syncs goes together the next time (group commit), so the disk's latency is paid
/// once for all of them. An event is visible to readers when it is on the disk, and not before.
package final class EventLog: EventSink, @unchecked Sendable {
  // Unchecked: `queue` to `thread` are touched under `mutex` only; the rest is constant, behind a mutex of its own
  // or confined to the log's thread.

  /// Largest event, as a document, in bytes.
  package static let maximumEventBytes = 64 * 1024
  /// Most that may wait for the disk. Two seconds of the slowest disk worth the name.
  static let maximumQueuedBytes = 32 << 20
  /// Most that one write takes, so that the first in a long queue need not wait for the last.
  private static let maximumBatchBytes = 4 << 20
  /// How long the next append is looked for after one that somebody waited for, in nanoseconds.
  private static let expectation: UInt64 = 80_000
  /// How often retention is looked at, in microseconds.
  private static let retentionEvery: Int64 = 60_000_000

  package struct Configuration: Sendable {
    /// Holds the folders of the days.
    package var folder: String
    /// Where audit records go as lines of text; `nil`: nowhere.
    package var auditFolder: String?
    package var serverID: String
    package var retention = Retention()
    /// A file that would grow larger is followed by another one of the same hour; an eighth of what is kept at most, when that is less.
    package var maximumSegmentBytes = 16 << 20
    package var now: @Sendable () -> EventTime = { .now() }
    /// Hears what the server's own log should say.
    package var report: @Sendable (String) -> Void = { _ in }

    package init(folder: String, serverID: String) {
      self.folder = folder
      self.serverID = serverID
    }
  }

  package let configuration: Configuration
  private let segmentBytes: Int
  let segments: SegmentList
  let tail = Tail()
  let reader: LogReader
  private let taken = TakenIDs()
  private let fanouts = Mutex<[ObjectIdentifier: Fanout]>([:])
  private let state = Mutex(EventLogStatistics())
  /// Set once the log has looked at its files.
  private let opened = Mutex<(isOpen: Bool, waiting: [UnsafeContinuation<Void, Never>])>((false, []))

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let filled = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var queue: [Pending] = []
  private var queuedBytes = 0
  /// Whether the thread has a batch that is not on the disk yet.
  private var isCommitting = false
  /// Who goes on once the batch is, and who once the queue is (``whenSettled()``).
  private var waitingForBatch: [UnsafeContinuation<Void, Never>] = []
  private var waitingForQueue: [UnsafeContinuation<Void, Never>] = []
  private var isStopping = false
  private var thread: pthread_t?
  /// Whether somebody waited for the last batch. Touched by the log's thread only.
  private var isExpecting = false
  /// How many lost events of the server's own the log tells of itself, and the event that is to tell of more. Touched by the log's thread only.
  private var droppedTold: UInt64 = 0
  private var telling: (id: String, dropped: UInt64)?

  private struct Pending {
    let draft: EncodedDraft
    let time: EventTime
    /// The draft itself, of an audit record: it becomes a line of text too.
    let audit: EventDraft?
    let domain: String
    let waiter: Waiter
    /// Whether the next one belongs to the same list: they are written at once.
    let isContinued: Bool
  }

  /// Who is told when an event is on the disk.
  private enum Waiter {
    case nobody
    case one(UnsafeContinuation<Result<EventReceipt, EventError>, Never>)
    case list(Receipts)

    var isNobody: Bool { if case .nobody = self { true } else { false } }

    func answer(_ result: Result<EventReceipt, EventError>) {
      switch self {
      case .nobody: break
      case .one(let continuation): continuation.resume(returning: result)
      case .list(let receipts): receipts.add(result)
      }
    }
  }

  /// Gathers the receipts of a list; they come in its order.
  private final class Receipts: Sendable {
    private let count: Int
    private let state: Mutex<(all: [EventReceipt], answered: Int, failure: EventError?)> = Mutex(([], 0, nil))
    private let continuation: UnsafeContinuation<Result<[EventReceipt], EventError>, Never>

    init(_ count: Int, _ continuation: UnsafeContinuation<Result<[EventReceipt], EventError>, Never>) {
      self.count = count
      self.continuation = continuation
    }

    func add(_ result: Result<EventReceipt, EventError>) {
      let whole: Result<[EventReceipt], EventError>? = state.withLock { state in
        switch result {
        case .success(let receipt): state.all.append(receipt)
        case .failure(let error): state.failure = error
        }
        state.answered += 1
        guard state.answered == count else { return nil }
        return state.failure.map { .failure($0) } ?? .success(state.all)
      }
      if let whole { continuation.resume(returning: whole) }
    }
  }

  /// Begins to open the log, on a thread of its own; what is appended meanwhile waits.
  package init(_ configuration: Configuration) {
    self.configuration = configuration
    segmentBytes = configuration.retention.segmentBytes(atMost: configuration.maximumSegmentBytes)
    segments = SegmentList(folder: configuration.folder)
    reader = LogReader(segments: segments)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(filled, nil)
    var created = pthread_t()
    let failure = pthread_create(
      &created, nil,
      { argument in
        if let argument { Unmanaged<EventLog>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(failure == 0, "the system has no thread left")
    thread = created
  }

  deinit {
    pthread_cond_destroy(filled)
    pthread_mutex_destroy(mutex)
    filled.deallocate()
    mutex.deallocate()
  }

  // MARK: Appending

  /// Appends an event and returns when it is on the disk.
  package func append(_ draft: EventDraft) async throws(EventError) -> EventReceipt {
    let encoded = try EventEncoder.encode(draft, serverID: configuration.serverID)
    let result: Result<EventReceipt, EventError> = await withUnsafeContinuation { continuation in
      if let refusal = enqueue([(encoded, draft)], .one(continuation)) {
        continuation.resume(returning: .failure(refusal))
      }
    }
    return try result.get()
  }

  /// Appends a list, numbered in its order with nothing of others between, and returns when all of it is on the disk. All are checked before
  /// the first is taken, and one write takes all or none. At most so many as wait for the disk fit.
  package func append(_ drafts: [EventDraft]) async throws(EventError) -> [EventReceipt] {
    if drafts.isEmpty { return [] }
    var encoded: [(EncodedDraft, EventDraft)] = []
    encoded.reserveCapacity(drafts.count)
    for draft in drafts { encoded.append((try EventEncoder.encode(draft, serverID: configuration.serverID), draft)) }
    let result: Result<[EventReceipt], EventError> = await withUnsafeContinuation { continuation in
      if let refusal = enqueue(encoded, .list(Receipts(drafts.count, continuation))) {
        continuation.resume(returning: .failure(refusal))
      }
    }
    return try result.get()
  }

  /// Appends what somebody publishes. `chosen` are the ids that the publisher gave himself: one that the log knows, or that an event of the
  /// server's own will have, is refused (``EventError/Code/idConflict``) together with the whole list.
  package func publish(
    _ drafts: [EventDraft], chosen: [String], forOwner: Bool = false
  ) async throws(EventError) -> [EventReceipt] {
    if chosen.isEmpty { return try await append(drafts) }
    if let taken = self.taken.claim(chosen) { throw EventLog.conflict(taken) }
    defer { taken.release(chosen) }
    for id in chosen {
      if try await event(withID: id, forOwner: forOwner) != nil { throw EventLog.conflict(id) }
    }
    return try await append(drafts)
  }

  private static func conflict(_ id: String) -> EventError {
    EventError(
      .idConflict, "There is an event '\(id)' already; publish under another id, or leave 'id' out to be given one.")
  }

  package func promise(_ id: String) { taken.promise(id) }
  package func forget(_ id: String) { taken.fulfil(id) }

  package func emit(_ draft: EventDraft) {
    let refusal: EventError?
    do throws(EventError) {
      refusal = enqueue([(try EventEncoder.encode(draft, serverID: configuration.serverID), draft)], .nobody)
    } catch {
      refusal = error
    }
    guard refusal != nil else { return }
    taken.fulfil(draft.id)
    state.withLock { $0.dropped += 1 }
  }

  private func enqueue(_ drafts: [(encoded: EncodedDraft, original: EventDraft)], _ waiter: Waiter) -> EventError? {
    let bytes = drafts.reduce(0) { $0 + $1.encoded.bytes.count }
    pthread_mutex_lock(mutex)
    let isFirst = queue.isEmpty
    defer {
      let mustWake = isFirst && !queue.isEmpty
      pthread_mutex_unlock(mutex)
      // Not under the lock, which is the first thing that the woken thread wants.
      if mustWake { pthread_cond_signal(filled) }
    }
    if isStopping { return EventError(.logUnavailable, "The event log is closed; start the server again and retry.") }
    guard queuedBytes + bytes <= EventLog.maximumQueuedBytes else {
      return EventError(.overloaded, "Too many events wait for the disk; publish fewer at once and retry.")
    }
    queuedBytes += bytes
    // Taken here, so that times are in the order of the numbers.
    let now = configuration.now()
    for (index, draft) in drafts.enumerated() {
      let original = draft.original
      queue.append(
        Pending(
          draft: draft.encoded, time: now, audit: original.isAudit ? original : nil,
          domain: EventLog.domain(of: original), waiter: waiter, isContinued: index < drafts.count - 1))
    }
    return nil
  }

  /// `session` of `hub.<server>.session.created`.
  private static func domain(of draft: EventDraft) -> String {
    guard draft.maker == .server else { return "published" }
    return String(draft.type.prefix { $0 != "." })
  }

  // MARK: What is known

  /// How long writing and syncing a batch takes.
  package let commitTime = Histogram()

  /// How many events the follower that is furthest behind has before it.
  package func lag() async -> UInt64 {
    let last = lastSeq
    var lag: UInt64 = 0
    for fanout in fanouts.withLock({ Array($0.values) }) {
      let position = await fanout.loop.run { fanout.furthestBehind }
      if let position, position <= last { lag = max(lag, last - position + 1) }
    }
    return lag
  }

  /// The number of the newest event on the disk; 0 for an empty log.
  package var lastSeq: UInt64 { tail.lastSeq }

  package var statistics: EventLogStatistics { state.withLock { $0 } }

  /// Bytes that wait for the disk.
  package var waitingBytes: Int {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return queuedBytes
  }

  /// How many subscriptions there are.
  package var followers: Int { subscriptions.load(ordering: .relaxed) }
  let subscriptions = Atomic<Int>(0)

  /// Files and bytes of the log.
  package var size: (files: Int, bytes: Int) {
    let all = segments.all
    return (all.count, all.reduce(0) { $0 + $1.known.end })
  }

  /// Returns once the log has looked at its files, so that ``lastSeq`` is true.
  package func whenOpen() async {
    await withUnsafeContinuation { continuation in
      let isOpen = opened.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  /// Returns once all that has been appended by now is on the disk, or was given up: who asks after he was told of something finds it.
  private func whenSettled() async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      pthread_mutex_lock(mutex)
      let isSettled = queue.isEmpty && !isCommitting
      if !queue.isEmpty {
        waitingForQueue.append(continuation)
      } else if isCommitting {
        waitingForBatch.append(continuation)
      }
      pthread_mutex_unlock(mutex)
      if isSettled { continuation.resume() }
    }
  }

  func fanout(of loop: EventLoop) -> Fanout {
    fanouts.withLock { fanouts in
      if let known = fanouts[ObjectIdentifier(loop)] { return known }
      let fanout = Fanout(loop: loop)
      fanouts[ObjectIdentifier(loop)] = fanout
      return fanout
    }
  }

  // MARK: The thread

  private func run() {
    nameThread("events")
    var file = LogFile(segments: segments, retention: configuration.retention, maximumSegmentBytes: segmentBytes)
    var audit = AuditFiles(
      folder: configuration.auditFolder, retention: configuration.retention, report: configuration.report)
    var isOpen = open(&file)
    declareOpen()
    var batch: [Pending] = []
    var retentionAt: Int64?
    while true {
      guard takeBatch(&batch) else { break }
      if !isOpen { isOpen = open(&file) }
      var rest = batch[...]
      while !rest.isEmpty {
        let count = fittingCount(rest)
        commit(rest.prefix(count), &file, &audit, isOpen: isOpen)
        rest = rest.dropFirst(count)
      }
      settle()
      isExpecting = batch.contains { !$0.waiter.isNobody }
      batch.removeAll(keepingCapacity: batch.count < 4096)
      let now = configuration.now()
      if retentionAt.map({ abs(now.microseconds - $0) >= EventLog.retentionEvery }) ?? true {
        retentionAt = now.microseconds
        file.retain(now)
      }
    }
    file.close()
  }

  /// Waits for something to do. False when there is nothing and never will be.
  ///
  /// Whoever has just been answered often appends again at once: for a moment that is looked for, since waking this thread takes longer.
  private func takeBatch(_ batch: inout [Pending]) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if isExpecting {
      let end = EventLog.nanoseconds() + EventLog.expectation
      while queue.isEmpty, !isStopping, EventLog.nanoseconds() < end {
        pthread_mutex_unlock(mutex)
        sched_yield()
        pthread_mutex_lock(mutex)
      }
    }
    while queue.isEmpty, !isStopping { pthread_cond_wait(filled, mutex) }
    swap(&batch, &queue)
    swap(&waitingForBatch, &waitingForQueue)
    isCommitting = !batch.isEmpty
    queuedBytes = 0
    return isCommitting
  }

  /// Lets go on who waited for the batch that has been taken.
  private func settle() {
    pthread_mutex_lock(mutex)
    isCommitting = false
    let settled = waitingForBatch
    waitingForBatch = []
    pthread_mutex_unlock(mutex)
    for continuation in settled { continuation.resume() }
  }

  private func fittingCount(_ pending: ArraySlice<Pending>) -> Int {
    let limit = min(EventLog.maximumBatchBytes, segmentBytes)
    var (count, bytes) = (0, 0)
    var isInList = false
    for one in pending {
      bytes += one.draft.bytes.count
      if bytes > limit, count > 0, !isInList { break }
      count += 1
      isInList = one.isContinued
    }
    return count
  }

  private func open(_ file: inout LogFile) -> Bool {
    do throws(SystemError) {
      let repair = try file.open()
      for fanout in tail.begin(at: file.nextSeq - 1) { fanout.wake() }
      if repair.isAny {
        state.withLock {
          $0.tornBytesCut += repair.tornBytes
          $0.corruptLines += repair.corruptLines
        }
        tellOfRepair(repair)
      }
      return true
    } catch {
      fail(error)
      return false
    }
  }

  private func declareOpen() {
    let waiting = opened.withLock { state in
      state.isOpen = true
      let waiting = state.waiting
      state.waiting = []
      return waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  private func commit(
    _ pending: ArraySlice<Pending>, _ file: inout LogFile, _ audit: inout AuditFiles, isOpen: Bool
  ) {
    let started = EventLog.nanoseconds()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(pending.reduce(0) { $0 + $1.draft.bytes.count + 128 })
    var starts: [Int32] = []
    var lines: [EventLine] = []
    starts.reserveCapacity(pending.count)
    lines.reserveCapacity(pending.count)
    var times = EventTimeWriter()
    var seq = file.nextSeq
    for one in pending {
      let start = bytes.count
      EventLog.write(one, seq: seq, &times, to: &bytes)
      let line = bytes.withUnsafeBytes {
        EventLine(UnsafeRawBufferPointer(rebasing: $0[start...]), checkingSum: false)
      }
      guard let line else { preconditionFailure("an encoded event does not read back") }
      starts.append(Int32(start))
      lines.append(line)
      bytes.append(0x0A)
      seq += 1
    }
    do throws(SystemError) {
      guard isOpen else { throw SystemError(code: EROFS, call: "open \(configuration.folder)") }
      try file.append(bytes, lines: lines, starts: starts, at: pending.first?.time ?? configuration.now())
    } catch {
      let refusal = fail(error)
      refuse(pending, refusal)
      return
    }
    healed()
    for one in pending where one.waiter.isNobody { taken.fulfil(one.draft.id) }
    let chunk = EventChunk(bytes: bytes, starts: starts, lines: lines)
    for fanout in tail.append(chunk) { fanout.wake() }
    state.withLock { state in
      state.appended += UInt64(lines.count)
      state.batches += 1
      state.bytes += UInt64(bytes.count)
      for one in pending { state.domains[one.domain, default: 0] += 1 }
    }
    for (one, line) in zip(pending, lines) {
      one.waiter.answer(.success(EventReceipt(id: one.draft.id, seq: line.seq, time: line.time)))
    }
    commitTime.observe(nanoseconds: EventLog.nanoseconds() - started)
    if let telling, pending.contains(where: { $0.draft.id == telling.id }) {
      droppedTold = telling.dropped
      self.telling = nil
    }
    audit.append(zip(pending, lines).compactMap { one, line in one.audit.map { ($0, line.time) } })
  }

  private static func write(_ one: Pending, seq: UInt64, _ times: inout EventTimeWriter, to bytes: inout [UInt8]) {
    let start = bytes.count
    let draft = one.draft
    bytes += draft.bytes[..<draft.seqAt]
    bytes += String(seq).utf8
    bytes += draft.bytes[draft.seqAt..<draft.timeAt]
    times.append(one.time, to: &bytes)
    bytes += draft.bytes[draft.timeAt...]
    let sum = bytes.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    bytes += ",\"crc\":\"".utf8
    for shift in stride(from: UInt32(28), through: 0, by: -4) {
      let nibble = UInt8(sum >> shift & 15)
      bytes.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
    }
    bytes += "\"}".utf8
  }

  private func refuse(_ pending: ArraySlice<Pending>, _ refusal: EventError) {
    let dropped = pending.count { $0.waiter.isNobody }
    state.withLock {
      $0.dropped += UInt64(dropped)
      $0.failed += UInt64(pending.count - dropped)
    }
    for one in pending {
      if one.waiter.isNobody { taken.fulfil(one.draft.id) }
      one.waiter.answer(.failure(refusal))
    }
  }

  static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  // MARK: Faults

  /// Notes a fault, and says so once. Returns what publishers are told.
  @discardableResult
  private func fail(_ error: SystemError) -> EventError {
    let refusal =
      error.code == ENOSPC || error.code == EDQUOT
      ? EventError(.storageFull, "The disk that holds the event log is full; make room and publish again.")
      : EventError(
        .logUnavailable, "The event log cannot be written (\(error.reason)); see to its folder and publish again.")
    let isNew = state.withLock { state in
      let isNew = state.fault == nil
      state.fault = refusal.message
      return isNew
    }
    if isNew {
      configuration.report("events: \(error.call): \(error.reason); events are not stored until this is mended")
    }
    return refusal
  }

  /// The log takes events again: says so, and how many of the server's own were lost.
  private func healed() {
    let all: UInt64? = state.withLock { state in
      guard state.fault != nil else { return nil }
      state.fault = nil
      return state.dropped
    }
    guard let all else { return }
    let (dropped, id) = (all - droppedTold, makeUUID())
    // Told once it is stored: the disk may be full again by then.
    telling = (id, all)
    configuration.report("events: stored again; \(dropped) events of this server's own were lost")
    var data = JSONWriter()
    data.beginObject()
    data.key("dropped")
    data.integer(Int(dropped))
    data.endObject()
    emitOwn("recovered", id: id, data.finish())
  }

  private func tellOfRepair(_ repair: LogFile.Repair) {
    configuration.report(
      "events: \(repair.file): \(repair.tornBytes) bytes of an unfinished line were cut off, \(repair.corruptLines) lines cannot be read, \(repair.missing) events are missing at the end"
    )
    var data = JSONWriter()
    data.beginObject()
    data.key("file")
    data.string(repair.file)
    data.key("torn_bytes")
    data.integer(repair.tornBytes)
    data.key("corrupt_lines")
    data.integer(repair.corruptLines)
    data.key("missing")
    data.integer(repair.missing)
    data.endObject()
    emitOwn("repaired", data.finish())
  }

  private func emitOwn(_ action: String, id: String = makeUUID(), _ data: [UInt8]) {
    emit(
      EventDraft(
        id: id, type: "events.\(action)",
        subject: Subject(own: "hub", configuration.serverID, "events", action),
        origin: EventOrigin(kind: "server", id: configuration.serverID), correlationID: makeUUID(), data: data,
        maker: .server))
  }

  // MARK: End

  /// Writes what waits and ends. Returns when the files are closed.
  package func close() {
    pthread_mutex_lock(mutex)
    isStopping = true
    let running = thread
    thread = nil
    pthread_cond_signal(filled)
    pthread_mutex_unlock(mutex)
    if let running { pthread_join(running, nil) }
    reader.stop()
  }
}

extension EventLog {
  /// Answers a query. Throws ``EventError/Code/logUnavailable`` when the files cannot be read. One whose task is cancelled ends early, with what
  /// it has found.
  /// - Parameter forOwner: the local user's: questions of others never keep it waiting.
  package func page(_ query: EventQuery, forOwner: Bool = false) async throws(EventError) -> EventPage {
    try await page(query, forOwner: forOwner) { $0 }
  }

  /// The same, made into something where the files are read: megabytes of events in another form take tens of milliseconds, which no loop has.
  package func page<Answer: Sendable>(
    _ query: EventQuery, forOwner: Bool = false, _ make: @escaping @Sendable (EventPage) -> Answer
  ) async throws(EventError) -> Answer {
    try await ask(forOwner: forOwner) { reader, search throws(SystemError) in make(try reader.page(query, search)) }
  }

  /// Asks the files, on a thread of the reader's.
  private func ask<Answer: Sendable>(
    forOwner: Bool, _ question: @escaping @Sendable (LogReader, LogSearch) throws(SystemError) -> Answer
  ) async throws(EventError) -> Answer {
    await whenOpen()
    await whenSettled()
    let search = LogSearch()
    let result: Result<Answer, SystemError> = await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        reader.ask(forOwner: forOwner) { [reader] in
          continuation.resume(returning: Result { () throws(SystemError) in try question(reader, search) })
        }
      }
    } onCancel: {
      search.cancel()
    }
    do throws(SystemError) {
      return try result.get()
    } catch {
      throw EventError(.logUnavailable, "The event log cannot be read (\(error.reason)); see to its folder and retry.")
    }
  }

  /// The event of that id, or of that number when it is all digits; `nil` when the log has none.
  package func event(_ name: String, forOwner: Bool = false) async throws(EventError) -> StoredEvent? {
    guard let seq = UInt64(name), seq > 0 else { return try await event(withID: name, forOwner: forOwner) }
    var query = EventQuery()
    query.limit = 1
    query.after = seq - 1
    query.before = seq == .max ? nil : seq + 1
    return try await page(query, forOwner: forOwner).events.first
  }

  /// The event of that id; the server's own where a log of earlier days has several.
  private func event(withID id: String, forOwner: Bool) async throws(EventError) -> StoredEvent? {
    guard EventRules.isID(id) else { return nil }
    return try await ask(forOwner: forOwner) { reader, _ throws(SystemError) in try reader.event(of: id) }
  }

  /// The number of the oldest event that is kept; 0 for an empty log. May look at a file.
  package var firstSeq: UInt64 {
    for segment in segments.all { if let first = segment.findFirstSeq() { return first } }
    return 0
  }
}

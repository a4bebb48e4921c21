package import Net
import Synchronization
import Sys

/// One reader that follows the log from a number on: first what is in the files, then what comes, without a gap, a repetition or another
/// order, at whatever speed it reads.
///
/// It pulls: ``next(maximumBytes:)`` gives what is there, and when nothing is, `onReady` is called once something may be. So a slow reader
/// costs nothing but its place in the log. Bound to its loop.
package final class EventSubscription: @unchecked Sendable {
  // Unchecked: everything is touched on the loop only, which every entry checks.

  private let log: EventLog
  private let fanout: Fanout
  private let filter: EventFilter
  /// A reader that falls further behind is told of a gap and goes on with what is new; `nil`: it never is.
  private let maximumLag: UInt64?
  private let onReady: () -> Void
  /// The number of the next event that has not been looked at.
  package private(set) var position: UInt64
  private var pending: [Followed] = []
  /// Something is being read from the files: `onReady` will be called.
  package private(set) var isReading = false
  private var isWaiting = false
  private var isCancelled = false

  package init(
    _ log: EventLog, from position: UInt64, filter: EventFilter, maximumLag: Int? = nil, loop: EventLoop,
    onReady: @escaping () -> Void
  ) {
    loop.preconditionCurrent()
    self.log = log
    self.position = max(1, position)
    self.filter = filter
    self.maximumLag = maximumLag.map { UInt64($0) }
    self.onReady = onReady
    fanout = log.fanout(of: loop)
    log.subscriptions.wrappingAdd(1, ordering: .relaxed)
    fanout.joined(self)
  }

  /// What is there, up to about that many bytes; empty when nothing is: then `onReady` will be called.
  package func next(maximumBytes: Int) -> [Followed] {
    fanout.loop.preconditionCurrent()
    if isCancelled || isReading || isWaiting { return [] }
    if !pending.isEmpty {
      let items = pending
      pending = []
      return items
    }
    if let maximumLag, log.lastSeq >= position + maximumLag {
      let missed = position...(log.lastSeq)
      position = log.lastSeq + 1
      return [.gap(missed)]
    }
    if let given = fanout.given(filter, from: position, maximumBytes: maximumBytes) {
      position = given.next
      return given.items
    }
    let start = position
    var items: [Followed] = []
    defer {
      if !items.isEmpty {
        fanout.note(
          .init(filter: filter, from: start, maximumBytes: maximumBytes, items: items, next: position))
      }
    }
    var bytes = 0
    while bytes < maximumBytes {
      switch log.tail.find(position, elseWake: fanout) {
      case .chunk(let chunk, let first):
        for index in first..<chunk.lines.count where bytes < maximumBytes {
          if filter.isEverything || filter.matches(chunk, index) {
            let event = StoredEvent(chunk: chunk, index: index)
            bytes += event.documentBytes
            items.append(.event(event))
          }
          position = chunk.lines[index].seq + 1
        }
      case .older:
        // What has been gathered goes first.
        if items.isEmpty { readFiles(maximumBytes) }
        return items
      case .notYet:
        if items.isEmpty {
          isWaiting = true
          fanout.wait(self)
        }
        return items
      }
    }
    return items
  }

  func becameReady() {
    guard isWaiting, !isCancelled else { return }
    isWaiting = false
    onReady()
  }

  private func readFiles(_ maximumBytes: Int) {
    isReading = true
    let (log, filter, from, last, loop) = (log, filter, position, log.lastSeq, fanout.loop)
    log.reader.follow { [self] in
      let answer = Result { () throws(SystemError) in
        try log.reader.read(from: from, through: last, filter, maximumBytes: maximumBytes)
      }
      loop.execute { self.take(answer) }
    }
  }

  private func take(_ answer: Result<(items: [Followed], next: UInt64), SystemError>) {
    guard !isCancelled else { return }
    isReading = false
    switch answer {
    case .success(let found):
      pending = found.items
      position = found.next
    case .failure(let error):
      // Files that cannot be read now: what they hold is missing, and the reader is told.
      log.configuration.report("events: a follower could not be given events from \(position) on: \(error.description)")
      let last = log.lastSeq
      if position <= last { pending = [.gap(position...last)] }
      position = last + 1
    }
    onReady()
  }

  /// Ends the subscription; nothing is called any more.
  package func cancel() {
    fanout.loop.preconditionCurrent()
    guard !isCancelled else { return }
    isCancelled = true
    pending = []
    fanout.left(self)
    log.subscriptions.wrappingSubtract(1, ordering: .relaxed)
  }
}

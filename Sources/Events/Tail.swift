import Synchronization

/// The newest events in memory, so that those who follow the log closely read no file.
final class Tail: Sendable {
  /// What is kept: minutes of an ordinary server, a few milliseconds of the fastest publishers.
  static let maximumBytes = 4 << 20

  private static let givenUp = EventChunk(bytes: [], starts: [], lines: [])

  private struct State {
    var chunks: [EventChunk] = []
    /// Chunks before this one have been given up.
    var head = 0
    var bytes = 0
    /// The number of the newest event that is on the disk.
    var lastSeq: UInt64 = 0
    var waiting: [ObjectIdentifier: Fanout] = [:]
  }

  private let state = Mutex(State())

  var lastSeq: UInt64 { state.withLock { $0.lastSeq } }

  /// How far the log had come when it was opened. Returns who waited for that.
  func begin(at seq: UInt64) -> [Fanout] {
    state.withLock { state in
      state.lastSeq = seq
      return takeWaiting(&state)
    }
  }

  /// Takes events that are on the disk. Returns who waits for some.
  func append(_ chunk: EventChunk) -> [Fanout] {
    state.withLock { state in
      state.chunks.append(chunk)
      state.bytes += chunk.bytes.count
      state.lastSeq = chunk.lastSeq
      while state.bytes > Tail.maximumBytes, state.head < state.chunks.count - 1 {
        state.bytes -= state.chunks[state.head].bytes.count
        // Its place stays for a while, its memory must not.
        state.chunks[state.head] = Tail.givenUp
        state.head += 1
      }
      if state.head > 1024, state.head > state.chunks.count / 2 {
        state.chunks.removeFirst(state.head)
        state.head = 0
      }
      return takeWaiting(&state)
    }
  }

  private func takeWaiting(_ state: inout State) -> [Fanout] {
    if state.waiting.isEmpty { return [] }
    let waiting = Array(state.waiting.values)
    state.waiting.removeAll(keepingCapacity: true)
    return waiting
  }

  enum Found {
    /// The chunk that holds the event, and its place there.
    case chunk(EventChunk, Int)
    /// It is only in the files.
    case older
    /// It is not there yet. Whoever asked will be woken.
    case notYet
  }

  func find(_ seq: UInt64, elseWake fanout: Fanout) -> Found {
    state.withLock { state in
      guard seq <= state.lastSeq else {
        state.waiting[ObjectIdentifier(fanout)] = fanout
        return .notYet
      }
      guard state.head < state.chunks.count, state.chunks[state.head].firstSeq <= seq else { return .older }
      var (low, high) = (state.head, state.chunks.count - 1)
      while low < high {
        let middle = (low + high + 1) / 2
        if state.chunks[middle].firstSeq <= seq { low = middle } else { high = middle - 1 }
      }
      let chunk = state.chunks[low]
      return .chunk(chunk, Int(seq - chunk.firstSeq))
    }
  }
}

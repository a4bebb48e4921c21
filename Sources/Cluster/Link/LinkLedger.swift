/// Which batches have crossed the link, both ways: what makes it possible to go on over another connection without loss or repetition.
///
/// What is sent is kept until the other side says that it has taken it in; what comes in is counted, and the count told.
struct LinkLedger {
  private var sent: UInt64 = 0
  private var acknowledged: UInt64 = 0
  private var kept = FIFO<[UInt8]>()
  private var keptBytes = 0

  /// Batches taken in.
  private(set) var received: UInt64 = 0
  private var reported: UInt64 = 0
  private var unreportedBytes = 0

  /// Nothing more may be sent before the other side has acknowledged some of it.
  var isFull: Bool { keptBytes >= LinkLimits.unacknowledged }
  /// So much has come in that the other side should be told, for it keeps all of it.
  var owesAcknowledgement: Bool {
    unreportedBytes >= LinkLimits.acknowledgedBytes || received - reported >= LinkLimits.acknowledgedBatches
  }

  /// Whether the other side can have taken in so many batches.
  func isPlausible(received theirs: UInt64) -> Bool { theirs >= acknowledged && theirs <= sent }

  mutating func noteSent(_ batch: [UInt8]) {
    sent += 1
    kept.append(batch)
    keptBytes += batch.count
  }

  mutating func noteReceived(bytes: Int) {
    received += 1
    unreportedBytes += bytes
  }

  /// The count of batches taken in, for the other side.
  mutating func report() -> UInt64 {
    reported = received
    unreportedBytes = 0
    return received
  }

  /// The other side has taken in so many.
  mutating func forget(upTo count: UInt64) {
    while acknowledged < count, let batch = kept.popFirst() {
      acknowledged += 1
      keptBytes -= batch.count
    }
  }

  /// What was sent and not acknowledged, in its order.
  func forEachKept(_ body: ([UInt8]) -> Void) { kept.forEach(body) }

  mutating func removeAll() {
    kept.removeAll()
    keptBytes = 0
  }
}

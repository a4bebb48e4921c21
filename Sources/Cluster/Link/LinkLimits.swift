/// Bounds of a link. Both sides of a protocol version have the same window; the rest is each side's own.
package struct LinkLimits: Sendable {
  /// Bytes of messages that a stream may have on its way without a word from the other side. It bounds what a reader that stops costs, and
  /// a stream's throughput to so much per round trip.
  package static let window = 512 << 10
  /// Bytes of one frame: what a keystroke may have to wait for behind each flooding stream.
  static let quantum = 16 << 10
  /// Bytes of one batch, and so of one write.
  static let batch = 32 << 10
  /// Bytes handed to the transport and not taken by the kernel before nothing more is handed over: more would only wait, and what comes
  /// later and is more urgent would wait behind it.
  static let transportHighWater = 32 << 10
  /// Bytes that the kernel may hold beyond what the network takes at the moment.
  static let unsent = 64 << 10
  /// Bytes that were sent and may have to be sent again.
  static let unacknowledged = 8 << 20
  /// Received bytes, or batches, after which the other side is told what it may forget.
  static let acknowledgedBytes = 256 << 10
  static let acknowledgedBatches: UInt64 = 128
  /// Bytes of a stream's messages that may wait to be sent; a user who lets more pile up has not looked at `queuedBytes`.
  static let queued = 16 << 20

  /// Bytes that the streams of a link may hold on the side that dialled.
  static let held = 256 << 20
  /// The same for the links of one token, on the side that was dialled, and for those of all tokens.
  package static let heldOfToken = 32 << 20
  package static let heldOfAll = 256 << 20

  /// Streams that the other side may have open.
  package var acceptedStreams = 1024
  /// A longer message of the other side breaks the link.
  package var messageBytes = 17 << 20
  /// How long calls wait for a lost connection to come back.
  package var callGrace: Duration = .seconds(2)
  /// How long everything else waits.
  package var streamGrace: Duration = .seconds(60)

  package init() {}
}

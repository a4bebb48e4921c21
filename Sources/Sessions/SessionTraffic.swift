package import Metrics

/// Bytes between all sessions of a server and their programs, and those who wait for something there.
package struct SessionTraffic: Sendable {
  package let fromPrograms = Counter()
  /// Input that was accepted, and answers to the programs' queries.
  package let toPrograms = Counter()
  /// Waits in progress.
  package let waits = Gauge()
}

/// One metric with its series, as it is at one moment: what a source gives and ``MetricsText`` writes.
package struct MetricFamily: Sendable {
  package enum Kind: String, Sendable { case counter, gauge, histogram }

  package typealias Labels = KeyValuePairs<String, String>

  struct Sample: Sendable {
    /// Behind the name of the family: `_bucket`, `_sum`, `_count`, or nothing.
    let suffix: String
    let labels: [(name: String, value: String)]
    let value: Double
  }

  package let name: String
  package let kind: Kind
  package let help: String
  var samples: [Sample] = []

  /// - Parameters:
  ///   - name: with the unit at its end, `_total` for counters (Prometheus, "Metric and label naming").
  ///   - help: one sentence for people.
  package init(_ name: String, _ kind: Kind, _ help: String) {
    precondition(MetricFamily.isName(name, allowingColon: true), "not a metric's name: \(name)")
    self.name = name
    self.kind = kind
    self.help = help
  }

  /// One with a single series that has no labels.
  package init(_ name: String, _ kind: Kind, _ help: String, value: some BinaryInteger) {
    self.init(name, kind, help)
    add(value)
  }

  package init(_ name: String, _ kind: Kind, _ help: String, value: Double) {
    self.init(name, kind, help)
    add(value)
  }

  package mutating func add(_ value: Double, _ labels: Labels = [:]) {
    samples.append(Sample(suffix: "", labels: MetricFamily.checked(labels), value: value))
  }

  package mutating func add(_ value: some BinaryInteger, _ labels: Labels = [:]) { add(Double(value), labels) }

  /// The series of a histogram: its buckets summed up, in seconds.
  package mutating func add(_ histogram: Histogram.Snapshot, _ labels: Labels = [:]) {
    let labels = MetricFamily.checked(labels)
    var count: UInt64 = 0
    for (index, bucket) in histogram.counts.enumerated() {
      count &+= bucket
      let bound =
        index < histogram.bounds.count ? MetricsText.number(seconds(histogram.bounds[index])) : MetricsText.infinity
      samples.append(Sample(suffix: "_bucket", labels: labels + [("le", bound)], value: Double(count)))
    }
    samples.append(Sample(suffix: "_sum", labels: labels, value: seconds(histogram.sum)))
    samples.append(Sample(suffix: "_count", labels: labels, value: Double(count)))
  }

  private func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }

  private static func checked(_ labels: Labels) -> [(name: String, value: String)] {
    for (name, _) in labels { precondition(isName(name, allowingColon: false), "not a label's name: \(name)") }
    return labels.map { (name: $0.key, value: $0.value) }
  }

  /// `[a-zA-Z_:][a-zA-Z0-9_:]*`, without the colon for labels.
  private static func isName(_ text: String, allowingColon: Bool) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
      case 0x3A: allowingColon
      default: false
      }
    }
  }
}

/// Gives metrics when it is asked for them, and costs nothing in between.
package protocol MetricsSource: Sendable {
  func families() async -> [MetricFamily]
}

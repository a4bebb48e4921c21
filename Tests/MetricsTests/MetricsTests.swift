import Metrics
import Testing

@Suite("Metrics")
struct MetricsTests {
  private func text(_ families: MetricFamily...) -> String {
    String(decoding: MetricsText.write(families), as: UTF8.self)
  }

  @Test("a metric is written with its help, its type and its series")
  func written() {
    var sessions = MetricFamily("roost_sessions", .gauge, "Sessions by state.")
    sessions.add(3, ["state": "busy"])
    sessions.add(0, ["state": "exited", "loop": "0"])
    #expect(
      text(sessions) == """
        # HELP roost_sessions Sessions by state.
        # TYPE roost_sessions gauge
        roost_sessions{state="busy"} 3
        roost_sessions{state="exited",loop="0"} 0

        """)
  }

  @Test("what means something to the format is escaped, in labels and in help texts")
  func escaping() {
    var family = MetricFamily("m", .counter, "a\\b\n\"c\"")
    family.add(1, ["l": "a\\b\n\"c\" é{}"])
    #expect(
      text(family) == "# HELP m a\\\\b\\n\"c\"\n# TYPE m counter\nm{l=\"a\\\\b\\n\\\"c\\\" é{}\"} 1\n")
  }

  @Test(
    "numbers are written as Prometheus reads them",
    arguments: [
      (0, "0"), (-3, "-3"), (0.25, "0.25"), (1e-9, "1e-09"), (1e300, "1e+300"), (.infinity, "+Inf"),
      (-.infinity, "-Inf"), (9_007_199_254_740_991, "9007199254740991"),
    ] as [(Double, String)])
  func numbers(value: Double, written: String) {
    #expect(text(MetricFamily("m", .gauge, "h", value: value)).hasSuffix("m \(written)\n"))
  }

  @Test("not a number is NaN")
  func notANumber() { #expect(text(MetricFamily("m", .gauge, "h", value: Double.nan)).hasSuffix("m NaN\n")) }

  @Test("a histogram's buckets are summed up, the last is the count, bounds are inclusive and in seconds")
  func histogram() {
    let histogram = Histogram(bounds: [1_000, 2_000_000])
    for value: UInt64 in [0, 1_000, 1_001, 2_000_000, 2_000_001, 3_000_000_000] {
      histogram.observe(nanoseconds: value)
    }
    var family = MetricFamily("d_seconds", .histogram, "h")
    family.add(histogram.snapshot, ["operation": "x"])
    #expect(
      text(family) == """
        # HELP d_seconds h
        # TYPE d_seconds histogram
        d_seconds_bucket{operation="x",le="1e-06"} 2
        d_seconds_bucket{operation="x",le="0.002"} 4
        d_seconds_bucket{operation="x",le="+Inf"} 6
        d_seconds_sum{operation="x"} 3.004002002
        d_seconds_count{operation="x"} 6

        """)
  }

  @Test("families of one name are one group of lines, and one without series is left out")
  func groups() {
    var first = MetricFamily("a", .gauge, "h")
    first.add(1, ["x": "1"])
    var second = MetricFamily("a", .gauge, "h")
    second.add(2, ["x": "2"])
    let text = text(first, MetricFamily("b", .gauge, "h", value: 5), second, MetricFamily("c", .gauge, "h"))
    #expect(
      text == "# HELP a h\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\n# HELP b h\n# TYPE b gauge\nb 5\n")
  }

  @Test("counters, gauges and histograms lose nothing when many threads use them")
  func threads() async {
    let (counter, gauge, histogram) = (Counter(), Gauge(), Histogram(bounds: [10, 20]))
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for value in 0..<10_000 {
            counter.add()
            gauge.add(value % 2 == 0 ? 1 : -1)
            histogram.observe(nanoseconds: UInt64(value % 30))
          }
        }
      }
    }
    #expect(counter.value == 80_000)
    #expect(gauge.value == 0)
    #expect(histogram.snapshot.count == 80_000)
    #expect(histogram.snapshot.sum == (0..<10_000).reduce(0) { $0 + UInt64($1 % 30) } * 8)
  }
}

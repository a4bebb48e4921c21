package import Metrics
import Net
import Operations
import Sys

/// Counts HTTP requests by what they were for, with how they ended and how long their answers took.
///
/// Names come from the routes alone, so a client cannot make new series. What each route counts in is found with the route, so that
/// counting is two readings of the clock and three additions.
package struct RequestMetrics: MetricsSource {
  /// The requests of one operation, or of everything that has no route.
  final class Series: Sendable {
    let name: String
    /// By the first digit of the status: 1xx to 5xx.
    let classes = (0..<5).map { _ in Counter() }
    let duration = Histogram()

    init(_ name: String) { self.name = name }

    func count(status: Int) {
      if (100..<600).contains(status) { classes[status / 100 - 1].add() }
    }
  }

  /// A request under way.
  struct Observation {
    fileprivate let began = Clock.monotonic
    /// Set when the route is known.
    var series: Series

    func end(status: Int) {
      series.count(status: status)
      series.duration.observe(nanoseconds: Clock.monotonic &- began)
    }
  }

  private let known: [Series]
  /// What is no route of ours, and what never came to be a request.
  let other = Series("other")

  init(_ destinations: [Destination]) { known = destinations.map { Series($0.name) } }

  /// The series of the destination at that place of the list given to `init`.
  func series(at index: Int) -> Series { known[index] }

  func begin() -> Observation { Observation(series: other) }

  package func families() async -> [MetricFamily] {
    var requests = MetricFamily(
      "roost_http_requests_total", .counter, "HTTP requests by operation and class of status; upgrades are 1xx.")
    var duration = MetricFamily(
      "roost_http_request_duration_seconds", .histogram,
      "From a request's arrival to its answer, waits included; for a stream to its beginning.")
    for series in known + [other] {
      let counts = series.classes.map(\.value)
      guard counts.contains(where: { $0 > 0 }) else { continue }
      for (index, count) in counts.enumerated() where count > 0 {
        requests.add(count, ["operation": series.name, "status": "\(index + 1)xx"])
      }
      duration.add(series.duration.snapshot, ["operation": series.name])
    }
    return [requests, duration]
  }
}

extension Destination {
  /// `session.list`; `surface.rpc` for what is no operation.
  var name: String {
    switch self {
    case .operation(let operation): operation.name
    case .stream(_, let entrance): entrance.name
    case .fixed(let endpoint): endpoint.name
    }
  }
}

extension HTTPReply {
  /// The status that the client sees, as far as it is decided.
  var status: Int {
    switch self {
    case .response(let response), .stream(let response, _): response.status
    case .upgrade: 101
    }
  }
}

import TestKit
import Testing

extension Roost {
  /// How much of a share is taken, as the metrics say.
  func used(_ share: String) async throws -> Int {
    let start = "roost_share_used{share=\"\(share)\"} "
    let metrics = try await http.request("GET", "/metrics").text
    let line = try #require(metrics.split(separator: "\n").first { $0.hasPrefix(start) }, "no share \(share)")
    return try #require(Double(line.dropFirst(start.count)).map { Int($0) })
  }
}

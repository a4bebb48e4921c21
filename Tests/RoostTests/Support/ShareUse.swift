import TestKit
import Testing

extension Roost {
  /// How much of a share is taken, as the metrics say.
  func used(_ share: String) async throws -> Int { try await shareNumber("used", share) }

  /// A number of a share, by the rest of its metric's name.
  func shareNumber(_ name: String, _ share: String) async throws -> Int {
    let start = "roost_share_\(name){share=\"\(share)\"} "
    let metrics = try await http.request("GET", "/metrics").text
    let line = try #require(metrics.split(separator: "\n").first { $0.hasPrefix(start) }, "no share \(share)")
    return try #require(Double(line.dropFirst(start.count)).map { Int($0) })
  }
}

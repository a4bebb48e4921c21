import TestKit
import Testing

/// A server that listens on the loopback interface too, and a client of it that has no token.
/// - Parameter token: one with every right that the server is started with; `nil` for none.
func withTCP(
  _ arguments: [String] = [], token: String? = nil, _ body: (Roost, TestClient) async throws -> Void
) async throws {
  try await withRoost(
    ["--bind", "127.0.0.1:0"] + arguments, environment: token.map { ["ROOST_TOKEN": $0] } ?? [:]
  ) { roost in try await body(roost, try await roost.tcp()) }
}

extension Roost {
  /// The folder of the server's state, which has begun.
  func stateFolder() async throws -> String {
    let find = try await runProcess("/usr/bin/find", ["\(home.path)/state", "-name", "server_id"], environment: [:])
    let file = try #require(find.text.split(separator: "\n").first.map(String.init), "\(find)")
    return String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
  }
}

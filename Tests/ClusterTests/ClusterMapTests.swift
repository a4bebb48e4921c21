import Testing

@testable import Cluster

@Suite("The map of the cluster")
struct ClusterMapTests {
  private let map: ClusterMap = {
    let map = ClusterMap(serverID: "11111111-0000-4000-8000-000000000000", hostname: "hub")
    func member(_ id: String?, _ name: String?, _ address: String) -> Member {
      Member(serverID: id, hostname: name, address: address, role: .member, report: HealthReport(.healthy))
    }
    map.set([
      member("aaaaaaaa-0000-4000-8000-000000000001", "web", "http://10.0.0.1:1"),
      member("aaaaaaaa-0000-4000-8000-000000000002", "web", "http://10.0.0.2:1"),
      member("cccccccc-0000-4000-8000-000000000003", "db", "http://10.0.0.3:1"),
      member(nil, nil, "http://10.0.0.4:1"),
      member("dddddddd-0000-4000-8000-000000000004", "hub", "http://10.0.0.5:1"),
    ])
    return map
  }()

  private func address(_ name: String) -> String {
    switch map.resolve(name) {
    case .here: "here"
    case .member(let member): member.address
    case .unknown: "unknown"
    case .ambiguous(let members): "\(members.count)"
    }
  }

  @Test(
    "a name stands for one server, or is refused",
    arguments: [
      ("hub", "here"), ("11111111-0000-4000-8000-000000000000", "here"), ("db", "http://10.0.0.3:1"),
      ("web", "2"), ("aaaaaaaa-0000-4000-8000-000000000002", "http://10.0.0.2:1"), ("aaaaaaaa", "2"),
      ("cccccccc", "http://10.0.0.3:1"), ("ccccccc", "unknown"), ("http://10.0.0.4:1", "http://10.0.0.4:1"),
      ("dddddddd-0000-4000-8000-000000000004", "http://10.0.0.5:1"), ("", "unknown"), ("nowhere", "unknown"),
    ])
  func resolve(name: String, expected: String) { #expect(address(name) == expected) }
}

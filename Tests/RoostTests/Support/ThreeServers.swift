import Formats
import Glibc
import TestKit

/// A hub and two servers, each in a home of its own; where that is permitted also on a network of their own, as if they were three machines.
struct ThreeServers: Sendable {
  let hub: Roost
  /// Where each member is reached from the hub, `10.77.0.11:7070`.
  let members: [(name: String, roost: Roost, address: String)]

  subscript(name: String) -> Roost { members.first { $0.name == name }?.roost ?? hub }
}

/// Runs the body with three servers that know nothing of each other, and leaves nothing of them behind.
/// - Parameter arguments: for the members' `roost serve`.
func withThreeServers(_ arguments: [String] = [], _ body: (ThreeServers) async throws -> Void) async throws {
  let (hub, web1, web2) = (try Roost(), try Roost(), try Roost())
  defer { for server in [hub, web1, web2] { server.home.removeAll() } }
  let isolated = try await Namespaces.arePermitted
  // Without a namespace of its own a server listens where a port is free.
  let wrapper = isolated ? Namespaces.wrapper : []
  let bind = ["--bind", isolated ? "0.0.0.0:7070" : "127.0.0.1:0"] + arguments
  try await hub.start(["--hostname", "hub"], through: wrapper)
  try await web1.start(["--hostname", "web1"] + bind, through: wrapper)
  try await web2.start(["--hostname", "web2"] + bind, through: wrapper)
  var addresses: [String] = []
  if isolated {
    addresses = try await Namespaces.connect(hub, to: [web1, web2]).map { "\($0):7070" }
  } else {
    print("three servers over loopback: there are no network namespaces for this user")
    for server in [web1, web2] { addresses.append(try await server.http.get("/server/info")["tcp_addr"].string ?? "") }
  }
  try await body(
    ThreeServers(hub: hub, members: [("web1", web1, addresses[0]), ("web2", web2, addresses[1])]))
}

/// Network namespaces (network_namespaces(7)): they, and all that connects them, are gone with the last process in them.
private enum Namespaces {
  private static let unshare = "/usr/bin/unshare"
  /// What a server is started through.
  static let wrapper = [unshare, "--net", "--"]

  static var arePermitted: Bool {
    get async throws {
      guard getuid() == 0, isExecutable(unshare), isExecutable("/usr/bin/nsenter") else { return false }
      // A kernel may lack the one or the other kind of device.
      let trial = "ip link add hub type bridge && ip link add web type veth peer name web-hub"
      return try await shell("exec \(unshare) --net -- /bin/sh -c '\(trial)'").exitCode == 0
    }
  }

  /// A bridge in the hub's namespace, and a cable from it to each member. Returns the members' addresses.
  static func connect(_ hub: Roost, to members: [Roost]) async throws -> [String] {
    guard let center = hub.serverPID else { throw TestFailure("the hub does not run") }
    var script = [
      "set -e", "at() { pid=$1; shift; nsenter --net --target $pid ip \"$@\"; }",
      "at \(center) link add hub type bridge", "at \(center) addr add 10.77.0.1/24 dev hub",
      "at \(center) link set hub up",
    ]
    var addresses: [String] = []
    for (index, member) in members.enumerated() {
      guard let pid = member.serverPID else { throw TestFailure("a member does not run") }
      addresses.append("10.77.0.\(11 + index)")
      script += [
        "at \(center) link add web\(index) type veth peer name eth0 netns \(pid)",
        "at \(center) link set web\(index) master hub up", "at \(pid) addr add \(addresses[index])/24 dev eth0",
        "at \(pid) link set eth0 up", "at \(pid) link set lo up",
      ]
    }
    let result = try await shell(script.joined(separator: "\n"))
    guard result.exitCode == 0 else { throw TestFailure("no network between the namespaces: \(result)") }
    return addresses
  }

  private static func shell(_ script: String) async throws -> ProcessResult {
    try await runProcess(
      "/bin/sh", ["-c", script], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
  }
}

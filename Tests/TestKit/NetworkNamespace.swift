import Glibc
import Synchronization

/// A network of its own for a server, joined to ours by a cable (veth(4)) that a test can pull. Needs root; where that is not given,
/// ``unavailable`` says so.
package final class NetworkNamespace: Sendable {
  private static let tool: String? = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].first { path in access(path, X_OK) == 0
  }
  private static let count = Mutex(0)

  /// Why there are none here; `nil` where they can be made.
  package static let unavailable: String? = {
    guard geteuid() == 0 else { return "network namespaces need root" }
    guard let tool else { return "network namespaces need ip(8) of iproute2" }
    let name = "roost-probe-\(getpid())"
    guard run(tool, ["netns", "add", name]) else { return "this machine does not let us make network namespaces" }
    defer { _ = run(tool, ["netns", "del", name]) }
    let cable = "rp\(getpid())"
    guard run(tool, ["link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name]) else {
      return "this machine does not let us make veth pairs"
    }
    _ = run(tool, ["link", "del", cable])
    return nil
  }()

  package let name: String
  /// Of the machine at the other end of the cable.
  package let address: String
  private let cable: String

  package init() throws {
    guard let tool = NetworkNamespace.tool else { throw TestFailure("no ip(8)") }
    let number = NetworkNamespace.count.withLock { count in
      count += 1
      return count
    }
    name = "roost-\(getpid())-\(number)"
    cable = "r\(getpid())n\(number)"
    // 198.18.0.0/15 is for tests of networks (RFC 2544), so it is nobody's.
    let prefix = "198.18.\(Int(getpid()) & 0xFF)."
    let base = number << 2 & 0xFC
    address = "\(prefix)\(base + 2)"
    let steps = [
      ["netns", "add", name], ["link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name],
      ["addr", "add", "\(prefix)\(base + 1)/30", "dev", cable], ["link", "set", cable, "up"],
      ["-n", name, "addr", "add", "\(address)/30", "dev", "eth0"], ["-n", name, "link", "set", "eth0", "up"],
      ["-n", name, "link", "set", "lo", "up"],
    ]
    for step in steps where !NetworkNamespace.run(tool, step) {
      remove()
      throw TestFailure("ip \(step.joined(separator: " ")) failed")
    }
  }

  deinit { remove() }

  /// What a program has to be started through to be in it, for `Roost.start`.
  package var wrapper: [String] { [NetworkNamespace.tool ?? "ip", "netns", "exec", name] }

  /// From now on nothing gets through, and nobody is told.
  package func pull() throws { try cable("down") }
  package func plug() throws { try cable("up") }

  private func cable(_ state: String) throws {
    guard let tool = NetworkNamespace.tool, NetworkNamespace.run(tool, ["link", "set", cable, state]) else {
      throw TestFailure("the cable is not \(state)")
    }
  }

  package func remove() {
    guard let tool = NetworkNamespace.tool else { return }
    _ = NetworkNamespace.run(tool, ["link", "del", cable])
    _ = NetworkNamespace.run(tool, ["netns", "del", name])
  }

  /// Runs a program that takes a moment.
  private static func run(_ tool: String, _ arguments: [String]) -> Bool {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
      posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
    }
    var pid = pid_t()
    let failure = withStrings([tool] + arguments) { arguments in
      withStrings(["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]) { posix_spawn(&pid, tool, &actions, nil, arguments, $0) }
    }
    guard failure == 0 else { return false }
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0 { if errno != EINTR { return false } }
    return status == 0
  }
}

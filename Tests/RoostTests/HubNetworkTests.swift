import Formats
import Net
import TestKit
import Testing

@Suite(
  "A hub and a backend on two networks", .bounded,
  .enabled(if: NetworkNamespace.unavailable == nil, "network namespaces cannot be made here"))
struct HubNetworkTests {
  private static let token = "a-token-of-the-far-one"

  /// A hub here, and a backend at the other end of a cable.
  private func withCable(_ body: (ClusterServer, Roost, NetworkNamespace, String) async throws -> Void) async throws {
    let network = try NetworkNamespace()
    defer { network.remove() }
    let hub = try ClusterServer("hub", token: Self.token, patience: .short)
    defer { hub.roost.home.removeAll() }
    let far = try Roost()
    defer { far.home.removeAll() }
    try await hub.start()
    try await start(far, in: network, port: 0)
    let address = try #require(try await far.http.get("/server/info")["tcp_addr"].string)
    let path = "/servers/\(PercentEncoding.encode("http://\(address)"))"
    _ = try await hub.http.post(
      "/servers", ["address": .string("http://\(address)"), "token": .string(Self.token), "role": "member"])
    try await hub.roost.waitForHealth(["healthy"], at: path)
    try await body(hub, far, network, path)
  }

  private func start(_ far: Roost, in network: NetworkNamespace, port: Int) async throws {
    try await far.start(
      ["--bind", "\(network.address):\(port)", "--token", Self.token, "--hostname", "far"], through: network.wrapper)
  }

  @Test("a cable that is pulled is noticed after the deadline; plugged in again, what was open goes on without loss")
  func pulled() async throws {
    try await withCable { hub, far, network, path in
      try await hub.session("flood", on: "far", NumberedFlood.script(8000))
      let socket = try await hub.http.webSocket("/sessions/flood/ws/raw?server=far")
      var bytes = try await socket.bytes(until: "ready")
      await socket.type("go\r")
      bytes += try await socket.bytes(until: "line 000000100")
      try network.pull()
      let record = try await hub.roost.waitForHealth(["unavailable"], at: path)
      #expect(record["reason"].string?.isEmpty == false)
      #expect(try await hub.http.request("GET", "/sessions/flood?server=far").errorCode == "server_unavailable")
      #expect(try await hub.http.get("/fleet/sessions")["missing"] == ["far"])
      try network.plug()
      try await hub.roost.waitForHealth(["healthy"], at: path)
      bytes += try await socket.bytes(until: "end of flood")
      #expect(NumberedFlood.numbers(bytes) == Array(1...8000))
      await socket.type("and after\r")
      try await socket.bytes(until: "and after")
    }
  }

  @Test("a backend that dies while nobody can hear it is found again when it is back, with its sessions")
  func diedUnheard() async throws {
    try await withCable { hub, far, network, path in
      try await hub.session("a", on: "far")
      let address = try #require(try await far.http.get("/server/info")["tcp_addr"].string)
      let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
      let id = try await hub.http.get(path)["server_id"]
      try network.pull()
      try await far.killServer()
      try await hub.roost.waitForHealth(["unavailable"], at: path)
      try network.plug()
      try await start(far, in: network, port: port)
      let record = try await hub.roost.waitForHealth(["healthy"], at: path)
      #expect(record["server_id"] == id)
      try await hub.waitForList("far:a")
      try await hub.type("there again\r", into: "a", on: "far")
      try await hub.wait("a", on: "far", match: "there again")
    }
  }
}

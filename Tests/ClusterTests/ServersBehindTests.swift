import Testing

@testable import Cluster

@Suite("Servers behind a backend")
struct ServersBehindTests {
  private let id = "aaaaaaaa-0000-4000-8000-000000000001"

  @Test("what is told is read as it was meant; servers that have not said who they are, are left out")
  func roundTrip() {
    let members = [
      Member(
        serverID: id, hostname: "web1", address: "http://10.0.0.1", role: .member, report: HealthReport(.degraded)),
      Member(address: "http://10.0.0.2", role: .none, report: HealthReport(.connecting)),
    ]
    #expect(
      ServersBehind.parse(ServersBehind.message(members)) == [
        ServerBehind(serverID: id, hostname: "web1", role: .member, health: .degraded)
      ])
    #expect(ServersBehind.parse(ServersBehind.message([])) == [])
  }

  @Test(
    "what another server says is read with care",
    arguments: [
      ("", nil as Int?), ("[]", nil), ("{}", nil), (#"{"servers":1}"#, nil), (#"{"servers":[1,{},[]]}"#, 0),
      (#"{"servers":[{"server_id":"x","hostname":"a","role":"member","health":"healthy"}]}"#, 0),
      (#"{"servers":[{"server_id":"ID","hostname":"a\u001b[2J","role":"member","health":"healthy"}]}"#, 0),
      (#"{"servers":[{"server_id":"ID","hostname":"a/b","role":"member","health":"healthy"}]}"#, 0),
      (#"{"servers":[{"server_id":"ID","hostname":"a","role":"king","health":"healthy"}]}"#, 0),
      (#"{"servers":[{"server_id":"ID","hostname":"a","role":"none","health":"healthy","new":1}]}"#, 1),
    ])
  func hostile(text: String, count: Int?) {
    let text = text.replacing("ID", with: id)
    #expect(ServersBehind.parse(Array(text.utf8))?.count == count)
    #expect(ServersBehind.parse([UInt8](repeating: 0x20, count: 600 << 10)) == nil)
  }
}

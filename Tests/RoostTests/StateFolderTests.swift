import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("The state folder of a running server", .bounded)
struct StateFolderTests {
  @Test(
    "is made again when it is taken away, with the identity and the tokens, and keeps what is acknowledged",
    arguments: [
      ["/bin/rm", "-rf"], ["/bin/mv", "-T"],
    ])
  func gone(taking: [String]) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let id = try await roost.http.get("/server/info")["server_id"].string
      let first = try #require(
        try await roost.http.post("/tokens", ["name": "first", "scopes": ["admin"]])["token"].string)
      try await roost.http.post("/events", ["subject": "before.it", "data": 0])
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let folder = try await roost.stateFolder()
      let arguments = Array(taking.dropFirst()) + [folder] + (taking[0].hasSuffix("mv") ? ["\(folder).aside"] : [])
      _ = try await runProcess(taking[0], arguments, environment: [:])
      for number in 1...20 {
        let answer = try await roost.http.request(
          "POST", "/events", json: ["subject": "after.it", "data": .integer(number)])
        #expect([201, 503].contains(answer.status), "\(answer)")
        if answer.status == 201, number == 20 {
          let events = try await roost.http.get("/events?subject=after.it&limit=100")["events"].array ?? []
          #expect(events.contains { $0["data"].integer == number })
        }
      }
      let second = try #require(
        try await roost.http.post("/tokens", ["name": "second", "scopes": ["admin"]])["token"].string)
      try await eventually("the identity is there again") { fileExists("\(folder)/server_id") }
      // There is still one server of this state.
      let other = try await roost.run("serve")
      #expect(other.exitCode == 4, "\(other)")
      let told = try await roost.http.get("/events?subject=after.it&limit=100")["events"].array?.count
      try await roost.killServer()
      try await roost.start(["--bind", "127.0.0.1:0"])
      #expect(try await roost.http.get("/server/info")["server_id"].string == id)
      #expect(try await roost.http.get("/events?subject=after.it&limit=100")["events"].array?.count == told)
      for token in [first, second] {
        #expect(try await roost.tcp(token: token).get("/server/info")["server_id"].string == id)
      }
      let verified = try await roost.run("events", "verify")
      #expect(verified.exitCode == 0, "\(verified)")
    }
  }
}

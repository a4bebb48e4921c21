import Formats
import Net
import Sys
import TestKit
import Testing

@Suite("Events and their schemas", .bounded)
struct EventSchemaConformanceTests {
  private func schema(_ roost: Roost, _ name: String) async throws -> JSONSchemaCheck {
    let response = try await roost.http.request("GET", "/schemas/\(name).schema.json")
    #expect(response.status == 200 && response.headers[first: "content-type"] == "application/schema+json")
    return try JSONSchemaCheck(response.text)
  }

  @Test("every event that a server gives out, in any form, and every line of its files, is as the schemas say")
  func conform() async throws {
    try await withRoost { roost in
      try await roost.session(["name": "one", "argv": ["/bin/cat"], "tags": ["t"]])
      _ = try await roost.http.request("GET", "/sessions/none")
      _ = try await roost.http.post("/tokens", ["scopes": ["admin"]])
      let odd: [JSON] = [
        ["subject": "a.é.*x", "type": "t"],
        ["subject": "a", "data": "x", "type": "t", "origin": ["kind": "tool", "id": "a b/ü"]],
        ["specversion": "1.0", "id": "x", "source": "/s", "type": "t", "data": [1]],
        ["correlationId": "c", "origin": ["type": "project", "id": "p"], "type": "t", "payload": ["x": nil]],
      ]
      for event in odd { try await roost.http.post("/events", event) }
      try await roost.http.delete("/sessions/one")
      for (form, name) in [("roost", "event"), ("cloudevents", "cloudevent"), ("hub", "hub-event")] {
        let check = try await schema(roost, name)
        let events = try await roost.http.get("/events?limit=1000&format=\(form)")["events"].array ?? []
        #expect(events.count >= 10)
        for event in events {
          let fault = try check.fault(in: event)
          #expect(fault == nil, "\(event.text)")
        }
      }
      let check = try await schema(roost, "event")
      let log = try await roost.runJSON("events", "verify")
      for file in log["files"].array ?? [] {
        let text = try readFile("\(log["folder"].string ?? "")/\(file["path"].string ?? "")")
        for line in text.split(separator: 0x0A) {
          let event = try JSON(parsing: Array(line))
          #expect(event["crc"].string != nil)
          #expect(try check.fault(in: event) == nil, "\(event.text)")
        }
      }
    }
  }

  @Test("the schemas refuse what is no event")
  func refuse() async throws {
    let roost = try await SharedServer.roost
    _ = try await roost.http.post("/events", ["subject": "schema.test"])
    let check = try await schema(roost, "event")
    let good = try await roost.http.get("/events?subject=schema.test")["events"][0]
    #expect(try check.fault(in: good) == nil)
    let bad: [(String, JSON)] = [
      ("seq", 0), ("seq", "1"), ("id", ""), ("id", "a b"), ("subject", "a..b"), ("subject", ""), ("time", "yesterday"),
      ("time", "2026-11-21T11:45:01Z"), ("origin", [:]), ("correlation_id", nil), ("more", 1), ("crc", "xyz"),
    ]
    for (name, value) in bad {
      var members = good.members?.filter { $0.name != name } ?? []
      let without = try check.fault(in: .object(members))
      #expect(["more", "crc"].contains(name) == (without == nil), "without \(name)")
      members.append(JSON.Member(name, value))
      #expect(try check.fault(in: .object(members)) != nil, "\(name): \(value.text)")
    }
    let cloud = try await schema(roost, "cloudevent")
    #expect(try cloud.fault(in: ["specversion": "0.3", "id": "x", "source": "/s", "type": "t"]) != nil)
    #expect(try cloud.fault(in: ["specversion": "1.0", "id": "x", "source": "/s", "type": "t", "Bad_Name": 1]) != nil)
    let hub = try await schema(roost, "hub-event")
    #expect(try hub.fault(in: ["id": "x", "type": "t", "payload": 1]) != nil)
  }

  @Test("schemas are open to everybody, and there are no others")
  func served() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let client = try await roost.tcp()
      #expect(try await client.request("GET", "/schemas/event.schema.json").status == 200)
      for name in ["none", "..%2Fevent.schema.json", "event.schema.json%00"] {
        let response = try await client.request("GET", "/schemas/\(name)")
        #expect(response.status == 404 || response.status == 400, "\(name): \(response)")
      }
    }
  }
}

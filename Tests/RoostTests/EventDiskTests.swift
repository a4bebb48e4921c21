import Formats
import Glibc
import Net
import TestKit
import Testing

/// A server whose disk does not do what it should: in a mount namespace of its own, so that nobody else sees what is mounted there.
@Suite("Disks that fail the event log", .bounded, .enabled("needs the right to mount") { await Mounts.areAllowed })
struct EventDiskTests {
  @Test(
    "with an event log that cannot be written the server starts, sessions work, and publishing says why it does not")
  func readOnly() async throws {
    try await withScratchHome { roost in
      try await roost.start()
      try await roost.http.post("/events", ["subject": "t.before", "data": 1])
      #expect(try await roost.http.request("PUT", "/events/cursors/mine", json: ["seq": 0]).status == 200)
      try await roost.stopServer()
      // The events and the cursors alone: for a state folder that takes nothing another one is used.
      let closing = ["events", "cursors.sqlite"].map { name in
        let path = "\"$S/roost/\(roost.serverName)/\(name)\""
        return "mount --bind \(path) \(path) && mount -o remount,ro,bind \(path)"
      }
      try await roost.start(through: Mounts.wrapper(closing.joined(separator: " && "), roost))
      for body in [["subject": "t.x"], [["subject": "t.x"], ["subject": "t.y"]]] as [JSON] {
        let response = try await roost.http.request("POST", "/events", body: body.bytes)
        #expect(response.status == 503 && response.errorCode == "event_log_unavailable", "\(response)")
      }
      let status = try await roost.http.get("/events/status")
      #expect(status["writable"] == false && status["error"].string?.contains("ead-only") == true, "\(status.text)")
      #expect((status["dropped"].integer ?? 0) > 0)
      #expect(try await roost.http.get("/hub/health")["status"] == "degraded")
      #expect(roost.log.contains("events are not stored until this is mended"), "\(roost.log)")
      // What was stored before is there, and can be followed.
      #expect(try await roost.events("&subject=t.%3E").map { $0["subject"].string } == ["t.before"])
      let stream = try await EventSource(roost.http, "/events/stream?subject=t.before&after=0")
      #expect(try await stream.next().data["data"] == 1)
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      _ = try await roost.http.request("POST", "/sessions/a/input", body: Array("hello\r".utf8))
      try await roost.wait("a", ["for": "match", "pattern": "hello"])
      let cursor = try await roost.http.request("PUT", "/events/cursors/mine", json: ["seq": 1])
      #expect(cursor.status == 503 && cursor.errorCode == "event_log_unavailable", "\(cursor)")
    }
  }

  @Test("on a full disk publishing is refused, the server and its sessions live on, and with room it goes on")
  func full() async throws {
    try await withScratchHome { roost in
      let state = "\(roost.home.path)/state"
      try await roost.start(
        through: Mounts.wrapper(
          "mount -t tmpfs -o size=1m,mode=700 tmpfs \"$S\" && head -c 200000 /dev/zero >\"$S/filler\"", roost))
      let filler = "/proc/\(try #require(roost.serverPID))/root\(state)/filler"
      var acknowledged: [Int] = []
      for round in 0..<2 {
        // From large to small, until not even the smallest fits.
        for bytes in [30_000, 3000, 1] {
          let event = JSON.object(["subject": "t.n", "data": .string(String(repeating: "x", count: bytes))]).bytes
          var answer = try await roost.http.request("POST", "/events", body: event)
          while answer.status == 201, acknowledged.count < 20_000 {
            acknowledged.append(answer.json["seq"].integer ?? 0)
            answer = try await roost.http.request("POST", "/events", body: event)
          }
          #expect(answer.status == 507 && answer.errorCode == "storage_full", "\(answer)")
        }
        // So is whatever else is to be written down.
        let others = [
          ("POST", "/tokens", JSON.object(["scopes": ["admin"], "name": .string("t\(round)")])),
          ("PUT", "/events/cursors/c\(round)", ["seq": 1]),
          ("POST", "/servers", ["address": "http://127.0.0.1:1", "token": "t"]),
        ]
        for (method, path, body) in others {
          let refused = try await roost.http.request(method, path, json: body)
          #expect(refused.status == 507 && refused.errorCode == "storage_full", "\(path): \(refused)")
          #expect(!refused.text.contains("INSERT") && !refused.text.contains("PRAGMA"), "\(refused)")
        }
        let status = try await roost.http.get("/events/status")
        #expect(status["writable"] == false && status["error"].string?.contains("full") == true, "\(status.text)")
        // Its events have no room.
        try await roost.session(["name": .string("s\(round)"), "argv": ["/bin/cat"]])
        _ = try await roost.http.request("POST", "/sessions/s\(round)/input", body: Array("hello\r".utf8))
        try await roost.wait("s\(round)", ["for": "match", "pattern": "hello"])
        guard truncate(filler, off_t(100_000 * (1 - round))) == 0 else {
          throw TestFailure("\(filler): errno \(errno)")
        }
        acknowledged.append(try await roost.http.post("/events", ["subject": "t.n"])["seq"].integer ?? 0)
        #expect(try await roost.http.get("/events/status")["writable"] == true)
      }
      // Each tells of what was lost since the one before, so together they tell of all.
      try await eventually("all that was lost is told of") {
        let dropped = try await roost.http.get("/events/status")["dropped"].integer ?? 0
        let told = try await roost.http.get("/events?type=events.recovered")["events"].array ?? []
        return dropped >= 2 && told.reduce(0) { $0 + ($1["data"]["dropped"].integer ?? 0) } == dropped
      }
      let events = try await roost.events(until: "all that was lost is told of") { _ in true }
      #expect(events.map { $0["seq"].integer } == Array(1...events.count))
      #expect(events.of("t.n").compactMap { $0["seq"].integer } == acknowledged)
      #expect(events.of("events.recovered").count >= 2)
      #expect(roost.log.contains("events: stored again"), "\(roost.log)")
    }
  }
}

/// What may be mounted, and how a server is started with it.
private enum Mounts {
  static var areAllowed: Bool {
    get async {
      let script = "mount -t tmpfs tmpfs /mnt && mount --bind /mnt /mnt && mount -o remount,ro,bind /mnt"
      let result = try? await runProcess(
        "/usr/bin/unshare", ["-m", "--propagation", "private", "/bin/sh", "-c", script],
        environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
      return result?.exitCode == 0
    }
  }

  /// `mounting` is a line for the shell, where `$S` is the state folder.
  static func wrapper(_ mounting: String, _ roost: Roost) -> [String] {
    [
      "/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", "S=$1; shift; \(mounting) && exec \"$@\"",
      "sh",
      "\(roost.home.path)/state",
    ]
  }
}

import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("Damaged databases of a server", .bounded)
struct DamagedStateTests {
  @Test("keep no server from starting: they are put aside and named, and no token is good")
  func damaged() async throws {
    try await withScratchHome { roost in
      try await roost.start(["--bind", "127.0.0.1:0"])
      let token = try #require(try await roost.http.post("/tokens", ["scopes": ["admin"]])["token"].string)
      _ = try await roost.http.request("PUT", "/events/cursors/c", json: ["seq": 1])
      let folder = try await roost.stateFolder()
      try await roost.stopServer()
      let names = ["servers", "tokens", "cursors"]
      for name in names {
        _ = try await runProcess(
          "/bin/rm", ["-f", "\(folder)/\(name).sqlite-wal", "\(folder)/\(name).sqlite-shm"], environment: [:])
        try roost.home.write(String(repeating: "rubbish ", count: 1000), to: "\(folder)/\(name).sqlite")
      }
      try await roost.start(["--bind", "127.0.0.1:0"])
      let refused = try await roost.tcp(token: token).request("GET", "/server/info")
      #expect(refused.status == 401 || refused.status == 403, "\(refused)")
      #expect(try await roost.http.get("/events/cursors").text.contains("[]"))
      let files = try await roost.http.get("/server/info")["damaged_files"].array?.compactMap(\.string) ?? []
      #expect(files.count == 3, "\(files)")
      for name in names {
        #expect(files.contains { $0.contains("\(name).sqlite.damaged-") && fileExists($0) }, "\(files)")
        #expect(roost.log.contains("\(folder)/\(name).sqlite is damaged"))
      }
      #expect(try await roost.run("status").text.contains("servers.sqlite.damaged-"))
      // All of it works again.
      let next = try #require(try await roost.http.post("/tokens", ["scopes": ["admin"]])["token"].string)
      #expect(try await roost.tcp(token: next).request("GET", "/server/info").status == 200)
      #expect(try await roost.http.request("GET", "/servers").status == 200)
    }
  }

  @Test("an entry of the registry that cannot be read is named and passed over, and can be added again")
  func unreadableEntry() async throws {
    try await withScratchHome { roost in
      try await roost.start()
      for port in [1, 2] {
        _ = try await roost.http.post("/servers", ["address": .string("http://127.0.0.1:\(port)"), "role": "member"])
      }
      let folder = try await roost.stateFolder()
      try await roost.stopServer()
      let changed = try await runProcess(
        "/usr/bin/python3",
        [
          "-c",
          """
          import sqlite3, sys
          file = sqlite3.connect(sys.argv[1])
          file.execute("UPDATE backends SET role = 'of another version' WHERE address LIKE '%:1%'")
          file.commit()
          """, "\(folder)/servers.sqlite",
        ], environment: [:])
      #expect(changed.exitCode == 0, "\(changed)")
      try await roost.start()
      func ports() async throws -> [String] {
        try await roost.http.get("/servers").array?.compactMap { $0["address"].string?.last.map(String.init) } ?? []
      }
      let known = try await ports()
      #expect(known.contains("2") && !known.contains("1"), "\(known)")
      #expect(roost.log.contains("cannot be read and are passed over: http://127.0.0.1:1"), "\(roost.log)")
      #expect(try await roost.http.get("/server/info")["damaged_files"][0].string?.hasSuffix("/servers.sqlite") == true)
      _ = try await roost.http.post("/servers", ["address": "http://127.0.0.1:1", "role": "member"])
      try await roost.stopServer()
      try await roost.start()
      #expect(try await ports().contains("1"))
      #expect(try await roost.http.get("/server/info")["damaged_files"].isNull)
    }
  }

  @Test(
    "a row with a time before the calendar or behind it ends no server, however often it is read",
    arguments: [-Int64.max, 9_000_000_000_000_000_000, .max])
  func extremeTimes(number: Int64) async throws {
    try await withScratchHome { roost in
      try await roost.start(["--bind", "127.0.0.1:0"])
      _ = try await roost.http.post("/servers", ["address": "http://127.0.0.1:1", "role": "none"])
      let token = try #require(try await roost.http.post("/tokens", ["scopes": ["admin"]])["token"].string)
      _ = try await roost.http.post("/tokens", ["scopes": ["admin"], "name": "other"])
      _ = try await roost.http.request("PUT", "/events/cursors/c", json: ["seq": 1])
      let folder = try await roost.stateFolder()
      try await roost.stopServer()
      let changed = try await runProcess(
        "/usr/bin/python3",
        [
          "-c",
          """
          import sqlite3, sys
          for name, change in [
              ("servers", "backends SET added_ms = ?1"), ("tokens", "tokens SET created_ms = ?1"),
              ("tokens", "tokens SET expires_ms = ?1 WHERE name = 'other'"),
              ("cursors", "owned_cursors SET updated_ms = ?1")]:
              file = sqlite3.connect(f"{sys.argv[1]}/{name}.sqlite")
              file.execute("UPDATE " + change, [int(sys.argv[2])])
              file.commit()
          """, folder, String(number),
        ], environment: [:])
      #expect(changed.exitCode == 0, "\(changed)")
      try await roost.start(["--bind", "127.0.0.1:0"])
      let wanted = number < 0 ? "0000-01-01T00:00:00.000Z" : "9999-12-31T23:59:59.999Z"
      for _ in 1...2 {
        let servers = try await roost.http.get("/servers").array ?? []
        #expect(servers.contains { $0["added_at"].string == wanted }, "\(servers)")
        let tokens = try await roost.http.get("/tokens").array ?? []
        #expect(tokens.count == 2 && tokens.allSatisfy { $0["created_at"].string == wanted }, "\(tokens)")
        #expect(tokens.contains { $0["expires_at"].string == wanted }, "\(tokens)")
        #expect(try await roost.http.get("/events/cursors")[0]["updated_at"].string == wanted)
        let answer = try await roost.tcp(token: token).request("GET", "/server/info")
        #expect(answer.status == 200, "\(answer)")
      }
    }
  }

  @Test("a FIFO where a file of ours should be holds nobody up")
  func fifos() async throws {
    try await withScratchHome { roost in
      try await roost.start()
      let folder = try await roost.stateFolder()
      let shell = "\(roost.home.path)/run/roost/shell/roost.bash"
      unlink(shell)
      mkfifo(shell, 0o600)
      let session = try await TestSession(on: roost, ["name": "a", "argv": ["/bin/bash", "--norc"]])
      #expect(try await session.run("echo hello")["output"] == "hello\n")
      try await roost.stopServer()

      let audit = try await runProcess(
        "/usr/bin/find", ["\(folder)/audit", "-name", "*.log"], environment: [:])
      let log = try #require(audit.text.split(separator: "\n").map(String.init).first)
      unlink(log)
      mkfifo(log, 0o600)
      try await roost.start()
      #expect(try await roost.http.request("POST", "/events", json: ["subject": "a.b"]).status == 201)
      try await roost.session(["name": "b", "argv": ["/bin/cat"]])
      try await roost.stopServer()

      unlink("\(folder)/server.lock")
      mkfifo("\(folder)/server.lock", 0o600)
      let refused = try await roost.run("serve")
      #expect(refused.exitCode != 0)
      #expect(refused.errorText.contains("server.lock is a FIFO, not a file"), "\(refused)")
      #expect(try await roost.run("stop").exitCode != 6)
    }
  }
}

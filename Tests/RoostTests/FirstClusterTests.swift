import Formats
import Glibc
import Net
import TestKit
import Testing

/// An agent's work on two machines through a hub. `docs/first-cluster.md` tells the same, with these commands.
@Suite("A first cluster", .bounded)
struct FirstClusterTests {
  @Test(
    "an agent at the hub builds on two members, finds out why one failed, mends it and builds again",
    arguments: ["http", "https"])
  func brokenBuild(scheme: String) async throws {
    try await withThreeServers(scheme == "https" ? ["--tls-self-signed"] : []) { servers in
      let hub = Agent(roost: servers.hub)
      var folders: [String: String] = [:]
      for (name, roost, address) in servers.members {
        folders[name] = try project(in: roost, isBroken: name == "web2")
        try await enrol(name, roost, "\(scheme)://\(address)", at: hub)
        try await hub.succeed("new", "\(name):build", "-d", "--cwd", folders[name] ?? "")
        try await hub.succeed("wait", "\(name):build", "--prompt")
      }
      #expect(try await hub.succeed("servers", "ls", "--names") == "hub\nweb1\nweb2\n")
      // A backend tells of its sessions a moment after they are there.
      try await eventually("both are listed") {
        try await hub.succeed("ls", "--names") == "web1:build\nweb2:build\n"
      }

      var generations: [String: Int] = [:]
      for name in ["web1", "web2"] {
        generations[name] = try await servers.hub.runJSON("send", "\(name):build", "make", "--enter")["generation"]
          .integer
      }
      for name in ["web1", "web2"] {
        let since = try #require(generations[name])
        let met = try await hub.succeed("wait", "\(name):build", "--prompt", "--since", "\(since)")
        #expect(met.hasPrefix("prompt (osc133)"))
      }
      #expect(try await hub.statuses("web1:build") == [0])
      #expect(try await hub.statuses("web2:build") == [2])

      let screen = try await hub.succeed("screen", "web2:build")
      #expect(screen.contains("serve.sh") && screen.contains("yntax error"), "\(screen)")
      try await hub.succeed("run", "web2:build", "--", "echo fi >>serve.sh")
      #expect(try await hub.succeed("run", "web2:build", "--", "make") == "checking serve.sh\nmade site.tar\n")
      #expect(try await hub.statuses("web2:build") == [2, 0, 0])
      #expect(fileExists("\(folders["web2"] ?? "")/site.tar"))
      let status = try await servers.hub.run("run", "web2:build", "--", "(exit 3)")
      #expect(status.exitCode == 3, "\(status)")
    }
  }

  @Test("the same over HTTP and JSON-RPC, and who did it is on record at both servers")
  func interface() async throws {
    try await withThreeServers { servers in
      let (name, web2, address) = servers.members[1]
      let folder = try project(in: web2, isBroken: true)
      let http = servers.hub.http
      let token = try await web2.http.post("/tokens", ["name": "hub", "scopes": ["admin"]])["token"]
      _ = try await http.post(
        "/servers", ["address": .string("http://\(address)"), "token": token, "role": "member"])
      try await eventually("web2 is healthy") {
        try await http.get("/servers")[1]["health"] == "healthy"
      }
      _ = try await http.post("/sessions?server=\(name)", ["name": "build", "cwd": .string(folder)])
      let failed = try await http.post("/sessions/build/run?server=web2", ["command": "make"])
      #expect(failed["exit_status"] == 2 && failed["output"].string?.contains("yntax error") == true)
      let mended = try await http.rpc(
        "session.run", ["server": "web2", "session": "build", "command": "echo fi >>serve.sh"])
      #expect(mended["result"]["exit_status"] == 0, "\(mended.text)")
      let id = "a4b0c0de-0000-4000-8000-00000000c0de"
      let built = try await http.another().request(
        "POST", "/sessions/build/run?server=web2", body: Array("{\"command\":\"make\"}".utf8),
        headers: ["content-type": "application/json", "x-correlation-id": id])
      #expect(built.json["exit_status"] == 0, "\(built)")
      let commands = try await http.rpc("session.commands", ["server": "web2", "session": "build"])
      #expect(commands["result"].array?.map { $0["exit_status"].integer } == [2, 0, 0])
      let lost = try await http.request("GET", "/sessions/nobody?server=web2")
      #expect(lost.status == 404 && lost.json["error"]["server_path"] == ["hub", "web2"])

      for server in [servers.hub, web2] {
        let events = try await server.events(until: "the call is on record") {
          $0["type"] == "audit.allowed" && $0["correlation_id"].string == id
        }
        let record = try #require(events.audit("session.run").first { $0["correlation_id"].string == id })
        #expect(record["data"]["server"].string == (server === servers.hub ? "web2" : nil))
      }
    }
  }

  // MARK: Parts

  /// A shell script and a build that checks and packs it.
  private func project(in roost: Roost, isBroken: Bool) throws -> String {
    let folder = try makeFolder(in: roost)
    try roost.home.write(
      """
      site.tar: serve.sh
      \t@echo "checking serve.sh"; sh -n serve.sh
      \t@tar -cf $@ serve.sh; echo "made $@"

      """, to: "\(folder)/Makefile")
    let script = "if [ -n \"$PORT\" ]; then\n  echo \"serving on $PORT\"\nelse\n  echo \"no port\"\n"
    try roost.home.write(isBroken ? script : script + "fi\n", to: "\(folder)/serve.sh")
    return folder
  }

  /// As an operator does it: with a token that the member made, and by its certificate where it has one. web1 has to be promoted.
  private func enrol(_ name: String, _ member: Roost, _ address: String, at hub: Agent) async throws {
    let token = try await member.run("token", "create", "hub", "--scope", "admin").text
    let file = "\(hub.roost.home.path)/home/\(name).token"
    try hub.roost.home.write(token, to: file)
    var words = ["servers", "add", address, "--token-file", file]
    if address.hasPrefix("https") {
      let fingerprint = try await member.runJSON("status")["tls_fingerprint"].string
      words += ["--fingerprint", try #require(fingerprint)]
    }
    if name == "web2" { words += ["--role", "member"] }
    let added = try await hub.roost.run(words)
    #expect(added.exitCode == 0 && added.text.contains("\(name) ("), "\(added)")
    guard name == "web1" else { return }
    let refused = try await hub.roost.run("new", "web1:build", "-d")
    #expect(refused.exitCode == 5 && refused.errorText.contains("roost servers promote web1 --role member"))
    try await hub.succeed("servers", "promote", "web1")
  }
}

/// Who works at the hub, on the command line.
private struct Agent {
  let roost: Roost

  /// Runs a command that has to succeed; its output.
  @discardableResult
  func succeed(_ words: String...) async throws -> String {
    let result = try await roost.run(words)
    guard result.exitCode == 0 else { throw TestFailure("roost \(words.joined(separator: " ")): \(result)") }
    return result.text
  }

  /// The exit statuses of the commands that were run in a session.
  func statuses(_ session: String) async throws -> [Int?] {
    try await roost.runJSON("commands", session).array?.map { $0["exit_status"].integer } ?? []
  }
}

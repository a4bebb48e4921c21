import Domains
import Formats
import Glibc
import Operations
import TestKit
import Testing

@Suite("The servers behind one", .bounded)
struct ServersTests {
  /// Nothing listens there: a port that only root could have taken.
  private static let address = "http://127.0.0.1:1"
  private static let path = "/servers/http%3A%2F%2F127.0.0.1%3A1"

  private func configuration(_ roost: Roost) -> String {
    "\(roost.environment["XDG_CONFIG_HOME"] ?? "\(roost.environment["HOME"] ?? "")/.config")/roost"
  }

  private func declare(_ roost: Roost, _ text: String) throws {
    let folder = configuration(roost)
    var made = ""
    for part in folder.split(separator: "/") {
      made += "/\(part)"
      mkdir(made, 0o700)
    }
    try roost.home.write(text, to: "\(folder)/config.toml")
  }

  @Test("a server is enrolled, looked at, promoted and removed over HTTP")
  func http() async throws {
    try await withRoost { roost in
      let http = roost.http
      let own = try await http.get("/servers")
      #expect(own.array?.count == 1)
      #expect(own[0]["address"] == "local" && own[0]["health"] == "healthy" && own[0]["role"] == "member")
      let id = try #require(own[0]["server_id"].string)
      #expect(try await http.get("/servers/\(id)")["address"] == "local")

      let response = try await http.request(
        "POST", "/servers", json: ["address": "http://127.0.0.1:1/", "token": "a-secret-token", "tags": ["x"]])
      #expect(response.status == 201)
      let added = response.json
      #expect(added["address"].string == Self.address && added["role"] == "none" && added["list"] == "active")
      #expect(added["hostname"].isNull && added["server_id"].isNull && added["source"] == "api")
      #expect(added["added_by"].string == "user:\(getuid())" && added["tags"][0] == "x")
      #expect(added["health"].string != nil && added["since"].string != nil)

      let again = try await http.request("POST", "/servers", json: ["address": "HTTP://127.0.0.1:1"])
      #expect(again.status == 409 && again.json["error"]["code"] == "server_already_registered")
      #expect(try await http.get(Self.path)["address"].string == Self.address)
      let promoted = try await http.patch(Self.path, ["role": "member", "tags": ["a", "b"], "transitive": true])
      #expect(promoted["role"] == "member" && promoted["tags"].array?.count == 2 && promoted["transitive"] == true)
      #expect(try await http.rpc("servers.get", ["backend": "127.0.0.1:1"])["result"]["role"] == "member")
      let listed = try await http.get("/servers")
      #expect(listed.array?.count == 2 && listed[1]["role"] == "member")
      #expect(!listed.text.contains("a-secret-token") && !promoted.text.contains("a-secret-token"))
      #expect(try await http.get("/servers/discovered") == [])
      #expect(try await http.request("DELETE", Self.path).status == 204)
      #expect(try await http.request("GET", Self.path).json["error"]["code"] == "server_not_found")
      #expect(try await http.get("/servers").array?.count == 1)
    }
  }

  @Test("what cannot be done is refused with a code and a sentence")
  func refusals() async throws {
    try await withRoost { roost in
      let http = roost.http
      func code(_ method: String, _ path: String, _ body: JSON) async throws -> String? {
        let response = try await http.request(method, path, json: body)
        #expect(response.status >= 400)
        return response.json["error"]["code"].string
      }
      for address in ["web1:7070", "ftp://a", "http://u:secret@a", "http://0.0.0.0", "http://a?x=1", ""] {
        let response = try await http.request("POST", "/servers", json: ["address": .string(address)])
        #expect(response.status == 400 && response.json["error"]["code"] == "invalid_address", "\(address)")
        #expect(!response.json.text.contains("secret"))
      }
      #expect(try await code("POST", "/servers", ["address": "http://a", "role": "boss"]) == "invalid_role")
      #expect(try await code("POST", "/servers", ["address": "http://a", "token": "two words"]) == "invalid_request")
      #expect(try await code("POST", "/servers", ["address": "http://a", "tags": ["a b"]]) == "invalid_request")
      #expect(try await code("POST", "/servers", ["address": "http://a", "fingerprint": "00"]) == "invalid_request")
      #expect(
        try await code("POST", "/servers", ["address": "http://a", "token_file": "/etc/passwd"]) == "config_invalid")
      #expect(try await code("POST", "/servers", ["address": "http://a", "wrong": 1]) == "invalid_request")
      #expect(try await code("PATCH", "/servers/nobody", ["role": "member"]) == "server_not_found")
      #expect(try await code("PATCH", "/servers/local", ["role": "none"]) == "invalid_request")
      #expect(try await code("DELETE", "/servers/local", [:]) == "invalid_request")
      _ = try await http.post("/servers", ["address": .string(Self.address)])
      #expect(try await code("PATCH", Self.path, [:]) == "invalid_request")
      #expect(try await code("PATCH", Self.path, ["confirm": true]) == "invalid_request")
      #expect(try await code("PATCH", Self.path, ["role": "king"]) == "invalid_role")
      for name in ["..", "%2e%2e", "a%2fb", "%22", "%F0%9F%98%80", "%00"] {
        let status = try await http.request("GET", "/servers/\(name)").status
        #expect(status == 404 || status == 400, "\(name): \(status)")
      }
    }
  }

  @Test("only who may govern the cluster changes the list, and nobody from afar has files read")
  func scopes() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let reader = try await roost.http.post("/tokens", ["name": "r", "scopes": ["sessions:read"]])["token"].string
      let governor = try await roost.http.post("/tokens", ["name": "g", "scopes": ["cluster"]])["token"].string
      let reading = try await roost.tcp(token: reader)
      #expect(try await reading.get("/servers").array?.count == 1)
      let refused = try await reading.request("POST", "/servers", json: ["address": .string(Self.address)])
      #expect(refused.status == 403 && refused.json["error"]["code"] == "insufficient_scope")
      #expect(try await reading.request("POST", "/servers/reload").status == 403)
      let governing = try await roost.tcp(token: governor)
      let file = try await governing.request(
        "POST", "/servers", json: ["address": .string(Self.address), "token_file": "/etc/hostname"])
      #expect(file.status == 403 && file.json["error"]["code"] == "insufficient_scope")
      let added = try await governing.request("POST", "/servers", json: ["address": .string(Self.address)])
      #expect(added.status == 201 && added.json["added_by"] == "token:g")
    }
  }

  @Test("what was changed over the API is there after a crash, and every change left its events")
  func crash() async throws {
    try await withRoost { roost in
      _ = try await roost.http.post("/servers", ["address": .string(Self.address), "token": "a-secret-token"])
      _ = try await roost.http.patch(Self.path, ["role": "drain"])
      // The change is kept when it is answered; what is told of it is written right after.
      _ = try await roost.events(until: "the change is logged") { $0["data"]["operation"] == "servers.update" }
      try await roost.killServer()
      try await roost.start()
      let kept = try await roost.http.get(Self.path)
      #expect(kept["role"] == "drain" && kept["source"] == "api")
      _ = try await roost.http.delete(Self.path)
      let events = try await roost.events(until: "the removal is logged") { $0["type"] == "servers.removed" }
      for event in events.filter({ $0["type"].string?.hasPrefix("servers.") == true }) {
        let name = event["type"].string ?? ""
        #expect(EventTypes.named(name)?.fault(in: event["data"]) == nil, "\(event.text)")
        #expect(event["subject"].string == "hub.\(event["origin"]["server_id"].string ?? "").\(name)")
        #expect(event["origin"]["kind"] == "backend" && event["data"]["address"].string == Self.address)
      }
      let change = try #require(events.of("servers.role_changed").first)
      #expect(change["data"]["role"] == "drain" && change["data"]["previous"] == "none")
      let audit = try #require(events.audit("servers.update").first)
      #expect(change["causation_id"] == audit["id"] && change["correlation_id"] == audit["correlation_id"])
      #expect(events.audit("servers.add").first?["data"]["target"].string == Self.address)
      #expect(events.of("servers.added").count == 1)
      #expect(!events.map(\.text).joined().contains("a-secret-token"))
    }
  }

  @Test(
    "a configuration that is written while the server runs takes effect with a reload, and one that is wrong does not")
  func reload() async throws {
    try await withRoost { roost in
      _ = try await roost.http.post("/servers", ["address": "http://127.0.0.1:2"])
      #expect(try await roost.http.post("/servers/reload")["unchanged"] == 0)
      try declare(roost, "[[servers]]\naddress = \"\(Self.address)\"\nrole = \"observer\"\n")
      let report = try await roost.http.post("/servers/reload")
      #expect(report["added"][0].string == Self.address && report["removed"] == [] && report["changed"] == [])
      #expect(try await roost.http.get(Self.path)["source"] == "config")

      _ = try await roost.http.patch(Self.path, ["role": "member"])
      try await roost.stopServer()
      try await roost.start()
      let kept = try await roost.http.get(Self.path)
      #expect(kept["role"] == "member" && kept["declared"]["role"] == "observer")

      try declare(roost, "[[servers]]\naddress = \"\(Self.address)\"\nrol = \"observer\"\n")
      let wrong = try await roost.http.request("POST", "/servers/reload")
      #expect(wrong.status == 400 && wrong.json["error"]["code"] == "config_invalid")
      #expect(
        wrong.json["error"]["message"].string?.contains("line 3: unknown key 'rol'") == true, "\(wrong.json.text)")
      #expect(try await roost.http.get("/servers").array?.count == 3)

      try declare(roost, "")
      let text = try await roost.run("servers", "reload").text
      #expect(text.contains("removed  \(Self.address)") && text.contains("0 servers of the file unchanged"), "\(text)")
      #expect(try await roost.http.get("/servers").array?.count == 2)
    }
  }

  @Test("a server does not start with a configuration that is wrong, and says what is wrong")
  func wrongConfiguration() async throws {
    try await withScratchHome { roost in
      try declare(roost, "[ip_access]\nblocklist = [\"nonsense\"]\n")
      let result = try await roost.run("serve")
      #expect(
        result.exitCode == 2 && result.errorText.contains("line 2") && result.errorText.contains("config.toml"),
        "\(result)")
      let missing = try await roost.run("serve", "--config", "none.toml")
      #expect(missing.exitCode == 2 && missing.errorText.contains("none.toml"), "\(missing)")
    }
  }

  @Test("the name of the server can be written into the configuration")
  func hostname() async throws {
    try await withScratchHome { roost in
      try declare(roost, "[server]\nhostname = \"nest\"\n")
      try await roost.start()
      #expect(try await roost.http.get("/server/info")["hostname"] == "nest")
      #expect(try await roost.http.get("/servers/nest")["address"] == "local")
    }
  }

  @Test("the commands say the same for people")
  func commands() async throws {
    try await withRoost { roost in
      let added = try await roost.run(
        ["servers", "add", Self.address, "--role", "observer", "-t", "gpu", "--no-wait", "--token-file", "-"],
        input: "a-secret-token\n")
      #expect(
        added.exitCode == 0 && added.text.contains(Self.address) && added.text.contains("role observer"), "\(added)")
      let table = try await roost.run("servers", "ls").text
      #expect(table.contains("NAME") && table.contains("REASON") && table.contains("local"))
      #expect(table.contains(Self.address) && table.contains("observer") && table.contains("gpu"), "\(table)")
      #expect(try await roost.run("servers", "ls", "--names").text.contains(Self.address))
      #expect(try await roost.runJSON("servers", "ls").array?.count == 2)
      let info = try await roost.run("servers", "info", Self.address).text
      #expect(info.contains("role") && info.contains("observer") && info.contains(" ago by user:"), "\(info)")
      #expect(!info.contains("ago ago"))
      #expect(try await roost.run("servers", "promote", Self.address).text.contains("member"))
      #expect(try await roost.run("servers", "demote", "127.0.0.1:1", "--role", "drain").text.contains("drain"))
      #expect(try await roost.runJSON("servers", "info", Self.address)["role"] == "drain")
      #expect(try await roost.run("servers", "update", Self.address, "-t", "a", "-t", "b").text.contains("a, b"))
      #expect(try await roost.run("servers", "confirm", Self.address).exitCode == 2)
      #expect(try await roost.run("servers", "discovered").exitCode == 0)
      #expect(try await roost.run("servers", "remove", Self.address).exitCode == 0)
      #expect(try await roost.run("servers", "remove", Self.address).exitCode == 3)
      #expect(try await roost.run("servers", "add", "web1").errorText.contains("http://web1"))
      #expect(try await roost.run("servers", "add", "http://a", "--role", "boss").exitCode == 2)
      #expect(try await roost.run("servers", "add", "--help").text.contains("ROOST_BACKEND_TOKEN"))
    }
  }

  @Test("who enrols another machine over http is told that the token can be read, before it is given; nobody else is")
  func plainText() async throws {
    try await withRoost { roost in
      func add(_ address: String, _ more: String...) async throws -> ProcessResult {
        try await roost.run(["servers", "add", address, "--no-wait"] + more, environment: ["ROOST_BACKEND_TOKEN": "t"])
      }
      let plain = try await add("http://web1.invalid:7070")
      #expect(plain.exitCode == 0 && plain.errorText.contains("warning: over http the token"), "\(plain)")
      #expect(plain.errorText.contains("web1.invalid") && plain.errorText.contains("--fingerprint"), "\(plain)")
      for address in ["https://web1.invalid:7070", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
        let added = try await add(address)
        #expect(added.exitCode == 0 && added.errorText.isEmpty, "\(added)")
      }
    }
  }

  @Test("a token is taken from a file that others cannot read, from the variable, and never from the command line")
  func tokens() async throws {
    try await withRoost { roost in
      let file = "\(roost.home.path)/home/web1.token"
      try roost.home.write("a-secret-token\n", to: file)
      chmod(file, 0o644)
      let refused = try await roost.run("servers", "add", Self.address, "--no-wait", "--token-file", file)
      #expect(refused.exitCode == 2 && refused.errorText.contains("chmod 600"), "\(refused)")
      chmod(file, 0o600)
      #expect(try await roost.run("servers", "add", Self.address, "--no-wait", "--token-file", file).exitCode == 0)
      let other = try await roost.run(
        ["servers", "add", "http://127.0.0.1:2", "--no-wait"], environment: ["ROOST_BACKEND_TOKEN": "another-token"])
      #expect(other.exitCode == 0, "\(other)")
      #expect(try await roost.run("servers", "add", "http://127.0.0.1:3", "--token", "x").exitCode == 2)
    }
  }
}

import Formats
import Glibc
import Net
import Sys
import TestKit
import Testing

@Suite("TLS", .timeLimit(.minutes(2)))
struct EncryptionTests {
  private static let token = "0123456789abcdef0123"

  private struct Remote {
    let roost: Roost
    let address: String
    let fingerprint: String
    var certificate: String { "\(roost.home.path)/state/roost/\(roost.serverName)/tls-certificate.pem" }

    func callAsFunction(_ arguments: String..., fingerprint: String? = nil) async throws -> ProcessResult {
      try await roost.run(
        ["--connect", "https://\(address)", "--tls-fingerprint", fingerprint ?? self.fingerprint] + arguments,
        environment: ["ROOST_TOKEN": EncryptionTests.token])
    }
  }

  private func withSelfSigned(_ body: (Remote) async throws -> Void) async throws {
    try await withRoost(["--bind", "127.0.0.1:0", "--tls-self-signed", "--token", EncryptionTests.token]) { roost in
      let info = try await roost.http.get("/server/info")
      try await body(
        Remote(
          roost: roost, address: info["tcp_addr"].string ?? "", fingerprint: info["tls_fingerprint"].string ?? ""))
    }
  }

  @Test("a server's own certificate, known by its fingerprint, carries every kind of command")
  func commands() async throws {
    try await withSelfSigned { remote in
      #expect(try await remote("new", "box", "-d", "--", "/bin/sh").exitCode == 0)
      #expect(try await remote("ls", "--names").text == "box\n")
      let ran = try await remote("interact", "box", "echo $((6*7))", "--enter", "--match", "^42$")
      #expect(ran.exitCode == 0 && ran.text.contains("42"), "\(ran)")
      let terminal = try remote.roost.terminal(
        "--connect", "https://\(remote.address)", "attach", "box",
        environment: ["ROOST_TOKEN": EncryptionTests.token, "ROOST_TLS_FINGERPRINT": remote.fingerprint])
      try await terminal.expect("42")
      try terminal.type("seq -s, 1 20\r")
      try await terminal.expect("18,19,20")
      try terminal.type("exit\r")
      try await terminal.expect("[box has ended")
      let event = try await remote("events", "follow", "--after", "0", "--limit", "1", "--json")
      #expect(event.exitCode == 0 && event.text.contains("\"seq\":1"), "\(event)")
      let status = try await remote("status")
      #expect(status.text.contains(remote.fingerprint), "\(status)")
    }
  }

  @Test("the key is private, and both are the same after a restart")
  func files() async throws {
    try await withSelfSigned { remote in
      var status = stat()
      let key = remote.certificate.dropLast("certificate.pem".count) + "key.pem"
      #expect(stat(String(key), &status) == 0 && status.st_mode & 0o777 == 0o600)
      try await remote.roost.stopServer()
      try await remote.roost.start(["--bind", "127.0.0.1:0", "--tls-self-signed", "--token", EncryptionTests.token])
      let info = try await remote.roost.http.get("/server/info")
      #expect(info["tls_fingerprint"].string == remote.fingerprint)
    }
  }

  @Test("whom nobody vouches for is refused with the fingerprint that was seen; another's is refused too")
  func refusals() async throws {
    try await withSelfSigned { remote in
      let unknown = try await remote.roost.run(
        ["--json", "--connect", "https://\(remote.address)", "ls"], environment: ["ROOST_TOKEN": EncryptionTests.token])
      #expect(unknown.exitCode == 5, "\(unknown)")
      #expect(unknown.errorText.contains("tls-untrusted") && unknown.errorText.contains(remote.fingerprint))
      let wrong = try await remote("ls", fingerprint: "SHA256:" + String(repeating: "0", count: 64))
      #expect(wrong.exitCode == 5 && wrong.errorText.contains(remote.fingerprint), "\(wrong)")
      #expect(try await remote("ls", fingerprint: "SHA256:12").exitCode == 2)
      // Plain text where TLS is spoken, and the other way round.
      let plain = try await remote.roost.run("--connect", remote.address, "ls")
      #expect(plain.exitCode == 2 && plain.errorText.contains("https://"), "\(plain)")
      let trusted = try await remote.roost.run(
        ["--connect", "https://\(remote.address)", "--tls-ca", remote.certificate, "ls"],
        environment: ["ROOST_TOKEN": EncryptionTests.token])
      #expect(trusted.exitCode == 0, "\(trusted)")
      // Who says whom to trust does not mean plain text.
      let meant = try await remote.roost.run("--connect", remote.address, "--tls-fingerprint", remote.fingerprint, "ls")
      #expect(meant.exitCode == 2 && meant.errorText.contains("https"), "\(meant)")
    }
  }

  @Test("other programs' TLS speaks with it: at least 1.2, HTTP/1.1, the certificate checked")
  func otherPrograms() async throws {
    try await withSelfSigned { remote in
      func curl(_ arguments: String...) async throws -> ProcessResult {
        try await runProcess(
          "curl", ["-sS", "--cacert", remote.certificate] + arguments + ["https://\(remote.address)/health"],
          environment: remote.roost.environment)
      }
      #expect(try await curl().text.contains("ok"))
      #expect(try await curl("--tlsv1.2", "--tls-max", "1.2").text.contains("ok"))
      #expect(try await curl("--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0").exitCode != 0)
      #expect(try await curl("--http2", "-w", "%{http_version}").text.hasSuffix("1.1"))
      #expect(try await curl("--resolve", "nobody.example:1:127.0.0.1").exitCode == 0)
      let body = [UInt8](repeating: UInt8(ascii: "x"), count: 300_000)
      let bare = try await runProcess(
        "curl",
        [
          "-sS", "--cacert", remote.certificate, "-H", "Authorization: Bearer \(EncryptionTests.token)",
          "--data-binary",
          "@-", "https://\(remote.address)/sessions/none/input",
        ], environment: remote.roost.environment, input: body)
      #expect(bare.text.contains("session_not_found"), "\(bare)")
    }
  }

  @Test("what cannot work is said before anything listens")
  func configuration() async throws {
    try await withScratchHome { roost in
      func serve(_ arguments: String...) async throws -> ProcessResult {
        try await roost.run(["serve"] + arguments)
      }
      #expect(try await serve("--tls-self-signed").exitCode == 2)
      #expect(try await serve("--bind", "127.0.0.1:0", "--tls-cert", "/none").exitCode == 2)
      #expect(try await serve("--bind", "127.0.0.1:0", "--tls-key", "/none").exitCode == 2)
      let missing = try await serve("--bind", "127.0.0.1:0", "--tls-cert", "/none", "--tls-key", "/none")
      #expect(missing.exitCode == 1 && missing.errorText.contains("/none: No such file"), "\(missing)")
      #expect(access(roost.socketPath, F_OK) != 0)
    }
  }

  @Test(
    "a renewed certificate is taken when the server is told, while open connections go on; one that cannot be used changes nothing"
  )
  func renewal() async throws {
    try await withScratchHome { roost in
      let (certificate, key) = ("\(roost.home.path)/certificate.pem", "\(roost.home.path)/key.pem")
      func install(_ pair: SelfSignedCertificate, key other: SelfSignedCertificate? = nil) throws {
        try roost.home.write(String(decoding: pair.certificate, as: UTF8.self), to: "certificate.pem")
        try roost.home.write(String(decoding: (other ?? pair).key, as: UTF8.self), to: "key.pem")
      }
      let pairs = try (0..<3).map { _ in try SelfSignedCertificate(names: ["127.0.0.1"]) }
      try install(pairs[0])
      try await roost.start([
        "--bind", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key, "--token", EncryptionTests.token,
      ])
      func fingerprint() async throws -> String {
        try await roost.http.another().get("/server/info")["tls_fingerprint"].string ?? ""
      }
      let first = try await fingerprint()
      let address = try await roost.http.get("/server/info")["tcp_addr"].string ?? ""
      let old = Remote(roost: roost, address: address, fingerprint: first)
      _ = try await roost.session(["name": "box", "argv": ["/bin/cat"]])
      let terminal = try roost.terminal(
        "--connect", "https://\(address)", "attach", "box", "--no-status",
        environment: ["ROOST_TOKEN": EncryptionTests.token, "ROOST_TLS_FINGERPRINT": first])
      try terminal.type("before it\r")
      try await terminal.expect("before it\r\nbefore it")

      // Nobody has told it yet.
      try install(pairs[1])
      #expect(try await old("ls", "--names").text == "box\n")
      let told = try await roost.runJSON("servers", "reload")
      let second = try #require(told["certificate"]["fingerprint"].string)
      #expect(second != first)
      #expect(try await fingerprint() == second)
      let refused = try await old("ls")
      #expect(refused.exitCode == 5 && refused.errorText.contains(second), "\(refused)")
      #expect(try await old("ls", "--names", fingerprint: second).text == "box\n")
      try terminal.type("after it\r")
      try await terminal.expect("after it\r\nafter it")
      // Told again, there is nothing new.
      #expect(try await roost.runJSON("servers", "reload")["certificate"].isNull)

      // A key that is not its own, and a server in the file that must wait until all is well.
      try install(pairs[2], key: pairs[0])
      try roost.configure("[[servers]]\naddress = \"http://127.0.0.1:1\"\n")
      let broken = try await roost.run("servers", "reload")
      #expect(broken.exitCode != 0 && broken.errorText.contains("\(key): not the key"), "\(broken)")
      #expect(roost.log.contains("the certificate stays the one that it was: \(key): not the key"), "\(roost.log)")
      #expect(try await roost.http.get("/servers").array?.count == 1)
      #expect(try await old("ls", "--names", fingerprint: second).text == "box\n")
      try roost.home.write("no certificate", to: "certificate.pem")
      kill(try #require(roost.serverPID), SIGHUP)
      try await eventually("the log says why") { roost.log.contains("SIGHUP: The certificate cannot be used") }
      #expect(try await fingerprint() == second)

      try install(pairs[2])
      kill(try #require(roost.serverPID), SIGHUP)
      try await eventually("it is used") { try await fingerprint() != second }
      #expect(try await old("ls", "--names", fingerprint: fingerprint()).text == "box\n")
      try await eventually("the server of the file is there") {
        try await roost.http.another().get("/servers").array?.count == 2
      }
      try terminal.type("to the end\r")
      try await terminal.expect("to the end\r\nto the end")
    }
  }
}

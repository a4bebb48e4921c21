import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("Files that are no files", .bounded)
struct IrregularFileTests {
  @Test("a configuration that is a FIFO or a folder is refused at once", arguments: ["mkfifo", "mkdir"])
  func configuration(maker: String) async throws {
    try await withScratchHome { roost in
      let file = "\(roost.home.path)/odd"
      _ = try await runProcess("/usr/bin/\(maker)", [file], environment: [:])
      let what = maker == "mkfifo" ? "is a FIFO" : "is a folder"
      let served = try await roost.run("serve", "--config", file)
      #expect(served.exitCode == 2 && served.errorText.contains(what), "\(served)")
      let certificate = try await roost.run(
        "serve", "--bind", "127.0.0.1:0", "--tls-cert", file, "--tls-key", file)
      #expect(certificate.exitCode != 0 && certificate.errorText.contains(what), "\(certificate)")
      try await roost.start()
      let own = "\(roost.home.path)/config/roost"
      mkdir(own, 0o700)
      _ = try await runProcess("/usr/bin/\(maker)", ["\(own)/client.toml"], environment: [:])
      let made = try await roost.run("new", "-d", "x")
      #expect(made.exitCode == 2 && made.errorText.contains(what), "\(made)")
    }
  }

  @Test("an identity that cannot be read is not replaced by another")
  func identity() async throws {
    try await withScratchHome { roost in
      let folder = "\(roost.home.path)/state/roost"
      try await roost.start()
      let id = try await roost.http.get("/server/info")["server_id"].string
      try await roost.stopServer()
      let find = try await runProcess("/usr/bin/find", [folder, "-name", "server_id"], environment: [:])
      let file = try #require(find.text.split(separator: "\n").first.map(String.init), "\(find)")
      rename(file, file + ".kept")
      _ = try await runProcess("/usr/bin/mkfifo", [file], environment: [:])
      let refused = try await roost.run("serve")
      #expect(refused.exitCode != 0 && refused.errorText.contains("is a FIFO"), "\(refused)")
      unlink(file)
      rename(file + ".kept", file)
      try await roost.start()
      #expect(try await roost.http.get("/server/info")["server_id"].string == id)
    }
  }
}

import Formats
import TestKit
import Testing

@Suite("A run where a password is asked for", .bounded)
struct RunPasswordTests {
  @Test(
    "is refused and types nothing, however it is to be given to the shell",
    arguments: [Shell.bash, .dash], ["auto", "shell"])
  func refused(shell: Shell, way: String) async throws {
    try await withShell(shell) { session in
      let question = "stty -echo; printf 'Pass''word: '; read -r X; stty echo; echo typed=[$X]"
      _ = try await session.roost.http.request(
        "POST", "/sessions/\(session.name)/input", body: Array("\(question)\r".utf8))
      try await eventually("a password is asked for") {
        try await session.roost.http.get("/sessions/\(session.name)")["state"].string == "password"
      }
      var body: JSON = ["command": "echo SECRET", "timeout_ms": 60_000]
      if way == "shell" { body = ["command": "echo SECRET", "timeout_ms": 60_000, "in": "shell"] }
      let answer = try await session.roost.http.another().request(
        "POST", "/sessions/\(session.name)/run", json: body)
      #expect(answer.status == 409 && answer.errorCode == "command_running", "\(answer)")
      #expect(answer.text.contains("asks for a password"), "\(answer)")
      _ = try await session.roost.http.request(
        "POST", "/sessions/\(session.name)/input", body: Array("mine\r".utf8))
      try await session.roost.wait(session.name, ["for": "match", "pattern": "typed=\\[mine\\]"])
    }
  }
}

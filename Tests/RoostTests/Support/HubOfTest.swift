import Formats
import Glibc
import Net
import Sys
import TestKit

extension ClusterServer {
  /// Makes a session on another server, through this one; without a program it runs `cat`.
  @discardableResult
  func session(_ name: String, on server: String, _ fields: JSON = [:]) async throws -> JSON {
    var fields = fields.adding(["name": .string(name)])
    if fields["argv"].isNull { fields = fields.adding(["argv": ["/bin/cat"]]) }
    return try await http.post("/sessions?server=\(PercentEncoding.encode(server))", fields)
  }

  /// The names of the sessions that this server lists, with where they are: `web1:build`.
  func listed() async throws -> [String] {
    try await http.get("/sessions").array?.map { "\($0["server"].string ?? ""):\($0["name"].string ?? "")" } ?? []
  }

  /// Waits until this server lists exactly these sessions, in any order.
  func waitForList(_ wanted: String...) async throws {
    try await eventually("the list has \(wanted)") { try await self.listed().sorted() == wanted.sorted() }
  }

  /// The lines that a session of another server shows, through this one.
  func screen(_ session: String, on server: String) async throws -> String {
    try await http.get("/sessions/\(PercentEncoding.encode(session))/screen?format=plain&server=\(server)").screenText
  }

  /// Waits, at the source, until a session shows what fits the regular expression.
  @discardableResult
  func wait(_ session: String, on server: String, match pattern: String) async throws -> JSON {
    try await http.another().post(
      "/sessions/\(PercentEncoding.encode(session))/wait?server=\(server)",
      ["for": "match", "pattern": .string(pattern), "format": "plain", "timeout_ms": 30_000])
  }

  func type(_ text: String, into session: String, on server: String) async throws {
    let answer = try await http.request(
      "POST", "/sessions/\(PercentEncoding.encode(session))/input?server=\(server)", body: Array(text.utf8))
    guard answer.status == 200 else { throw TestFailure("input: \(answer)") }
  }

  /// Sends the server's process a signal and leaves it at that.
  func signal(_ number: CInt) throws {
    guard let pid = roost.serverPID else { throw TestFailure("\(name) does not run") }
    guard kill(pid, number) == 0 else { throw TestFailure("kill: \(SystemError.last("kill"))") }
  }

  /// Starts the server again where it was, after an end of whatever kind.
  func restart() async throws {
    try await roost.killServer()
    try await start()
  }
}

extension TestResponse {
  /// The way that the call took, as its error says.
  var serverPath: [String] { json["error"]["server_path"].strings }
  var failedHop: String? { json["error"]["failed_hop"].string }
}

/// A line of a flood: numbered, so that what is lost or comes twice is seen.
struct NumberedFlood {
  /// A program that waits for a line, and then prints so many numbered lines and `end of flood`.
  static func script(_ lines: Int) -> JSON {
    [
      "argv": [
        "/bin/sh", "-c",
        .string(
          "stty -echo -onlcr; echo ready; read go; seq -f 'line %09.0f of the flood, numbered' 1 \(lines); echo end of flood; cat"
        ),
      ]
    ]
  }

  /// The numbers of the lines that are whole, in the order they came.
  static func numbers(_ bytes: [UInt8]) -> [Int] {
    var numbers: [Int] = []
    for line in bytes.split(separator: 0x0A) {
      let words = line.split(separator: 0x20)
      guard line.count == 36, words.count == 6, words[0].elementsEqual("line".utf8),
        let number = Int(String(decoding: words[1], as: UTF8.self))
      else { continue }
      numbers.append(number)
    }
    return numbers
  }
}

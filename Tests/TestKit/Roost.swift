package import Formats
package import Glibc
import Net
import Synchronization
import Sys

/// Runs the body with a server of its own, and leaves nothing of it behind however the body ends.
/// - Parameter arguments: for `roost serve`.
package func withRoost<Result>(
  _ arguments: [String] = [], environment: [String: String] = [:], _ body: (Roost) async throws -> Result
) async throws -> Result {
  let roost = try Roost(environment: environment)
  defer { roost.home.removeAll() }
  try await roost.start(arguments)
  return try await body(roost)
}

/// The same without a server: for tests that start one themselves, or see what happens when there is none.
package func withScratchHome<Result>(
  environment: [String: String] = [:], _ body: (Roost) async throws -> Result
) async throws -> Result {
  let roost = try Roost(environment: environment)
  defer { roost.home.removeAll() }
  return try await body(roost)
}

/// The real `roost` in a home of its own.
package final class Roost: Sendable {
  package let home: ScratchHome
  package let serverName = "test"
  /// The program that the tests were built with, or the one in `ROOST_BINARY`.
  package static let executable: String = {
    if let given = Host.environment("ROOST_BINARY") { return given }
    let own = Host.executablePath
    return own[..<(own.lastIndex(of: "/") ?? own.endIndex)] + "/roost"
  }()

  private struct Running: Sendable {
    var pid: pid_t
    var announcement: String
  }

  private let running = Mutex<Running?>(nil)
  private let client = Mutex<TestClient?>(nil)

  package init(environment: [String: String] = [:]) throws {
    home = try ScratchHome(environment: environment)
  }

  /// For everything that runs in this home.
  package var environment: [String: String] {
    var environment = home.environment
    environment["ROOST_SERVER_NAME"] = serverName
    return environment
  }

  // MARK: The server

  /// Starts a server and returns when it is ready, as it says itself.
  /// - Parameter wrapper: a program, by its path, and arguments that end in the server's own: it becomes the server by `exec`.
  package func start(_ arguments: [String] = [], through wrapper: [String] = []) async throws {
    let own = ["serve", "--ready-fd", "\(Launch.readinessDescriptor)"] + arguments
    let words = wrapper.isEmpty ? ["roost"] + own : wrapper + [Roost.executable] + own
    let executable = wrapper.first ?? Roost.executable
    let environment = self.environment.map { "\($0.key)=\($0.value)" }
    let log = logPath
    let started: Running
    do {
      started = try await onThread {
        let launched = try Launch.detached(
          executable: executable, arguments: words, environment: environment, log: log, timeout: .seconds(30))
        let running = Running(pid: launched.pid, announcement: launched.line)
        reapWhenEnded(launched.releasePidfd())
        return running
      }
    } catch {
      throw TestFailure("\(error)\n--- its log\n\(self.log)")
    }
    guard started.announcement == "ready" else {
      throw TestFailure("the server did not start: \(started.announcement)\n--- its log\n\(self.log)")
    }
    running.withLock { $0 = started }
  }

  /// The process of the server that was started last.
  package var serverPID: pid_t? { running.withLock { $0?.pid } }

  package var socketPath: String { "\(home.path)/run/roost/\(serverName).sock" }
  package var logPath: String { "\(home.path)/server.log" }
  /// What the server wrote on standard error.
  package var log: String { (try? readFile(logPath)).map { String(decoding: $0, as: UTF8.self) } ?? "" }

  /// Kills the server as a crash would; keeper and sessions stay. Returns when the process is gone.
  package func killServer(_ signal: CInt = SIGKILL) async throws {
    guard let pid = serverPID else { throw TestFailure("no server was started") }
    try await onThread {
      let pidfd = try openPidfd(pid)
      kill(pid, signal)
      var entry = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 30_000) == 1 else { throw TestFailure("the server has not ended after signal \(signal)") }
      _ = try? reap(pidfd: pidfd.raw)
    }
    running.withLock { $0 = nil }
    // Its connections are gone with it.
    client.withLock { $0 = nil }
  }

  /// Ends the server as SIGTERM does; sessions stay with the keeper.
  package func stopServer() async throws {
    try await killServer(SIGTERM)
  }

  // MARK: Clients

  /// The API over the Unix socket.
  package var http: TestClient {
    client.withLock { existing in
      if let existing { return existing }
      let made = TestClient(.unix(path: socketPath))
      existing = made
      return made
    }
  }

  /// The API over TCP, at the first address that the server listens on.
  package func tcp(token: String? = nil) async throws -> TestClient {
    let info = try await http.get("/server/info")
    let address = info["tcp_addr"].string ?? info["tcp_addr"][0].string ?? ""
    guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]) else {
      throw TestFailure("the server has no TCP address: \(info.text)")
    }
    let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
    return TestClient(.tcp(host: String(host), port: port), token: token)
  }

  /// Runs the command line.
  @discardableResult
  package func run(
    _ arguments: [String], input: String = "", environment additions: [String: String] = [:],
    timeout: Duration = Deadline.standard
  ) async throws -> ProcessResult {
    let environment = self.environment.merging(additions) { _, new in new }
    return try await runProcess(
      Roost.executable, arguments, environment: environment, input: Array(input.utf8), directory: "\(home.path)/home",
      timeout: timeout)
  }

  @discardableResult
  package func run(_ arguments: String..., timeout: Duration = Deadline.standard) async throws -> ProcessResult {
    try await run(arguments, timeout: timeout)
  }

  /// Runs the command line and expects it to succeed; its output as JSON.
  @discardableResult
  package func runJSON(_ arguments: String...) async throws -> JSON {
    let result = try await run(["--json"] + arguments)
    guard result.exitCode == 0 else { throw TestFailure("roost \(arguments.joined(separator: " ")): \(result)") }
    return try JSON(parsing: result.output)
  }

  /// Runs the command line on a terminal, as for `roost attach`.
  package func terminal(
    _ arguments: String..., rows: Int = 24, columns: Int = 80, environment additions: [String: String] = [:]
  ) throws -> TerminalProcess {
    try TerminalProcess(
      Roost.executable, arguments, environment: environment.merging(additions) { _, new in new }, rows: rows,
      columns: columns, directory: "\(home.path)/home")
  }

  // MARK: Sessions

  /// Makes a session and returns its record.
  @discardableResult
  package func session(_ fields: JSON = [:]) async throws -> JSON {
    try await http.post("/sessions", fields)
  }

  /// Waits as `POST /sessions/{session}/wait` does: `["for": "prompt"]`, `["for": "match", "pattern": "…"]`.
  @discardableResult
  package func wait(_ session: String, _ condition: JSON, within duration: Duration = Deadline.standard) async throws
    -> JSON
  {
    guard var members = condition.members else { throw TestFailure("a condition is an object") }
    if condition["timeout_ms"].isNull {
      let milliseconds = Int(duration.components.seconds * 1000)
      members.append(JSON.Member("timeout_ms", .integer(milliseconds)))
    }
    // A connection of its own: a wait must not hold up the other requests of the test.
    return try await http.another().post("/sessions/\(PercentEncoding.encode(session))/wait", .object(members))
  }

  /// The lines that the session shows, as text.
  package func screen(_ session: String) async throws -> [String] {
    let screen = try await http.get("/sessions/\(PercentEncoding.encode(session))/screen?format=plain")
    return screen["lines"].array?.map { $0.string ?? "" } ?? []
  }
}

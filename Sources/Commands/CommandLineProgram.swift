import Causality
import Glibc
import Net
import Store
import Synchronization
import Sys

/// The program `roost`: reads its command line, does what it says, and gives the exit status.
package enum CommandLineProgram {
  /// Runs a command to its end on the calling thread, which must be the main one and as yet the only one.
  /// - Parameter arguments: the command line without the program's name.
  package static func run(
    arguments: [String] = Array(Host.arguments.dropFirst()), environment: [String: String] = Host.environmentByName
  ) -> Int32 {
    // Before anything is copied of this process.
    if SecretVariables.arePresent { Launch.keepSecrets() }
    let parser = CommandParser(root: CommandTable.root, globals: CommandTable.globals, environment: environment)
    let outcome: CommandParser.Outcome
    do throws(CommandParser.UsageError) {
      outcome = try parser.parse(arguments)
    } catch {
      let usesJSON = arguments.contains(Options.json.name)
      let failure = CommandFailure(.usage, error.message, hint: error.hint, serverCode: "usage")
      let output = Output(environment: environment, usesJSON: usesJSON)
      output.fail(failure, commandLine: error.commandLine)
      if !usesJSON { output.note("'\(error.commandLine) --help' says how it is used.") }
      return ExitCode.usage.rawValue
    }
    switch outcome {
    case .help(let path):
      let output = Output(environment: environment)
      let help = HelpText(
        root: CommandTable.root, globals: CommandTable.globals, width: output.width ?? 80, style: output.style)
      output.write(help.text(path))
      return ExitCode.ok.rawValue
    case .version:
      Output(environment: environment).line("roost \(roostVersion)")
      return ExitCode.ok.rawValue
    case .run(let invocation):
      return carryOut(invocation).rawValue
    }
  }

  private static func carryOut(_ invocation: Invocation) -> ExitCode {
    var output = Output(environment: invocation.environment, usesJSON: invocation.has(Options.json))
    do {
      try refuseServer(invocation)
      switch invocation.command.action {
      case .immediate(let body):
        return try body(invocation)
      case .client(let body, let needsServer):
        let id = try correlationID(invocation)
        output.correlationID = id
        return try runClient(try invocation.resolvingServer(), output, id, needsServer, body)
      case .server(let prepare):
        let groundwork = try prepare(invocation)
        return try waitFor(on: nil) { () async throws(CommandFailure) in await serve(groundwork) }
      case .group:
        return .usage
      }
    } catch {
      let name = invocation.commandName
      output.fail(error, commandLine: name.isEmpty ? "roost" : "roost \(name)")
      return error.exitCode
    }
  }

  /// What is done by this process cannot be done on another server, and is not done here in its stead.
  private static func refuseServer(_ invocation: Invocation) throws(CommandFailure) {
    if case .client = invocation.command.action { return }
    guard invocation.source(of: Options.server) == .commandLine else { return }
    throw CommandFailure(
      .usage, "--server does not go with this: it is done on this machine, without asking a server", serverCode: "usage"
    )
  }

  /// One id for everything that a command asks of the server: the one that it was given, or a new one.
  private static func correlationID(_ invocation: Invocation) throws(CommandFailure) -> String {
    guard let text = invocation.text(Options.correlationID), !text.isEmpty else { return makeUUID() }
    guard let id = Cause.correlationID(text) else {
      throw CommandFailure(
        .usage, "'\(printable(text))' is no UUID such as \(makeUUID())",
        hint: "It was given as --correlation-id or in ROOST_CORRELATION_ID.", serverCode: "usage")
    }
    return id
  }

  private static func runClient(
    _ invocation: Invocation, _ output: Output, _ correlationID: String,
    _ needsServer: (Invocation) throws(CommandFailure) -> Bool,
    _ body: @escaping @Sendable (ClientContext) async throws(CommandFailure) -> ExitCode
  ) throws(CommandFailure) -> ExitCode {
    var address = try ServerAddress(invocation)
    let note = { (text: String) in if !output.usesJSON { output.note("roost: \(printable(text))") } }
    for replacement in address.paths?.replacements ?? [] { note(replacement) }
    // Before the loop, which is a thread: only a process of one thread can make a server out of a copy of itself.
    address = try ServerLaunch.find(
      address, starts: try needsServer(invocation), adopts: adoptsSessions(invocation), note: note)
    let loop: EventLoop
    do {
      loop = try EventLoop(name: "client")
    } catch {
      throw CommandFailure(.failed, "no event loop: \(error.message)")
    }
    let context = ClientContext(
      invocation: invocation,
      client: ServerClient(
        address: address, loop: loop, correlationID: correlationID, server: invocation.server,
        note: { text in if !output.usesJSON { output.note("roost: \(printable(text))") } }),
      output: output)
    return try waitFor(on: loop) { () async throws(CommandFailure) in
      // A command can be process 1 of a container: the server that it started, and what sessions leave behind, are its children then.
      let orphans = Orphans.areOurs ? try? loop.onSignal(SIGCHLD) { Orphans.reap() } : nil
      defer { orphans?.cancel() }
      return try await body(context)
    }
  }

  /// Whether sessions that wait for a server are a reason to start one: not to say that none runs, nor to stop it.
  private static func adoptsSessions(_ invocation: Invocation) -> Bool {
    switch invocation.command.name {
    case CommandTable.status.name: false
    case CommandTable.stop.name: invocation.has(Options.killSessions)
    default: true
    }
  }

  /// Blocks until the task is done. A client's task lives on its loop, so that talking to the socket costs no hop.
  private static func waitFor(
    on loop: EventLoop?, _ body: @escaping @Sendable () async throws(CommandFailure) -> ExitCode
  ) throws(CommandFailure) -> ExitCode {
    let done = Completion()
    Task(executorPreference: loop) {
      do throws(CommandFailure) {
        done.finish(.success(try await body()))
      } catch {
        done.finish(.failure(error))
      }
    }
    return try done.wait().get()
  }
}

/// A result that one thread waits for and another one gives.
private final class Completion: Sendable {
  private let result = Mutex<Result<ExitCode, CommandFailure>?>(nil)
  private let isDone = Signalled()

  func finish(_ value: Result<ExitCode, CommandFailure>) {
    result.withLock { $0 = value }
    isDone.signal()
  }

  func wait() -> Result<ExitCode, CommandFailure> {
    isDone.wait()
    return result.withLock { $0 } ?? .failure(CommandFailure(.failed, "the command ended without a result"))
  }
}

/// A POSIX semaphore in memory of its own: it must not move.
private final class Signalled: @unchecked Sendable {
  // Safe to share: POSIX semaphores are, and the pointer never changes.
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() {
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func signal() {
    sem_post(semaphore)
  }

  func wait() {
    while sem_wait(semaphore) != 0, errno == EINTR {}
  }
}

import Formats
import Glibc
import Net
import Sys

/// `roost` and `roost new`.
func openSession(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let configuration = try ClientConfiguration.load(invocation.environment)
  let record = try await createSession(try openingRequest(invocation, configuration), context)
  guard invocation.has(Options.detached) else {
    return try await AttachedTerminal.show(
      record, options: try AttachOptions(invocation, configuration), context: context)
  }
  context.show(record) { record["name"].plainText + "\n" }
  return .ok
}

/// A server is started only for a session that can be asked for, and shown where it is to be shown.
func openingNeedsServer(_ invocation: Invocation) throws(CommandFailure) -> Bool {
  if !invocation.has(Options.detached) {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
      throw CommandFailure(
        .usage, "there is no terminal here to show the session on", hint: "Use 'roost new -d' to make it without one.")
    }
  }
  let configuration = try ClientConfiguration.load(invocation.environment)
  _ = try AttachOptions(invocation, configuration)
  _ = try openingRequest(invocation, configuration)
  return true
}

private func openingRequest(
  _ invocation: Invocation, _ configuration: ClientConfiguration
) throws(CommandFailure) -> JSON {
  try creationRequest(
    invocation, configuration, name: invocation.argument(Arguments.newName) ?? invocation.text(Options.name))
}

/// A server of an earlier version knows nothing of the caller's environment; it is asked without.
func createSession(_ request: JSON, _ context: ClientContext) async throws(CommandFailure) -> JSON {
  do throws(CommandFailure) {
    return try await context.client.call("POST", "/sessions", body: request)
  } catch {
    guard error.serverCode == "invalid_request", error.message.contains("'environment'") else { throw error }
    return try await context.client.call(
      "POST", "/sessions", body: .object((request.members ?? []).filter { $0.name != "environment" }))
  }
}

/// The body of `POST /sessions` from the options that say what a session is.
func creationRequest(
  _ invocation: Invocation, _ configuration: ClientConfiguration = ClientConfiguration(), name: String?
) throws(CommandFailure) -> JSON {
  let commandLine = invocation.text(Options.command)
  let program = invocation.command.trailing == nil ? [] : invocation.trailing
  if commandLine != nil, !program.isEmpty {
    throw CommandFailure(.usage, "give either -c or a program after '--', not both")
  }
  if invocation.hasTrailing, invocation.command.trailing != nil, program.isEmpty {
    throw CommandFailure(.usage, "there is no program after '--'")
  }
  var variables: [JSON.Member] = []
  for assignment in invocation.texts(Options.variable) {
    let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    variables.append(JSON.Member(String(parts[0]), .string(String(parts[1]))))
  }
  let tags = invocation.texts(Options.tag)
  var history = configuration.history
  if let text = invocation.text(Options.history) {
    guard let size = HistorySize(text) else {
      throw CommandFailure(
        .usage, "--history: '\(printable(text))' is no size",
        hint: "Write it as 50000 (lines) or 64M (bytes; K, M and G).")
    }
    history = size
  }
  // A session made to be shown here begins with the size of this terminal: its first prompt is drawn for it.
  let isShownHere = !invocation.has(Options.detached) && invocation.command.name != "run"
  let here = isShownHere ? PseudoTerminal.size(of: STDOUT_FILENO) : nil
  let wish = try SizeWish(invocation)
  let rows = wish.rows ?? here.map { Int($0.rows) }.flatMap { $0 > 0 ? $0 : nil }
  let columns = wish.columns ?? here.map { Int($0.columns) }.flatMap { $0 > 0 ? $0 : nil }
  return .object([
    "name": name.map { .string($0) },
    "command": commandLine.map { .string($0) },
    "argv": program.isEmpty ? nil : JSON(strings: program),
    "shell": invocation.text(Options.shell).map { .string($0) },
    "rows": rows.map { .integer($0) },
    "cols": columns.map { .integer($0) },
    "size_policy": wish.policy.map { .string($0) },
    "cwd": try workingDirectory(invocation).map { .string($0) },
    "allow_title_report": invocation.has(Options.allowTitleReport) ? true : nil,
    "env": variables.isEmpty ? nil : .object(variables),
    "environment": callersEnvironment(invocation).map { .object($0) },
    "history_lines": history.flatMap { if case .lines(let count) = $0 { .integer(count) } else { nil } },
    "history_bytes": history.flatMap { if case .bytes(let count) = $0 { .integer(count) } else { nil } },
    "tags": tags.isEmpty ? nil : JSON(strings: tags),
    "integration": invocation.has(Options.noIntegration) ? false : nil,
  ])
}

/// The folder the session starts in. A server elsewhere has other folders: there, only one that was asked for counts.
private func workingDirectory(_ invocation: Invocation) throws(CommandFailure) -> String? {
  let isRemote = invocation.has(Options.connect) || invocation.server != nil
  guard let asked = invocation.text(Options.workingDirectory) else {
    // One that a program cannot start in (after 'su', root's own) is not what was asked for: the home is, then.
    return isRemote || access(".", X_OK) != 0 ? nil : ClientContext.currentDirectory
  }
  if asked.hasPrefix("/") || isRemote { return asked }
  guard let resolved = realpath(asked, nil) else {
    throw CommandFailure(.usage, "--cwd: there is no folder '\(printable(asked))'")
  }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// The variables that the command was started with, for a session of a server on this machine: what the caller has, its programs are to have.
/// The server leaves out what would mislead them, and secrets.
private func callersEnvironment(_ invocation: Invocation) -> [JSON.Member]? {
  guard invocation.isLocal else { return nil }
  var members: [JSON.Member] = []
  var bytes = 0
  for (name, value) in invocation.environment.sorted(by: { $0.key < $1.key })
  where !name.isEmpty && !SecretVariables.names.contains(name) {
    // What is no text cannot be said in JSON, and would arrive as something else.
    guard !value.unicodeScalars.contains("\u{fffd}") else { continue }
    members.append(JSON.Member(name, .string(value)))
    bytes += name.utf8.count + value.utf8.count + 2
  }
  // A larger one the server would refuse: the session then begins with the server's own.
  return bytes <= callersEnvironmentBytes ? members : nil
}

/// Half of what the server takes for a command line and its environment together.
private let callersEnvironmentBytes = 256 << 10

extension Invocation {
  /// Whether the server that the command is for is one of this user's on this machine, as far as the command line tells.
  var isLocal: Bool { !has(Options.connect) && server == nil }
}

extension AttachOptions {
  /// What was typed beats the environment, and that the configuration file.
  init(_ invocation: Invocation, _ configuration: ClientConfiguration) throws(CommandFailure) {
    if let text = invocation.text(Options.detachKey) {
      detachKey = try AttachOptions.detachKey(text)
    } else {
      switch configuration.detachKey {
      case .unset: detachKey = .standard
      case .none: detachKey = nil
      case .key(let key): detachKey = key
      }
    }
    if let text = invocation.text(Options.prefix) {
      guard text == "none" || KeyName(text)?.bytes != nil else {
        throw CommandFailure(
          .usage, "--prefix: '\(printable(text))' is no key, or none that a terminal sends",
          hint: "Write it as 'ctrl+b', or 'none'.")
      }
      prefix = text == "none" ? nil : KeyName(text)
    } else {
      switch configuration.prefix {
      // The first of several keys that leave: no other key is taken away from the programs.
      case .unset: prefix = detachKey.flatMap { $0.keys.count > 1 ? $0.keys[0] : nil }
      case .none: prefix = nil
      case .key(let key): prefix = key
      }
    }
    readOnly = invocation.has(Options.readOnly)
    let status = invocation.has(Options.noStatus) ? false : invocation.has(Options.status) ? true : configuration.status
    if let status { leastRowsWithStatus = status ? AttachOptions.absoluteLeastRowsWithStatus : nil }
    if let text = invocation.text(Options.attachScrollback) {
      guard let wish = ScrollbackWish(text) else {
        throw CommandFailure(
          .usage, "--scrollback: '\(printable(text))' is no number of lines",
          hint: "Write it as 500, 'all' or 'none'.")
      }
      scrollback = wish
    } else {
      scrollback = configuration.scrollback ?? .screenful
    }
    // What names this machine's sockets and screens is worth nothing elsewhere.
    guard invocation.isLocal else { return }
    environment = (configuration.updateEnvironment ?? ClientConfiguration.usualUpdateEnvironment).map { name in
      JSON.Member(name, invocation.environment[name].flatMap { $0.isEmpty ? nil : .string($0) } ?? .null)
    }
  }

  private static func detachKey(_ text: String) throws(CommandFailure) -> DetachKey? {
    if text == "none" { return nil }
    guard let key = DetachKey(text) else {
      throw CommandFailure(
        .usage, "--detach-key: '\(printable(text))' is no key, or none that a terminal sends",
        hint: "Write it as 'f12', 'ctrl+b d' or 'ctrl+\\ ctrl+\\'.")
    }
    return key
  }
}

/// `roost attach`.
func attachSession(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let options = try AttachOptions(invocation, try ClientConfiguration.load(invocation.environment))
  guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
    throw CommandFailure(
      .usage, "there is no terminal here to show the session on", hint: "Use 'roost screen' to print what it shows.")
  }
  let record: JSON
  if let name = invocation.argument(Arguments.attachedSession) {
    record = try await context.client.call("GET", ServerClient.sessionPath(name))
  } else {
    record = try await mostRecentSession(context)
  }
  let name = record["name"].plainText
  if record["state"].string == "exited" {
    let full = context.client.name(of: name)
    throw CommandFailure(
      .conflict, "the session '\(full)' has ended (\(stateText(record)))",
      hint: "'roost screen \(full)' prints what it last showed.")
  }
  if context.client.server == nil, isNested(record, in: invocation.environment, address: context.client.address),
    !invocation.has(Options.force)
  {
    throw CommandFailure(
      .refused, "this is the session '\(name)': attaching to it here would show it inside itself",
      hint: "Use --force if you want that anyway.")
  }
  if invocation.has(Options.detachOthers) {
    _ = try await context.client.call("POST", ServerClient.sessionPath(name, "detach"))
  }
  return try await AttachedTerminal.show(record, options: options, context: context)
}

private func mostRecentSession(_ context: ClientContext) async throws(CommandFailure) -> JSON {
  let sessions = try await context.client.call("GET", "/sessions").array ?? []
  // Those of other servers are somebody's elsewhere.
  let running = sessions.filter { $0["state"].string != "exited" && $0["as_of"].isNull }
  let here = context.invocation.environment
  let others = running.filter {
    context.client.server != nil || !isNested($0, in: here, address: context.client.address)
  }
  let latest = others.min { ($0["last_activity_ms"].integer ?? .max) < ($1["last_activity_ms"].integer ?? .max) }
  guard let record = latest ?? running.first else {
    throw CommandFailure(.notFound, "there is no session to attach to", hint: "'roost' makes one.")
  }
  return record
}

/// Whether this process runs inside that very session.
func isNested(_ record: JSON, in environment: [String: String], address: ServerAddress) -> Bool {
  guard let inside = environment["ROOST_SESSION"], !inside.isEmpty else { return false }
  // A session of another server may have the same name.
  if let socket = environment["ROOST_SOCKET"], !socket.isEmpty, case .unix(let path) = address.endpoint, path != socket
  {
    return false
  }
  if let server = environment["ROOST_SERVER_NAME"], !server.isEmpty, address.paths != nil, server != address.serverName
  {
    return false
  }
  return record["name"].string == inside || record["id"].string == inside
}

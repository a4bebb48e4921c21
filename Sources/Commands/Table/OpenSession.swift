import Formats
import Glibc
import Net
import Sys

/// `roost` and `roost new`.
func openSession(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let detachKey = try readDetachKey(invocation)
  let record = try await context.client.call("POST", "/sessions", body: try openingRequest(invocation))
  guard invocation.has(Options.detached) else {
    return try await AttachedTerminal.show(
      record["name"].plainText, options: AttachOptions(detachKey: detachKey, readOnly: false), context: context)
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
  _ = try readDetachKey(invocation)
  _ = try openingRequest(invocation)
  return true
}

private func openingRequest(_ invocation: Invocation) throws(CommandFailure) -> JSON {
  try creationRequest(invocation, name: invocation.argument(Arguments.newName) ?? invocation.text(Options.name))
}

/// The body of `POST /sessions` from the options that say what a session is.
func creationRequest(_ invocation: Invocation, name: String?) throws(CommandFailure) -> JSON {
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
  // A session made to be shown here begins with the size of this terminal: its first prompt is drawn for it.
  let isShownHere = !invocation.has(Options.detached) && invocation.command.name != "run"
  let here = isShownHere ? PseudoTerminal.size(of: STDOUT_FILENO) : nil
  let rows = invocation.integer(Options.rows) ?? here.map { Int($0.rows) }.flatMap { $0 > 0 ? $0 : nil }
  let columns = invocation.integer(Options.columns) ?? here.map { Int($0.columns) }.flatMap { $0 > 0 ? $0 : nil }
  return .object([
    "name": name.map { .string($0) },
    "command": commandLine.map { .string($0) },
    "argv": program.isEmpty ? nil : JSON(strings: program),
    "shell": invocation.text(Options.shell).map { .string($0) },
    "rows": rows.map { .integer($0) },
    "cols": columns.map { .integer($0) },
    "cwd": try workingDirectory(invocation).map { .string($0) },
    "env": variables.isEmpty ? nil : .object(variables),
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

/// `roost attach`.
func attachSession(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let detachKey = try readDetachKey(invocation)
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
  return try await AttachedTerminal.show(
    name, options: AttachOptions(detachKey: detachKey, readOnly: invocation.has(Options.readOnly)), context: context)
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

func readDetachKey(_ invocation: Invocation) throws(CommandFailure) -> DetachKey? {
  guard let text = invocation.text(Options.detachKey) else { return .standard }
  if text == "none" { return nil }
  guard let key = DetachKey(text) else {
    throw CommandFailure(
      .usage, "--detach-key: '\(printable(text))' is no key, or none that a terminal sends",
      hint: "Write it as 'f12', 'ctrl+b d' or 'ctrl+\\ ctrl+\\'.")
  }
  return key
}

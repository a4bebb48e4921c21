import Formats
import Glibc
import Net
import Sys

extension CommandTable {
  static let serveCommand = CommandDefinition(
    name: "serve", aliases: ["server"], summary: "run a server in the foreground",
    discussion: """
      Always listens on a Unix socket that only you can reach; on TCP only with --bind, and then every client needs a \
      token (see 'roost token', or --token). Sessions survive the server: a small keeper process holds them, and the \
      next server of the same name takes them over. 'roost' starts one of these by itself when none runs.
      """,
    section: .server,
    options: [
      Options.bind, Options.certificate, Options.certificateKey, Options.selfSigned, Options.token,
      Options.noAuthentication, Options.ephemeral, Options.maxSessions, Options.keepEnded,
      Options.sessionRights, Options.clipboardText,
      Options.eventsMaxAge, Options.eventsMaxBytes, Options.shell, Options.hostname, Options.corsOrigin,
      Options.basePrefix, Options.configuration, Options.loops, Options.readiness,
    ],
    examples: [
      CommandExample("roost serve", "for this user, on the Unix socket"),
      CommandExample("ROOST_TOKEN=… roost serve --bind 0.0.0.0:7070", "for other machines too, with that token"),
      CommandExample("roost serve --bind 0.0.0.0:7070 --tls-self-signed", "the same, encrypted; prints a fingerprint"),
      CommandExample("roost serve -L ci --max-sessions 50 --keep-ended 24h", "a second server with a name of its own"),
    ],
    action: .server { invocation throws(CommandFailure) in
      try ServerGroundwork(ServeOptions(invocation))
    })

  static let keeperCommand = CommandDefinition(
    name: "keeper", summary: "hold the terminals of sessions (started by the server)", section: .server, isHidden: true,
    takesRawArguments: true,
    action: .immediate { invocation throws(CommandFailure) in keeper(invocation.trailing) })

  static let status = CommandDefinition(
    name: "status", aliases: ["info"], summary: "say whether a server runs, and what it is", section: .server,
    examples: [CommandExample("roost status -L ci", "about the server named ci; exits with 7 when it does not run")],
    action: .client { context async throws(CommandFailure) in
      let info = try await context.client.call("GET", "/server/info")
      context.show(info) { statusText(info, context.output.style) }
      return .ok
    })

  static let stop = CommandDefinition(
    name: "stop", summary: "stop the server",
    discussion: """
      Returns when the server has ended. While sessions run it refuses, unless --kill-sessions says to end them. What of \
      them cannot be ended (a program that has become another user's) is named, and the exit status is not 0.
      """,
    section: .server, options: [Options.killSessions, Options.stopTimeout],
    examples: [CommandExample("roost stop --kill-sessions", "the server and everything in it")],
    action: .client(stopServer))

  static let token = CommandDefinition(
    name: "token", summary: "make, list and revoke tokens for TCP clients", section: .server,
    subcommands: [tokenCreate, tokenList, tokenRevoke], action: .group)

  private static let tokenCreate = CommandDefinition(
    name: "create", summary: "make a token and print its secret, this once",
    arguments: [Arguments.tokenName],
    options: [Options.scope, Options.tokenSession, Options.tokenTag, Options.expires],
    examples: [
      CommandExample("roost token create agent -S sessions:read -S sessions:input", "may look and type"),
      CommandExample("roost token create ci --tag ci --expires 12h", "may look at sessions tagged ci, until tonight"),
    ],
    action: .client(createToken))

  private static let tokenList = CommandDefinition(
    name: "ls", aliases: ["list"], summary: "list the tokens, without their secrets",
    examples: [CommandExample("roost token ls", "who may do what, and until when")],
    action: .client { context async throws(CommandFailure) in
      let tokens = try await context.client.call("GET", "/tokens")
      context.show(tokens) { tokenTable(tokens.array ?? tokens["tokens"].array ?? [], context.output) }
      return .ok
    })

  private static let tokenRevoke = CommandDefinition(
    name: "revoke", aliases: ["rm"], summary: "revoke tokens: they are refused from now on",
    arguments: [Arguments.tokenIDs],
    examples: [CommandExample("roost token revoke 3f9a", "the token with that id")],
    action: .client { context async throws(CommandFailure) in
      await context.forEach(context.invocation.arguments(Arguments.tokenIDs)) { id async throws(CommandFailure) in
        _ = try await context.client.call("DELETE", "/tokens/" + PercentEncoding.encode(id))
        return .string(id)
      }
    })
}

private func statusText(_ info: JSON, _ style: TextStyle) -> String {
  let lines: [(String, String)] = [
    ("server", info["instance_name"].plainText),
    ("host", info["hostname"].plainText),
    ("version", info["version"].plainText),
    ("id", info["server_id"].plainText),
    ("pid", info["pid"].plainText),
    ("keeper", info["keeper_pid"].plainText),
    ("socket", info["socket_path"].plainText),
    ("TCP", addressText(info["tcp_addr"])),
    ("certificate", info["tls_fingerprint"].plainText),
    ("sessions", info["session_count"].plainText),
    ("started", age(info["started_at"])),
    ("ends by itself", info["persistent"].bool.map { $0 ? "no" : "with its last session" } ?? ""),
    ("damaged files", info["damaged_files"].array.map { $0.map(\.plainText).joined(separator: ", ") } ?? ""),
    ("shares", sharesText(info["shares"])),
  ]
  let shown = lines.filter { !$0.1.isEmpty }
  let width = (shown.map { $0.0.count }.max() ?? 0) + 2
  return shown.map { style.bold(padded($0.0, to: width)) + printable($0.1) + "\n" }.joined()
}

/// `connections 6 of 3840, waits 3 of 8192 (2 refused)`: what is in use, or has been refused.
private func sharesText(_ shares: JSON) -> String {
  (shares.array ?? []).compactMap { share -> String? in
    let (used, refused) = (share["used"].integer ?? 0, share["refused"].integer ?? 0)
    guard used > 0 || refused > 0 else { return nil }
    let name = share["share"].plainText.replacing("_", with: " ")
    return "\(name) \(used) of \(share["limit"].plainText)" + (refused > 0 ? " (\(refused) refused)" : "")
  }.joined(separator: ", ")
}

private func addressText(_ value: JSON) -> String {
  value.array.map { $0.map(\.plainText).joined(separator: ", ") } ?? value.plainText
}

private func stopServer(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let timeout = context.invocation.duration(Options.stopTimeout) ?? .seconds(15)
  // Asked for before it goes: the process whose end is the end of the server.
  let pid = try await context.client.call("GET", "/server/info")["pid"].integer
  var isLocal = false
  if case .unix = context.client.address.endpoint, context.client.server == nil { isLocal = true }
  let process = isLocal ? pid.flatMap { try? openPidfd(ProcessID(truncatingIfNeeded: $0)).release() } : nil
  defer { if let process { close(process) } }
  var answer = JSON.null
  var remaining: CommandFailure?
  do {
    answer = try await context.client.call(
      "POST", "/server/shutdown", body: ["kill_sessions": .bool(context.invocation.has(Options.killSessions))])
  } catch {
    var failure = error
    if failure.serverCode == "sessions_running" {
      failure.hint = "'roost stop --kill-sessions' ends them too; 'roost ls' lists them."
    }
    // It stops all the same.
    guard failure.serverCode == "programs_remain" else { throw failure }
    remaining = failure
  }
  if let process {
    var entry = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, CInt(clamping: timeout.wholeMilliseconds)) == 1 else {
      throw CommandFailure(.timedOut, "the server is stopping, but has not ended after \(timeout)")
    }
  }
  if let remaining { throw remaining }
  context.show(answer.isNull ? [:] : answer) { "" }
  return .ok
}

// MARK: Tokens

private func createToken(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let scopes = invocation.texts(Options.scope)
  let sessions = invocation.texts(Options.tokenSession)
  let tags = invocation.texts(Options.tokenTag)
  for scope in scopes where !tokenScopes.contains(scope) {
    let guess = nearest(to: scope, among: tokenScopes)
    throw CommandFailure(
      .usage, "there is no scope '\(printable(scope))'",
      hint: guess.map { "Did you mean '\($0)'?" } ?? "Scopes: \(tokenScopes.joined(separator: ", "))")
  }
  let answer = try await context.client.call(
    "POST", "/tokens",
    body: .object([
      "name": invocation.argument(Arguments.tokenName).map { .string($0) },
      "scopes": JSON(strings: scopes.isEmpty ? ["sessions:read"] : scopes),
      "sessions": sessions.isEmpty ? nil : JSON(strings: sessions),
      "tags": tags.isEmpty ? nil : JSON(strings: tags),
      "expires_in_ms": invocation.milliseconds(Options.expires).map { .integer($0) },
    ]))
  if !context.usesJSON {
    context.output.note("token \(printable(answer["id"].plainText)); its secret is shown only now:")
  }
  context.show(answer) { answer["token"].plainText + "\n" }
  return .ok
}

private func tokenTable(_ tokens: [JSON], _ output: Output) -> String {
  var table = Table(["ID", "NAME", "SCOPES", "SESSIONS", "TAGS", "CREATED", "EXPIRES"], style: output.style)
  for token in tokens {
    let expiry = token["expires_at"].string.flatMap { Timestamp(text: $0) }
    let remaining = expiry.map { Int(clamping: $0.milliseconds - Timestamp.now().milliseconds) }
    table.add([
      token["id"].plainText, token["name"].plainText, token["scopes"].strings.joined(separator: ","),
      token["sessions"].strings.joined(separator: ","), token["tags"].strings.joined(separator: ","),
      age(token["created_at"]),
      remaining.map { $0 <= 0 ? "expired" : "in \(briefDuration(milliseconds: $0))" } ?? "never",
    ])
  }
  return table.text(width: output.width)
}

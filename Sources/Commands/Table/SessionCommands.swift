import Formats
import Glibc
import Net
import Sys

extension CommandTable {
  static let new = CommandDefinition(
    name: "new", summary: "make a session, and attach to it",
    discussion: """
      Starts a server when none runs. The session runs your shell, a command line (-c), or a program with its arguments \
      (after '--'). It stays listed for a while after its program has ended, with its last screen and exit status.
      """,
    section: .sessions, arguments: [Arguments.newName], trailing: Arguments.program,
    options: [
      Options.detached, Options.command, Options.shell, Options.workingDirectory, Options.variable, Options.tag,
      Options.rows, Options.columns, Options.size, Options.history, Options.noIntegration, Options.allowTitleReport,
      Options.prefix, Options.detachKey, Options.status, Options.noStatus,
    ],
    examples: [
      CommandExample("roost new", "a session with a number for a name"),
      CommandExample("roost new web -d -c 'npm run dev' -t frontend", "start a server in the background"),
      CommandExample("roost new db -d --rows 50 --cols 132 -- psql -d shop", "a program on a screen of that size"),
      CommandExample("roost new agent -d --size 80x24", "it stays 80 columns wide and 24 rows high, whoever looks"),
    ],
    action: .client(openSession, needsServer: openingNeedsServer))

  static let attach = CommandDefinition(
    name: "attach", aliases: ["a"], summary: "show a session here and type into it",
    discussion: """
      Everything typed goes to the session, until the detach key: ctrl+\\ twice within half a second (once, it goes to \
      the session after that time). --detach-key sets others: 'ctrl+b d' is the prefix ctrl+b and then d, as in tmux; \
      'f12' is one key; 'none' leaves only 'roost detach'.

      Detaching leaves the session running. The terminal is put back as it was, whatever the session did to it.

      ctrl+\\ is the prefix of other keys, too: ctrl+\\ and then n or p is the next session or the one before, l the last one, w a \
      list to choose from, / searches in the history, ? lists all of them. The status line on the last row says which session \
      this is and what happens elsewhere. Settings for every attach are in ~/.config/roost/client.toml.
      """,
    section: .sessions, arguments: [Arguments.attachedSession],
    options: [
      Options.readOnly, Options.attachScrollback, Options.status, Options.noStatus, Options.prefix, Options.detachKey,
      Options.detachOthers, Options.force,
    ],
    examples: [
      CommandExample("roost attach build", "go on where you left"),
      CommandExample("roost attach --readonly build", "look over somebody's shoulder"),
      CommandExample("roost attach web1:build", "a session of the server web1, through this one"),
      CommandExample("roost attach --detach-key 'ctrl+a d' build", "leave it as you would leave screen"),
      CommandExample("roost attach --scrollback all build", "with its whole history to scroll back through"),
    ],
    action: .client(attachSession))

  static let ls = CommandDefinition(
    name: "ls", aliases: ["list"], summary: "list the sessions",
    discussion: """
      With other servers enrolled, theirs are listed too; with --server, those of one. What was last heard of a server that is not reached is marked as \
      stale. STATE says what the session does, as well as can be told: busy, quiet (nothing has changed for a while), prompt \
      (the shell waits for a command), reading (a program waits for input), password, or exited with its status.
      """,
    section: .sessions, options: [Options.tagFilter, Options.names],
    examples: [
      CommandExample("roost ls -t frontend", "only sessions with that tag"),
      CommandExample("roost ls --json | jq -r '.[] | select(.state == \"prompt\").name'", "sessions that wait for you"),
    ],
    action: .client(listSessions))

  static let rename = CommandDefinition(
    name: "rename", summary: "give a session another name", section: .sessions,
    arguments: [Arguments.session, Arguments.rename],
    examples: [CommandExample("roost rename 0 build", "the session 0 is called build from now on")],
    action: .client { context async throws(CommandFailure) in
      let session = try context.invocation.required(Arguments.session)
      let name = try context.invocation.required(Arguments.rename)
      let record = try await context.client.call(
        "PATCH", ServerClient.sessionPath(session), body: ["name": .string(name)])
      context.show(record) { "" }
      return .ok
    })

  static let tag = CommandDefinition(
    name: "tag", summary: "add and remove tags of a session, or print them", section: .sessions,
    arguments: [Arguments.session], options: [Options.addTag, Options.removeTag],
    examples: [
      CommandExample("roost tag build --add ci --remove draft", "change its tags"),
      CommandExample("roost tag build", "print its tags"),
    ],
    action: .client { context async throws(CommandFailure) in
      let path = ServerClient.sessionPath(try context.invocation.required(Arguments.session))
      let added = context.invocation.texts(Options.addTag)
      let removed = context.invocation.texts(Options.removeTag)
      let record: JSON
      if added.isEmpty, removed.isEmpty {
        record = try await context.client.call("GET", path)
      } else {
        record = try await context.client.call(
          "PATCH", path, body: ["add_tags": JSON(strings: added), "remove_tags": JSON(strings: removed)])
      }
      context.show(record) { record["tags"].strings.map { printable($0) + "\n" }.joined() }
      return .ok
    })

  static let resize = CommandDefinition(
    name: "resize", summary: "change the size of a session's screen",
    discussion: """
      Without --rows, --cols and --size it takes the size of this terminal. Where people are attached, the next of them who types gives \
      it his own again, unless --size says that it is fixed.
      """,
    section: .sessions,
    arguments: [Arguments.session], options: [Options.rows, Options.columns, Options.size],
    examples: [
      CommandExample("roost resize build --rows 50 --cols 160", "a large screen for a large program"),
      CommandExample("roost resize build --size 132x50", "that size, and it stays so whoever looks"),
      CommandExample("roost resize build --size latest", "the size of whoever types, from now on"),
    ],
    action: .client { context async throws(CommandFailure) in
      let path = ServerClient.sessionPath(try context.invocation.required(Arguments.session))
      let wish = try SizeWish(context.invocation)
      var rows = wish.rows
      var columns = wish.columns
      if let policy = wish.policy {
        let record = try await context.client.call("PATCH", path, body: ["size_policy": .string(policy)])
        if rows == nil, columns == nil {
          context.show(record) { "" }
          return .ok
        }
      }
      if rows == nil, columns == nil {
        guard let size = PseudoTerminal.size(of: STDOUT_FILENO) ?? PseudoTerminal.size(of: STDIN_FILENO) else {
          throw CommandFailure(.usage, "say how large: this is no terminal whose size could be taken")
        }
        rows = Int(size.rows)
        columns = Int(size.columns)
      } else if rows == nil || columns == nil {
        let record = try await context.client.call("GET", path)
        rows = rows ?? record["rows"].integer
        columns = columns ?? record["cols"].integer
      }
      let size = JSON.object(["rows": rows.map { .integer($0) }, "cols": columns.map { .integer($0) }])
      let record = try await context.client.call("POST", path + "/resize", body: size)
      context.show(record) { "" }
      return .ok
    })

  static let clients = CommandDefinition(
    name: "clients", summary: "list who is connected to a session",
    discussion: """
      SIZE is that of the client's own terminal. MODE says what it sees: all of the screen in its own size, a window of a larger screen, a \
      smaller one within a border, the program's bytes as a stream whatever the size, or events; and whether it only watches.
      """,
    section: .sessions, arguments: [Arguments.session],
    examples: [CommandExample("roost clients build", "who watches, since when, from where")],
    action: .client { context async throws(CommandFailure) in
      let path = ServerClient.sessionPath(try context.invocation.required(Arguments.session), "clients")
      let clients = try await context.client.call("GET", path)
      context.show(clients) {
        var table = Table(["ID", "KIND", "SIZE", "MODE", "WHO", "SINCE", "PEER"], style: context.output.style)
        for client in clients.array ?? [] {
          table.add([
            client["id"].plainText, client["kind"].plainText, clientSize(client), clientMode(client),
            client["principal"].plainText, age(client["since"]), client["peer"].plainText,
          ])
        }
        return table.text(width: context.output.width)
      }
      return .ok
    })

  static let detach = CommandDefinition(
    name: "detach", summary: "detach everybody who is attached to a session", section: .sessions,
    arguments: [Arguments.sessions],
    examples: [CommandExample("roost detach build", "the terminals that show it get their own screen back")],
    action: .client { context async throws(CommandFailure) in
      try await context.forEachSession { client, session async throws(CommandFailure) in
        _ = try await client.call("POST", ServerClient.sessionPath(session, "detach"))
        return .string(client.name(of: session))
      }
    })

  static let kill = CommandDefinition(
    name: "kill", summary: "end sessions with everything they started",
    discussion: """
      Sends a signal to every process of the session, and kills those that are still there after a grace period. What \
      cannot be ended (a program that has become another user's) is named, and the exit status is not 0. The session stays listed as exited; 'roost rm' takes it away. To interrupt only what runs in the foreground, use \
      'roost signal' or 'roost keys SESSION ctrl+c'.
      """,
    section: .sessions, arguments: [Arguments.sessions], options: [Options.signal, Options.grace],
    examples: [
      CommandExample("roost kill build", "hang up, and kill what remains after 5s"),
      CommandExample("roost kill --signal TERM --grace 30s db", "let a database close its files"),
    ],
    action: .client { context async throws(CommandFailure) in
      let body = JSON.object([
        "signal": context.invocation.text(Options.signal).map { .string($0) },
        "grace_ms": context.invocation.milliseconds(Options.grace).map { .integer($0) },
      ])
      return try await context.forEachSession { client, session async throws(CommandFailure) in
        try await client.call("POST", ServerClient.sessionPath(session, "kill"), body: body)
      }
    })

  static let signal = CommandDefinition(
    name: "signal", summary: "send a signal to what runs in the foreground", section: .sessions,
    arguments: [Arguments.session, Arguments.signalName],
    examples: [CommandExample("roost signal web USR1", "the program in the foreground gets SIGUSR1")],
    action: .client { context async throws(CommandFailure) in
      let session = try context.invocation.required(Arguments.session)
      let name = try context.invocation.required(Arguments.signalName)
      _ = try await context.client.call(
        "POST", ServerClient.sessionPath(session, "signal"), body: ["signal": .string(name)])
      context.show([:]) { "" }
      return .ok
    })

  static let rm = CommandDefinition(
    name: "rm", aliases: ["delete"], summary: "end sessions at once and forget them",
    discussion: """
      What still runs in them is killed without warning. 'roost kill' is gentler and keeps the last screen. A session of \
      which something cannot be ended stays listed, and that is named.
      """,
    section: .sessions, arguments: [Arguments.sessions],
    examples: [CommandExample("roost rm build test", "both are gone")],
    action: .client { context async throws(CommandFailure) in
      try await context.forEachSession { client, session async throws(CommandFailure) in
        _ = try await client.call("DELETE", ServerClient.sessionPath(session))
        return .string(client.name(of: session))
      }
    })
}

extension JSON {
  init(strings: [String]) {
    self = .array(strings.map { .string($0) })
  }

  var strings: [String] {
    array?.compactMap(\.string) ?? []
  }

  /// A scalar as people read it, safe to show on a terminal whatever server has said it; nothing for null. What goes back to a server is taken as it is.
  var plainText: String {
    switch self {
    case .null: ""
    case .string(let text): printable(text)
    default: printable(text)
    }
  }
}

/// `120x40`; nothing for a client that has not told.
private func clientSize(_ client: JSON) -> String {
  guard let rows = client["rows"].integer, let columns = client["cols"].integer else { return "" }
  return "\(columns)x\(rows)"
}

/// `own size`, `window, read-only`.
private func clientMode(_ client: JSON) -> String {
  let mode = String(client["mode"].plainText.map { $0 == "_" ? " " : $0 })
  guard client["read_only"].bool == true else { return mode }
  return mode.isEmpty ? "read-only" : "\(mode), read-only"
}

/// How long ago a time of the API was.
func age(_ time: JSON) -> String {
  guard let text = time.string, let time = Timestamp(text: text) else { return time.plainText }
  return briefDuration(milliseconds: Int(clamping: Timestamp.now().milliseconds - time.milliseconds)) + " ago"
}

private func listSessions(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let tags = context.invocation.texts(Options.tagFilter)
  let tag: (String, String?) = ("tag", tags.isEmpty ? nil : tags.joined(separator: ","))
  var fleet = JSON.null
  let listed: JSON
  if context.client.server == nil {
    fleet = try await context.client.call("GET", "/fleet/sessions", query: [tag, ("include_stale", "true")])
    listed = fleet["sessions"]
  } else {
    // One server's, which may be of a kind that knows no fleet.
    listed = try await context.client.call("GET", "/sessions", query: [tag])
  }
  let servers = (fleet["servers"].array ?? []).map { $0["server_id"].plainText }
  // In the order of the servers: this one first, then as they were enrolled.
  func place(_ record: JSON) -> Int { servers.firstIndex(of: record["server_id"].plainText) ?? servers.count }
  let records = (listed.array ?? []).sorted {
    place($0) == place($1)
      ? naturallyPrecedes($0["name"].plainText, $1["name"].plainText) : place($0) < place($1)
  }
  if context.invocation.has(Options.names) {
    context.output.write(
      records.map { record in
        let isOwn = servers.isEmpty || record["server_id"].plainText == servers[0]
        let server = isOwn ? "" : "\(printable(unmistakableName(of: record, fleet["servers"]))):"
        return server + printable(record["name"].plainText) + "\n"
      }.joined())
  } else {
    context.show(.array(records)) { sessionTable(records, showsServer: servers.count > 1, context.output) }
  }
  let missing = fleet["missing"].strings.map { printable($0) }
  if !missing.isEmpty {
    context.output.note(
      "not reached, and what is shown of them may be out of date: \(missing.joined(separator: ", "))")
  }
  return .ok
}

/// The name of a session's server, or its id where several have that name.
private func unmistakableName(of record: JSON, _ servers: JSON) -> String {
  let name = record["server"].plainText
  let isShared = (servers.array ?? []).count { $0["name"].plainText == name } > 1
  return isShared ? record["server_id"].plainText : name
}

/// 2 before 10, and letters as they are.
func naturallyPrecedes(_ first: String, _ second: String) -> Bool {
  switch (Int(first), Int(second)) {
  case (let a?, let b?): a < b
  case (_?, nil): true
  case (nil, _?): false
  case (nil, nil): first < second
  }
}

private func sessionTable(_ records: [JSON], showsServer: Bool, _ output: Output) -> String {
  let style = output.style
  let headings = ["NAME", "STATE", "QUIET", "SIZE", "CLIENTS", "TAGS", "CWD", "COMMAND"]
  var table = Table(showsServer ? ["SERVER"] + headings : headings, style: style)
  for record in records {
    let exited = record["state"].string == "exited"
    table.add(
      (showsServer ? [serverCell(record, style)] : []) + [
        Table.Cell(record["name"].plainText, paint: style.bold),
        Table.Cell(stateText(record), paint: statePaint(record, style)),
        Table.Cell(
          exited ? age(record["ended_at"]) : briefDuration(milliseconds: record["last_activity_ms"].integer ?? 0)),
        Table.Cell("\(record["cols"].plainText)x\(record["rows"].plainText)"),
        Table.Cell(record["clients"].plainText),
        Table.Cell(record["tags"].strings.joined(separator: ",")),
        Table.Cell(shortPath(record["cwd"].plainText)),
        Table.Cell(whatRuns(record)),
      ])
  }
  return table.text(width: output.width)
}

private func serverCell(_ record: JSON, _ style: TextStyle) -> Table.Cell {
  let name = record["server"].plainText
  return record["stale"].bool == true ? Table.Cell("\(name) (stale)", paint: style.faint) : Table.Cell(name)
}

/// `busy`, `exited 1`, `exited SIGKILL`.
func stateText(_ record: JSON) -> String {
  let state = record["state"].plainText
  guard state == "exited" else { return state }
  if let signal = record["exit_signal"].string { return "exited \(signal)" }
  return record["exit_status"].integer.map { "exited \($0)" } ?? state
}

private func statePaint(_ record: JSON, _ style: TextStyle) -> @Sendable (String) -> String {
  switch record["state"].string {
  case "prompt"?, "reading"?: style.green
  case "password"?: style.cyan
  case "busy"?: style.yellow
  case "exited"? where record["exit_status"].integer != 0: style.red
  case "exited"?: style.faint
  default: { $0 }
  }
}

/// The program in the foreground when it is not what the session was started with.
private func whatRuns(_ record: JSON) -> String {
  let command = record["command"].plainText
  let foreground = record["foreground"].string ?? ""
  return foreground.isEmpty || command.contains(foreground) ? command : "\(command) (\(foreground))"
}

private func shortPath(_ path: String) -> String {
  let home = Host.userHome
  guard home.count > 1, path == home || path.hasPrefix(home + "/") else { return path }
  return "~" + path.dropFirst(home.count)
}

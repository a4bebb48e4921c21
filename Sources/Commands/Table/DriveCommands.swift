import Formats
import Glibc
import Net
import Sessions
import Sys

extension CommandTable {
  static let run = CommandDefinition(
    name: "run", summary: "run a command in a session's shell; print its output, exit with its status",
    discussion: """
      Gives the command to the session's shell, waits for that very command to finish, and prints what it wrote. The \
      session's shell, folder and variables are those the command sees, and it stays as the command leaves it. Where the \
      shell is busy it waits its turn; there is no limit of time unless one is given.

      When the command asks for something, it gets the next line of standard input, byte for byte, and at the end of \
      standard input ctrl+d, once. A line that the terminal does not take (more than 4,095 bytes) is refused, and so are \
      control characters where the command takes keys: the command then goes on, and it is said how to answer or to end \
      it. 'roost runs' shows what waits, 'roost output' prints all of a long output.

      One word is taken as a command line of the shell ('make && make test'); several are quoted so that the shell sees \
      exactly these words. When roost itself fails its exit status is one of those in 'roost help', 6 for a timeout.
      """,
    section: .driving, arguments: [Arguments.session, Arguments.commandLine],
    options: [
      Options.new, Options.runTimeout, Options.noQueue, Options.inShell, Options.maxOutput, Options.shell,
      Options.workingDirectory, Options.variable,
      Options.tag,
    ],
    examples: [
      CommandExample("roost run build -- make -j4 test", "the output here, its exit status in $?"),
      CommandExample("roost run build 'cd lib && ls | wc -l'", "a command line for the session's shell"),
      CommandExample("roost run scratch --new -- uname -a", "make the session if there is none"),
      CommandExample("roost run build --json -- make", "output, exit status and duration as JSON"),
    ],
    action: .client(runCommand, needsServer: { $0.has(Options.new) }))

  static let send = CommandDefinition(
    name: "send", summary: "type text into a session",
    discussion: """
      The text goes to the session as it is, in one piece; nothing is pressed after it without --enter. '-' sends \
      standard input, byte for byte. With --paste it is pasted: line ends are what Enter sends, and control characters, \
      which could end the paste or interrupt a program, become blanks.
      """,
    section: .driving, arguments: [Arguments.session, Arguments.text],
    options: [Options.enter, Options.key, Options.paste, Options.raw],
    examples: [
      CommandExample("roost send build 'make test' --enter", "type a command line and run it"),
      CommandExample("roost send build - < commands.sql", "send a file"),
      CommandExample("roost send editor --paste - < notes.txt", "paste a file"),
      CommandExample("roost send build -- --help", "text that begins with a dash"),
    ],
    action: .client(sendText))

  static let keys = CommandDefinition(
    name: "keys", summary: "press keys in a session",
    discussion: """
      Each word is the name of a key, with ctrl+, alt+ and shift+ before it as needed, and is sent as the terminal \
      would send it in the mode the program has chosen. A word that names no key is typed as text, unless it looks like a \
      key that is mistyped ('ctrl+foo', 'entr').
      """,
    section: .driving,
    arguments: [
      ArgumentDefinition("SESSION", kind: .session, count: .optional, help: "name or id of the session"),
      Arguments.keys,
    ],
    options: [Options.listKeys],
    examples: [
      CommandExample("roost keys build ctrl+c", "interrupt what runs"),
      CommandExample("roost keys editor escape :wq enter", "save and leave vi"),
      CommandExample("roost keys --list", "the names of the keys"),
    ],
    action: .client(pressKeys))

  static let interact = CommandDefinition(
    name: "interact", summary: "type, wait, and print the screen, in one step",
    discussion: """
      Nothing that happens between the typing and the waiting is missed, which separate commands cannot promise. \
      Without an option that says what to wait for it is 500ms without a change.
      """,
    section: .driving, arguments: [Arguments.session, Arguments.text],
    options: [
      Options.enter, Options.key, Options.paste, Options.raw, Options.idle, Options.prompt, Options.match, Options.exit,
      Options.change, Options.bell, Options.notification, Options.reading, Options.looksLikePrompt, Options.timeout,
      Options.screenFormat,
    ],
    examples: [
      CommandExample("roost interact build 'git status' --enter --prompt", "run it and see the screen after it"),
      CommandExample("roost interact editor -k pagedown --idle 200ms", "turn the page and look"),
    ],
    action: .client(interactWithSession))

  static let wait = CommandDefinition(
    name: "wait", summary: "wait until a session is idle, at its prompt, shows something, or has ended",
    discussion: """
      Exits with 0 when it is so and with 6 when the time is over first. What was seen, and by what evidence, is \
      printed. With --since only what happens after that generation counts ('roost send --json' gives one).
      """,
    section: .driving, arguments: [Arguments.session],
    options: [
      Options.idle, Options.prompt, Options.match, Options.exit, Options.change, Options.bell,
      Options.notification, Options.reading, Options.looksLikePrompt, Options.since, Options.timeout,
      Options.showScreen,
    ],
    examples: [
      CommandExample("roost wait build --prompt --timeout 10m", "until the command is done"),
      CommandExample("roost wait web --match 'listening on .*:[0-9]+'", "until the server says so"),
      CommandExample("roost wait agent --bell --timeout 2h", "until the agent wants you"),
      CommandExample("roost wait job --exit && echo done", "until its program has ended"),
    ],
    action: .client(waitForSession))

  static let screen = CommandDefinition(
    name: "screen", summary: "print what a session shows", section: .driving,
    arguments: [Arguments.session], options: [Options.screenFormat, Options.since],
    examples: [
      CommandExample("roost screen build", "the screen, as it is now"),
      CommandExample("roost screen build --json | jq .cursor", "where the cursor is"),
      CommandExample("roost screen build --since 1042", "only the rows that changed after that generation"),
    ],
    action: .client(printScreen))

  static let scrollback = CommandDefinition(
    name: "scrollback", summary: "print what a session has shown so far, the screen included", section: .driving,
    arguments: [Arguments.session], options: [Options.screenFormat, Options.last, Options.offset, Options.limit],
    examples: [
      CommandExample("roost scrollback build | less", "everything that is kept"),
      CommandExample("roost scrollback build --last 50", "the newest 50 lines"),
    ],
    action: .client(printScrollback))

  static let commands = CommandDefinition(
    name: "commands", summary: "list the commands that were run in a session",
    discussion:
      "Known where the shell tells: bash, zsh and fish do, unless the session was made with --no-integration.",
    section: .driving, arguments: [Arguments.session], options: [Options.limit],
    examples: [CommandExample("roost commands build --limit 5", "the five newest, with exit status and duration")],
    action: .client { context async throws(CommandFailure) in
      let path = ServerClient.sessionPath(try context.invocation.required(Arguments.session), "commands")
      let limit = context.invocation.integer(Options.limit).map(String.init)
      let records = try await context.client.call("GET", path, query: [("limit", limit)])
      context.show(records) { commandTable(records.array ?? [], context.output) }
      return .ok
    })
}

// MARK: Typing

private func sendText(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let session = try context.invocation.required(Arguments.session)
  let words = context.invocation.arguments(Arguments.text)
  let keys = keysAfterText(context.invocation)
  let path = ServerClient.sessionPath(session, "input")
  guard !words.isEmpty || !keys.isEmpty else { throw CommandFailure(.usage, "there is nothing to send") }
  let query = try pasteQuery(context.invocation)
  let text = Array(words.joined(separator: " ").utf8)
  var answer = JSON.null
  if words == ["-"] {
    answer = try await sendStandardInput(context, path, query)
  } else if !words.isEmpty, keys == ["enter"], query.isEmpty {
    // One request, so that nobody else's input comes between the text and Enter.
    answer = try await input(context, path, query, text + [0x0d])
    context.show(answer) { "" }
    return .ok
  } else if !words.isEmpty {
    answer = try await input(context, path, query, text)
  }
  if !keys.isEmpty {
    let pressed = try await context.client.call(
      "POST", ServerClient.sessionPath(session, "keys"), body: ["keys": JSON(strings: keys)])
    // The generation before anything was typed is the one to wait from.
    if answer.isNull { answer = pressed }
  }
  context.show(answer) { "" }
  return .ok
}

private func input(
  _ context: ClientContext, _ path: String, _ query: [(String, String?)], _ bytes: [UInt8]
) async throws(CommandFailure) -> JSON {
  try await context.client.send("POST", path, query: query, body: bytes, contentType: "application/octet-stream")
}

/// What `--paste` and `--raw` ask of `session.input`; empty for plain typing.
private func pasteQuery(_ invocation: Invocation) throws(CommandFailure) -> [(String, String?)] {
  guard invocation.has(Options.paste) else {
    guard !invocation.has(Options.raw) else {
      throw CommandFailure(.usage, "--raw is a way to paste", hint: "Give --paste too, or leave it out.")
    }
    return []
  }
  return [("paste", "true")] + (invocation.has(Options.raw) ? [("raw", "true")] : [])
}

/// Pieces that are well below what the server takes in one body.
private let inputPieceBytes = 256 * 1024
/// A paste goes in one piece, and a session takes no more than this at a time.
private let pasteBytes = 1024 * 1024

private func sendStandardInput(
  _ context: ClientContext, _ path: String, _ query: [(String, String?)]
) async throws(CommandFailure) -> JSON {
  var first = JSON.null
  var pasted: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: inputPieceBytes)
  while true {
    let result = buffer.withUnsafeMutableBytes { readBytes(STDIN_FILENO, into: $0) }
    switch result {
    case .bytes(let count) where query.isEmpty:
      let answer = try await input(context, path, query, Array(buffer[..<count]))
      if first.isNull { first = answer }
    case .bytes(let count):
      pasted += buffer[..<count]
      guard pasted.count <= pasteBytes else {
        throw CommandFailure(
          .usage, "standard input is too long for one paste (1 MiB)", hint: "Send it without --paste.")
      }
    case .endOfFile:
      return query.isEmpty ? first : try await input(context, path, query, pasted)
    case .wouldBlock:
      var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      poll(&entry, 1, -1)
    case .failed(let error):
      throw CommandFailure(.failed, "standard input: \(error)")
    }
  }
}

private func keysAfterText(_ invocation: Invocation) -> [String] {
  invocation.texts(Options.key) + (invocation.has(Options.enter) ? ["enter"] : [])
}

private func pressKeys(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  if context.invocation.has(Options.listKeys) {
    let names = KeyEncoding.names + KeyName.completions.filter { $0.contains("+") }
    context.show(JSON(strings: names)) { names.joined(separator: "\n") + "\n" }
    return .ok
  }
  let session = try context.invocation.required(Arguments.session)
  let keys = context.invocation.arguments(Arguments.keys)
  guard !keys.isEmpty else { throw CommandFailure(.usage, "KEY is missing") }
  // `^C` is a way to write a key here; to the server it is text.
  let named = keys.map { $0.count == 2 && $0.hasPrefix("^") ? KeyName($0)?.text ?? $0 : $0 }
  let answer = try await context.client.call(
    "POST", ServerClient.sessionPath(session, "keys"), body: ["keys": JSON(strings: named)])
  context.show(answer) { "" }
  return .ok
}

// MARK: Waiting

/// The part of a request that says what to wait for; nil when no option says it.
func waitCondition(_ invocation: Invocation) throws(CommandFailure) -> [JSON.Member]? {
  var conditions: [(OptionDefinition, [JSON.Member])] = []
  if let idle = invocation.milliseconds(Options.idle) {
    conditions.append((Options.idle, [JSON.Member("for", "idle"), JSON.Member("idle_ms", .integer(idle))]))
  }
  if let pattern = invocation.text(Options.match) {
    conditions.append((Options.match, [JSON.Member("for", "match"), JSON.Member("pattern", .string(pattern))]))
  }
  let switches = [
    (Options.prompt, "prompt"), (Options.exit, "exit"), (Options.change, "change"), (Options.bell, "bell"),
    (Options.notification, "notification"), (Options.reading, "reading"),
    (Options.looksLikePrompt, "looks_like_prompt"),
  ]
  for (option, name) in switches where invocation.has(option) {
    conditions.append((option, [JSON.Member("for", .string(name))]))
  }
  guard conditions.count <= 1 else {
    let names = conditions.map(\.0.name).joined(separator: " and ")
    throw CommandFailure(.usage, "\(names) do not go together: wait for one thing")
  }
  return conditions.first?.1
}

private func waitForSession(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let session = try invocation.required(Arguments.session)
  guard let condition = try waitCondition(invocation) else {
    throw CommandFailure(
      .usage, "say what to wait for",
      hint:
        "--idle 500ms, --prompt, --match REGEX, --exit, --change, --bell, --notification, --reading or --looks-like-prompt"
    )
  }
  var members = waitTerms(condition, invocation, format: context.usesJSON ? nil : "plain")
  if let since = invocation.integer(Options.since) { members.append(JSON.Member("since", .integer(since))) }
  let answer = try await context.client.call("POST", ServerClient.sessionPath(session, "wait"), body: .object(members))
  context.show(answer) {
    let screen = invocation.has(Options.showScreen) ? ScreenText.plain(answer["screen"]) : ""
    return metText(answer) + "\n" + screen
  }
  return .ok
}

/// What `wait` and `interact` ask in common.
private func waitTerms(_ condition: [JSON.Member], _ invocation: Invocation, format: String?) -> [JSON.Member] {
  var members = condition
  members.append(JSON.Member("timeout_ms", .integer(invocation.milliseconds(Options.timeout) ?? 30_000)))
  if let format { members.append(JSON.Member("format", .string(format))) }
  return members
}

/// `prompt (osc133), generation 12`
private func metText(_ answer: JSON) -> String {
  var text = printable(answer["reason"].string ?? "done")
  let evidence = answer["evidence"].string ?? ""
  if !evidence.isEmpty, evidence != answer["reason"].string { text += " (\(printable(evidence)))" }
  if answer["reason"] == "notification" { text += ": \(printable(answer["match"].string ?? ""))" }
  if let status = answer["exit_status"].integer { text += ", exit status \(status)" }
  if let signal = answer["exit_signal"].string { text += ", ended by \(printable(signal))" }
  if let generation = answer["generation"].integer { text += ", generation \(generation)" }
  return text
}

private func interactWithSession(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let session = try invocation.required(Arguments.session)
  let words = invocation.arguments(Arguments.text)
  let keys = keysAfterText(invocation)
  guard !words.isEmpty || !keys.isEmpty else {
    throw CommandFailure(.usage, "there is nothing to type", hint: "To wait only, use 'roost wait'.")
  }
  let format = ScreenFormat(context)
  var members: [JSON.Member] = []
  if !words.isEmpty { members.append(JSON.Member("text", .string(words.joined(separator: " ")))) }
  members += try pasteQuery(invocation).map { JSON.Member($0.0, true) }
  if !keys.isEmpty { members.append(JSON.Member("keys", JSON(strings: keys))) }
  let condition = try waitCondition(invocation) ?? [JSON.Member("for", "idle"), JSON.Member("idle_ms", 500)]
  members += waitTerms(condition, invocation, format: format.requested)
  let answer = try await context.client.call(
    "POST", ServerClient.sessionPath(session, "interact"), body: .object(members))
  context.show(answer) { format.text(answer["screen"]) }
  return .ok
}

// MARK: Running

func makeIfMissing(_ session: String, _ context: ClientContext) async throws(CommandFailure) {
  do {
    _ = try await context.client.call("GET", ServerClient.sessionPath(session))
    return
  } catch {
    guard error.exitCode == .notFound else { throw error }
  }
  do {
    _ = try await createSession(
      try creationRequest(
        context.invocation, try ClientConfiguration.load(context.invocation.environment), name: session), context)
  } catch {
    // Somebody made it in the meantime, which is as good.
    guard error.exitCode == .conflict else { throw error }
  }
}

/// One word is a command line already; several are the words of one, each quoted where a shell would take it apart.
package func shellCommandLine(_ words: [String]) -> String {
  guard words.count != 1 else { return words[0] }
  return words.map { word in
    let isPlain =
      !word.isEmpty
      && word.unicodeScalars.allSatisfy {
        ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
          || "-_./:=@%+,".unicodeScalars.contains($0)
      }
    return isPlain ? word : shellQuoted(word)
  }.joined(separator: " ")
}

// MARK: Looking

private func printScreen(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let session = try context.invocation.required(Arguments.session)
  let format = ScreenFormat(context)
  let since = context.invocation.integer(Options.since).map(String.init)
  let screen = try await context.client.call(
    "GET", ServerClient.sessionPath(session, "screen"), query: [("format", format.requested), ("since", since)])
  context.show(screen) { format.text(screen) }
  return .ok
}

/// Lines asked for at a time: an answer of them stays far below what a client takes.
private let scrollbackPage = 1000

private func printScrollback(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let path = ServerClient.sessionPath(try invocation.required(Arguments.session), "scrollback")
  let format = ScreenFormat(context)
  func page(_ offset: Int, _ limit: Int) async throws(CommandFailure) -> JSON {
    try await context.client.call(
      "GET", path, query: [("format", format.requested), ("offset", "\(offset)"), ("limit", "\(limit)")])
  }
  var offset = invocation.integer(Options.offset) ?? 0
  var remaining = invocation.integer(Options.limit) ?? Int.max
  if let last = invocation.integer(Options.last) {
    let total = try await page(0, 1)["total_lines"].integer ?? 0
    offset = max(0, total - last)
    remaining = min(remaining, last)
  }
  var lines: [JSON] = []
  var answer = JSON.null
  while remaining > 0 {
    let next = try await page(offset, min(remaining, scrollbackPage))
    let nextLines = next["lines"].array ?? []
    if answer.isNull { answer = next }
    guard !nextLines.isEmpty else { break }
    if context.usesJSON {
      lines += nextLines
    } else {
      context.output.write(format.text(["lines": .array(nextLines)], keepsBlankEnd: true))
    }
    offset += nextLines.count
    remaining -= nextLines.count
    if offset >= next["total_lines"].integer ?? 0 { break }
  }
  if context.usesJSON {
    context.output.json([
      "epoch": answer["epoch"], "lines": .array(lines), "total_lines": answer["total_lines"],
      "offset": answer["offset"],
    ])
  }
  return .ok
}

private func commandTable(_ records: [JSON], _ output: Output) -> String {
  let style = output.style
  var table = Table(["ID", "STATUS", "STARTED", "TOOK", "CWD", "COMMAND"], style: style)
  for record in records {
    let status = record["exit_status"].integer
    let took: String
    if let start = record["started_at"].string.flatMap({ Timestamp(text: $0) }),
      let end = record["ended_at"].string.flatMap({ Timestamp(text: $0) })
    {
      took = briefDuration(milliseconds: Int(clamping: end.milliseconds - start.milliseconds))
    } else {
      took = ""
    }
    let isOver = !record["ended_at"].isNull
    table.add([
      Table.Cell(record["id"].plainText),
      Table.Cell(
        status.map(String.init) ?? (isOver ? "?" : "runs"),
        paint: status == 0 ? style.green : status == nil ? style.yellow : style.red),
      Table.Cell(age(record["started_at"])),
      Table.Cell(took),
      Table.Cell(record["cwd"].plainText),
      Table.Cell(record["command"].plainText),
    ])
  }
  return table.text(width: output.width)
}

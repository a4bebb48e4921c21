import Formats

extension CommandTable {
  private static let commandID = ArgumentDefinition(
    "ID", count: .optional, help: "id of the command, as 'roost commands' has them; without it the latest")
  private static let tail = OptionDefinition(
    "--tail", placeholder: "BYTES", kind: .integer(0...Int.max), help: "only the last bytes of it")
  private static let onScreen = OptionDefinition(
    "--screen", help: "as the screen and its history show it, not as it was printed")

  static let output = CommandDefinition(
    name: "output", summary: "print what a command in a session printed",
    discussion: """
      All of it, as text, for the latest commands that 'roost run' (or session.run) ran: however long, with TABs as \
      TABs, progress as it stood in the end. Of a command that was typed it is what the session still shows of it.
      """,
    section: .driving, arguments: [Arguments.session, commandID], options: [tail, onScreen],
    examples: [
      CommandExample("roost output build | less", "all that the latest command printed"),
      CommandExample("roost output build 12 --tail 2000", "the end of what command 12 printed"),
    ],
    action: .client(printOutput))

  private static func printOutput(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
    let invocation = context.invocation
    let session = try invocation.required(Arguments.session)
    var id = invocation.arguments(commandID).first ?? "latest"
    guard id == "latest" || Int(id) != nil else {
      throw CommandFailure(.usage, "'\(printable(id))' is no id of a command", hint: "'roost commands' lists them.")
    }
    let form = invocation.has(onScreen) ? "screen" : "text"
    var offset = invocation.integer(tail).map { -$0 } ?? 0
    var text = ""
    var first = JSON.null
    var dropped = 0
    var isTruncated = false
    // A tail of nothing: an offset of 0 would be the beginning.
    var limit = invocation.integer(tail) == 0 ? 0 : nil
    while true {
      let page = try await context.client.call(
        "GET", ServerClient.sessionPath(session, "commands/\(id)/output"),
        query: [("offset", "\(offset)"), ("format", form), ("limit", limit.map(String.init))])
      let isFirst = first.isNull
      if isFirst { first = page }
      // The command that is the latest now need not be at the next page.
      id = page["id"].integer.map(String.init) ?? id
      dropped = page["dropped_bytes"].integer ?? 0
      isTruncated = page["truncated"].bool ?? false
      let piece = page["text"].string ?? ""
      if context.usesJSON { text += piece } else { context.output.write(printableLines(piece)) }
      if limit == 0 { break }
      limit = nil
      guard let next = page["next_offset"].integer, next > offset || isFirst else { break }
      offset = next
    }
    if context.usesJSON {
      context.output.json(
        .object([
          "id": first["id"], "offset": first["offset"], "total_bytes": first["total_bytes"], "text": .string(text),
          "dropped_bytes": dropped > 0 ? .integer(dropped) : nil, "truncated": .bool(isTruncated),
          "running": first["running"],
        ]))
    } else if dropped > 0 {
      context.output.note("roost output: \(dropped) bytes of the middle are no longer kept")
    } else if isTruncated {
      context.output.note("roost output: its beginning has left the history")
    }
    return .ok
  }
}

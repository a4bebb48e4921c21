import Formats
import Glibc
import Net
import Sys

extension CommandTable {
  static let call = CommandDefinition(
    name: "call", summary: "call any operation of the server",
    discussion: """
      Everything a server can do is an operation with a name; the other commands are conveniences over them. \
      Parameters are KEY=VALUE, where the operation's schema says whether the value is a number, a list (commas \
      separate) or text; KEY:=JSON gives any value; one JSON object gives all of them. The result is JSON.
      """,
    section: .server, arguments: [Arguments.operation, Arguments.parameters],
    options: [Options.describe, Options.names],
    examples: [
      CommandExample("roost call", "list the operations"),
      CommandExample("roost call session.wait --describe", "what it takes and gives"),
      CommandExample("roost call session.list tag=ci", "call one"),
      CommandExample("roost call session.create '{\"name\":\"x\",\"env\":{\"A\":\"1\"}}'", "with JSON"),
    ],
    action: .client(callOperation))
}

private func callOperation(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  // What there is to call, and how, is what the server that is asked says; it passes the call on.
  let asked = context.client.on(nil)
  let catalogue = try await asked.call("GET", "/operations")
  let operations = catalogue.array ?? catalogue["operations"].array ?? []
  if invocation.has(Options.names) {
    context.output.write(operations.map { printable($0["name"].plainText) + "\n" }.joined())
    return .ok
  }
  guard let name = invocation.argument(Arguments.operation) else {
    context.show(.array(operations)) { operationTable(operations, context.output) }
    return .ok
  }
  guard let operation = operations.first(where: { $0["name"].string == name }) else {
    let guess = nearest(to: name, among: operations.compactMap { $0["name"].string })
    throw CommandFailure(
      .notFound, "there is no operation '\(printable(name))'",
      hint: guess.map { "Did you mean '\($0)'?" } ?? "'roost call' lists them.")
  }
  if invocation.has(Options.describe) {
    context.show(operation) { OperationText(operation, context.output.style).text }
    return .ok
  }
  var words = invocation.arguments(Arguments.parameters)
  if words == ["-"] { words = [String(decoding: try readStandardInput(), as: UTF8.self)] }
  var parameters = try operationParameters(words, schema: operation["input"], operation: name)
  if let server = context.client.server {
    parameters = try adding(server: server, to: parameters)
  }
  let answer = try await asked.call(
    "POST", "/rpc",
    body: ["jsonrpc": "2.0", "id": 1, "method": .string(name), "params": parameters])
  if !answer["error"].isNull { throw remoteFailure(answer["error"]) }
  context.output.json(answer["result"])
  return .ok
}

/// The parameters of a call that `--server` sends to another server; they may say the same.
private func adding(server: String, to parameters: JSON) throws(CommandFailure) -> JSON {
  guard let given = parameters["server"].string else {
    return .object((parameters.members ?? []) + [JSON.Member("server", .string(server))])
  }
  guard given == server else {
    throw CommandFailure(.usage, "the parameter 'server' is another than --server", serverCode: "usage")
  }
  return parameters
}

/// A JSON-RPC error with the operation's own code in its `data`.
private func remoteFailure(_ error: JSON) -> CommandFailure {
  let data = error["data"]
  let code = data["code"].string ?? data["error"]["code"].string
  let message = error["message"].string ?? "the server refused the call"
  let status = data["status"].integer ?? data["http_status"].integer
  let exitCode: ExitCode =
    if let status {
      ExitCode(httpStatus: status)
    } else {
      switch error["code"].integer {
      case -32700, -32602, -32600: .usage
      case -32601: .notFound
      default: exitCode(serverCode: code ?? "")
      }
    }
  var failure = CommandFailure(exitCode, message, serverCode: code)
  failure.take(path: data["server_path"], failedHop: data["failed_hop"])
  return failure
}

/// What a stable code of the server means for the exit status, where only the code is known.
func exitCode(serverCode: String) -> ExitCode {
  switch serverCode {
  case "auth_required", "auth_invalid", "origin_not_allowed", "forbidden", "scope_required": .refused
  case "idle_timeout", "wait_timeout", "run_timeout", "parser_timeout": .timedOut
  case "insufficient_scope", "role_refused": .refused
  case "server_ambiguous", "link_refused": .conflict
  case "server_unavailable": .noServer
  case "gateway_timeout": .timedOut
  case "sessions_running", "session_exited", "programs_remain": .conflict
  case let code where code.hasSuffix("not_found") || code == "no_sessions": .notFound
  case let code where code.hasSuffix("_conflict"): .conflict
  case let code where code.hasPrefix("invalid_"): .usage
  default: .failed
  }
}

/// A document is read whole; larger ones are no parameters.
private let largestParameters = 1 << 20

private func readStandardInput() throws(CommandFailure) -> [UInt8] {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 64 * 1024)
  while bytes.count <= largestParameters {
    switch buffer.withUnsafeMutableBytes({ readBytes(STDIN_FILENO, into: $0) }) {
    case .bytes(let count): bytes += buffer[..<count]
    case .endOfFile: return bytes
    case .wouldBlock:
      var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      poll(&entry, 1, -1)
    case .failed(let error): throw CommandFailure(.failed, "standard input: \(error)")
    }
  }
  throw CommandFailure(.usage, "the parameters are larger than 1 MiB")
}

// MARK: Parameters

/// The parameters that the words say, as the operation's JSON Schema wants them.
func operationParameters(
  _ words: [String], schema: JSON, operation: String
) throws(CommandFailure) -> JSON {
  if words.count == 1, let first = words[0].first(where: { !$0.isWhitespace }), first == "{" {
    do {
      return try JSON(parsing: words[0])
    } catch {
      throw CommandFailure(.usage, "the parameters are no JSON: \(error.message) at byte \(error.offset)")
    }
  }
  var members: [JSON.Member] = []
  for word in words {
    guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
      throw CommandFailure(
        .usage, "'\(printable(word))' is no parameter", hint: "Write KEY=VALUE, KEY:=JSON, or one JSON object.")
    }
    var key = String(word[..<equals])
    let text = String(word[word.index(after: equals)...])
    let value: JSON
    if key.hasSuffix(":") {
      key.removeLast()
      do {
        value = try JSON(parsing: text)
      } catch {
        throw CommandFailure(.usage, "\(printable(key)): '\(printable(text))' is no JSON: \(error.message)")
      }
      try checkParameter(key, schema, operation)
    } else {
      let type = try checkParameter(key, schema, operation)
      value = try parameterValue(text, type, key: key)
    }
    add(JSON.Member(key, value), to: &members)
  }
  for name in schema["required"].strings where !members.contains(where: { $0.name == name }) {
    throw CommandFailure(.usage, "\(operation) needs the parameter '\(name)'", hint: describeHint(operation))
  }
  return .object(members)
}

private func describeHint(_ operation: String) -> String {
  "'roost call \(operation) --describe' says what it takes."
}

/// `env.HOME=/x` sets a member of an object; a list given twice goes on.
private func add(_ member: JSON.Member, to members: inout [JSON.Member]) {
  if let dot = member.name.firstIndex(of: ".") {
    let outer = String(member.name[..<dot])
    let inner = String(member.name[member.name.index(after: dot)...])
    var nested = members.last { $0.name == outer }?.value.members ?? []
    members.removeAll { $0.name == outer }
    nested.removeAll { $0.name == inner }
    nested.append(JSON.Member(inner, member.value))
    members.append(JSON.Member(outer, .object(nested)))
    return
  }
  if let index = members.firstIndex(where: { $0.name == member.name }) {
    if case (.array(let earlier), .array(let more)) = (members[index].value, member.value) {
      members[index].value = .array(earlier + more)
    } else {
      members[index].value = member.value
    }
    return
  }
  members.append(member)
}

/// The schema of the parameter's values. A name that the operation does not know is refused here, with a guess.
@discardableResult
private func checkParameter(_ key: String, _ schema: JSON, _ operation: String) throws(CommandFailure) -> JSON {
  guard let properties = schema["properties"].members else { return .null }
  // Every operation can be sent to another server.
  if key == "server", schema["properties"]["server"].isNull { return ["type": "string"] }
  let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
  let property = schema["properties"][parts.first ?? key]
  guard !property.isNull else {
    let guess = nearest(to: key, among: properties.map(\.name))
    throw CommandFailure(
      .usage, "\(operation) has no parameter '\(printable(key))'",
      hint: guess.map { "Did you mean '\($0)'?" } ?? describeHint(operation))
  }
  if parts.count == 2 {
    let additional = property["additionalProperties"]
    return additional.isNull ? property["properties"][parts[1]] : additional
  }
  return property
}

private func parameterValue(_ text: String, _ schema: JSON, key: String) throws(CommandFailure) -> JSON {
  func wrong(_ what: String) -> CommandFailure {
    CommandFailure(.usage, "\(printable(key)): '\(printable(text))' is \(what)")
  }
  // A word or a list of words is given as a list.
  if let list = schema["anyOf"].array?.first(where: { $0["type"].string == "array" }) {
    return try parameterValue(text, list, key: key)
  }
  let types = schema["type"].string.map { [$0] } ?? schema["type"].strings
  if types.contains("integer") {
    guard let value = Int(text) else { throw wrong("no whole number") }
    return .integer(value)
  }
  if types.contains("number") {
    guard let value = Double(text), value.isFinite else { throw wrong("no number") }
    return .number(value)
  }
  if types.contains("boolean") {
    switch text {
    case "true", "yes", "1": return true
    case "false", "no", "0": return false
    default: throw wrong("neither true nor false")
    }
  }
  if types.contains("array") {
    var elements: [JSON] = []
    for part in text.split(separator: ",") {
      elements.append(try parameterValue(String(part), schema["items"], key: key))
    }
    return .array(elements)
  }
  if types.contains("object") {
    do {
      return try JSON(parsing: text)
    } catch {
      throw wrong("no JSON object; write \(key):={…} or \(key).NAME=VALUE")
    }
  }
  return .string(text)
}

// MARK: Descriptions

private func operationTable(_ operations: [JSON], _ output: Output) -> String {
  var table = Table(["OPERATION", "SCOPE", "SUMMARY"], style: output.style)
  for operation in operations {
    table.add([operation["name"].plainText, operation["scope"].plainText, operation["summary"].plainText])
  }
  return table.text(width: output.width)
}

/// An operation for people: its route, and the fields of its input and output.
private struct OperationText {
  let operation: JSON
  let style: TextStyle

  init(_ operation: JSON, _ style: TextStyle) {
    self.operation = operation
    self.style = style
  }

  var text: String {
    var lines = [
      "\(style.bold(printable(operation["name"].plainText))): \(printable(operation["summary"].plainText))", "",
      "REST    \(printable(operation["method"].plainText)) \(printable(operation["path"].plainText))",
      "scope   \(printable(operation["scope"].plainText))",
    ]
    lines += fields("Takes", operation["input"])
    lines += fields("Gives", operation["output"])
    return lines.joined(separator: "\n") + "\n"
  }

  private func fields(_ title: String, _ schema: JSON) -> [String] {
    let isList = schema["type"].string == "array"
    let object = isList ? schema["items"] : schema
    guard let properties = object["properties"].members, !properties.isEmpty else { return [] }
    let required = object["required"].strings
    let items = properties.map { property in
      (
        term: printable(property.name),
        meaning: printable(describe(property.value, isRequired: title == "Takes" && required.contains(property.name)))
      )
    }
    return ["", style.bold(title + (isList ? " a list of:" : ":"))] + definitionList(items, indent: 2, width: 96)
  }

  private func describe(_ schema: JSON, isRequired: Bool) -> String {
    let choices = schema["anyOf"].array ?? [schema]
    var parts = [
      choices.flatMap { $0["type"].string.map { [$0] } ?? $0["type"].strings }.joined(separator: " or ")
    ]
    if isRequired { parts.append("required") }
    if let values = choices.lazy.compactMap({ $0["enum"].array }).first {
      parts.append(values.map(\.plainText).joined(separator: " | "))
    }
    if !schema["default"].isNull { parts.append("default \(String(decoding: schema["default"].bytes, as: UTF8.self))") }
    let facts = parts.filter { !$0.isEmpty }.joined(separator: ", ")
    let description = schema["description"].string ?? ""
    return description.isEmpty ? facts : facts.isEmpty ? description : "\(facts): \(description)"
  }
}

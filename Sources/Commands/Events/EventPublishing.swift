import Formats
import Glibc
import Net
import Sys

/// `roost events publish`
func publishEvents(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let publication = try EventRequest(context.invocation)
  let word = context.invocation.argument(Arguments.eventData)
  let members = context.invocation.texts(Options.member)
  if word != nil, !members.isEmpty { throw CommandFailure(.usage, "give either DATA or --data, not both") }
  if context.invocation.has(Options.lines) {
    guard word == nil || word == "-", members.isEmpty else {
      throw CommandFailure(.usage, "--lines reads the data from standard input: give no other")
    }
    try await publishLines(publication, context)
    return .ok
  }
  var data: [UInt8]?
  if word == "-" {
    data = try InputLines.readAll(limit: EventRequest.largestData)
  } else if let word {
    data = Array(word.utf8)
  } else if !members.isEmpty {
    data = EventRequest.object(members).bytes
  }
  if let data { try EventRequest.check(data, called: "the data") }
  try await publish(publication.body(data), context)
  return .ok
}

private func publish(_ body: [UInt8], _ context: ClientContext) async throws(CommandFailure) {
  let answer = try await context.client.send("POST", "/events", body: body, contentType: "application/json")
  if context.usesJSON {
    context.output.json(document: Array(answer.text.utf8))
  } else {
    context.output.line("\(answer["seq"].plainText) \(printable(answer["id"].plainText))")
  }
}

private func publishLines(_ publication: EventRequest, _ context: ClientContext) async throws(CommandFailure) {
  var lines = InputLines()
  var number = 0
  while let line = try lines.next() {
    number += 1
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
    do throws(CommandFailure) {
      try EventRequest.check(line, called: "it")
      try await publish(publication.body(line), context)
    } catch {
      var failure = error
      failure.message = "line \(number): \(error.message)"
      failure.hint = failure.hint ?? "The lines before it are published."
      throw failure
    }
  }
}

/// What is said of the events beside their data.
struct EventRequest {
  /// An event takes at most 64 KiB; the server says so too, but need not be sent more than that.
  static let largestData = 64 << 10

  private let members: [JSON.Member]

  init(_ invocation: Invocation) throws(CommandFailure) {
    let origin = try EventQuery.origin(invocation.text(Options.publishOrigin))
    if origin.kind != nil, origin.id == nil {
      throw CommandFailure(.usage, "--origin: write the kind and the id: tool:linter")
    }
    let fields: KeyValuePairs<String, JSON?> = [
      "subject": .string(try invocation.required(Arguments.eventSubject)),
      "type": invocation.text(Options.publishType).map { .string($0) },
      "origin": origin.id.map { ["kind": .string(origin.kind ?? ""), "id": .string($0)] },
      "correlation_id": invocation.text(Options.publishCorrelation).map { .string($0) },
      "causation_id": invocation.text(Options.causation).map { .string($0) },
    ]
    members = JSON.object(fields).members ?? []
  }

  /// The request, with the data as they were written: a number may be one that no type of ours holds.
  func body(_ data: [UInt8]?) -> [UInt8] {
    var body = JSON.object(members).bytes
    guard let data else { return body }
    body.removeLast()
    return body + Array(",\"data\":".utf8) + data + [UInt8(ascii: "}")]
  }

  static func check(_ data: [UInt8], called name: String) throws(CommandFailure) {
    do {
      _ = try JSON(parsing: data)
    } catch {
      throw CommandFailure(
        .usage, "\(name) must be JSON: \(error.message) at byte \(error.offset)",
        hint: "A text stands in quotation marks: '\"built\"'; --data KEY=VALUE makes an object.")
    }
  }

  /// `count=3` is a number, `name=x` a text, `id="3"` a text too.
  static func object(_ assignments: [String]) -> JSON {
    var members: [JSON.Member] = []
    for assignment in assignments {
      let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let value = parts.count == 2 ? parts[1] : ""
      members.removeAll { $0.name == parts[0] }
      members.append(JSON.Member(parts[0], (try? JSON(parsing: value)) ?? .string(value)))
    }
    return .object(members)
  }
}

/// Standard input, line by line.
struct InputLines {
  private var buffered: [UInt8] = []
  private var start = 0
  private var isAtEnd = false

  /// The next line without its end; nil when there is none.
  mutating func next() throws(CommandFailure) -> [UInt8]? {
    while true {
      if let end = buffered[start...].firstIndex(of: 0x0A) {
        defer { start = end + 1 }
        return Array(buffered[start..<end])
      }
      if isAtEnd {
        guard start < buffered.count else { return nil }
        defer { start = buffered.count }
        return Array(buffered[start...])
      }
      guard buffered.count - start <= EventRequest.largestData else {
        throw CommandFailure(.usage, "a line is longer than \(EventRequest.largestData >> 10) KiB")
      }
      buffered.removeFirst(start)
      start = 0
      let piece = try InputLines.read()
      if piece.isEmpty { isAtEnd = true } else { buffered += piece }
    }
  }

  static func readAll(limit: Int) throws(CommandFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count <= limit {
      let piece = try read()
      if piece.isEmpty { return bytes }
      bytes += piece
    }
    throw CommandFailure(.usage, "the data are larger than \(limit >> 10) KiB")
  }

  /// What is there, once something is; empty at the end.
  private static func read() throws(CommandFailure) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      switch buffer.withUnsafeMutableBytes({ readBytes(STDIN_FILENO, into: $0) }) {
      case .bytes(let count): return Array(buffer[..<count])
      case .endOfFile: return []
      case .wouldBlock:
        var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, -1)
      case .failed(let error): throw CommandFailure(.failed, "standard input: \(error)")
      }
    }
  }
}

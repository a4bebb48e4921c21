import Events
import Formats

/// An event as the server gave it: the text, untouched, and the parts that people are shown.
struct EventRecord: Sendable {
  /// One JSON document without a line break.
  let raw: [UInt8]
  let id: String
  let sequence: Int
  let type: String
  let subject: String
  /// Microseconds since 1970 UTC.
  let time: Int64
  let serverID: String
  let originKind: String
  let originID: String
  let correlationID: String
  let causationID: String?
  let principal: String?
  let data: JSON

  /// Nil when it is no envelope, as with the other formats.
  init?(_ raw: [UInt8]) {
    guard let json = try? JSON(parsing: raw, ambiguity: .tolerated), let id = json["id"].string,
      let sequence = json["seq"].integer,
      let type = json["type"].string, let subject = json["subject"].string, let time = json["time"].string,
      let moment = try? TimeExpression.parse(time, now: 0, offset: { _ in 0 })
    else { return nil }
    self.raw = raw
    self.id = id
    self.sequence = sequence
    self.type = type
    self.subject = subject
    self.time = moment
    serverID = json["origin"]["server_id"].string ?? ""
    originKind = json["origin"]["kind"].string ?? ""
    originID = json["origin"]["id"].string ?? ""
    correlationID = json["correlation_id"].string ?? ""
    causationID = json["causation_id"].string
    principal = json["principal"].string
    data = json["data"]
  }

  /// The subject without `hub.<server_id>.` where that is the server the event comes from.
  var shortSubject: String {
    let own = "hub.\(serverID)."
    return !serverID.isEmpty && subject.hasPrefix(own) ? String(subject.dropFirst(own.count)) : subject
  }

  /// `session:1f3a9c02`: a UUID is known by its beginning.
  var origin: String {
    "\(originKind):\(EventRecord.isUUID(originID) ? String(originID.prefix(8)) : originID)"
  }

  /// The data in one short line: `name=build pid=1234`.
  var summary: String {
    guard let members = data.members else { return data.isNull ? "" : data.text }
    return members.map { "\($0.name)=\(EventRecord.short($0.value))" }.joined(separator: " ")
  }

  /// What it is about, in a word: the session's name, what a call was made on, the subject of what a program published, or the origin.
  var about: String {
    if shortSubject != type { return shortSubject }
    if type.hasPrefix("audit."), let target = data["target"].string {
      return EventRecord.isUUID(target) ? String(target.prefix(8)) : target
    }
    if type.hasPrefix("audit.") { return "-" }
    // The server itself, and who published: the one goes without saying, the other is said already.
    return data["session"].string ?? data["name"].string ?? (["server", "user"].contains(originKind) ? "-" : origin)
  }

  /// The most telling of the data, the rest behind it: of a call its operation and what went wrong, of a command the command and its
  /// status, and not again what ``about`` says.
  var gist: String {
    guard let members = data.members else { return summary }
    if type.hasPrefix("audit."), let operation = data["operation"].string {
      return ([operation] + ["code", "server", "address"].compactMap { data[$0].string }).joined(separator: " ")
    }
    let told = shortSubject == type ? [data["session"].isNull ? "name" : "session"] : []
    let rest = members.filter { !told.contains($0.name) && $0.value != .null }
    let first = EventRecord.telling.compactMap { name in rest.first { $0.name == name } }
    let others = rest.filter { !EventRecord.telling.contains($0.name) }
    return (first + others).map { member in
      let text = EventRecord.short(member.value)
      // A command line is known by its looks.
      return member.name == "command" ? member.value.string ?? text : "\(member.name)=\(text)"
    }.joined(separator: " ")
  }

  /// What is said first, in this order. A status says more than the command line that it is the status of.
  private static let telling = ["exit_status", "exit_signal", "state", "reason", "command"]

  private static func isUUID(_ text: String) -> Bool {
    text.utf8.count == 36 && text.split(separator: "-").map(\.utf8.count) == [8, 4, 4, 4, 12]
  }

  private static func short(_ value: JSON) -> String {
    guard let text = value.string, !text.isEmpty, !text.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) else {
      return value.text
    }
    return text
  }
}

/// A page of the answer to a query.
struct EventPage: Sendable {
  /// The texts of the events, as they came: a number in an event's data may be one that no type of ours holds.
  var events: [[UInt8]]
  /// Where the next page begins; nil when there is none.
  var next: Int?

  /// - Parameter body: `{"events":[…],"next":N|null}`, well formed.
  init(_ body: [UInt8]) throws(CommandFailure) {
    let json: JSON
    do {
      json = try JSON(parsing: body, ambiguity: .tolerated)
    } catch {
      throw CommandFailure(.failed, "the server's answer is no JSON: \(error.message) at byte \(error.offset)")
    }
    guard let count = json["events"].array?.count else {
      throw CommandFailure(.failed, "the server's answer holds no events")
    }
    events = EventPage.elements(of: body)
    guard events.count == count else { throw CommandFailure(.failed, "the server's answer cannot be taken apart") }
    next = json["next"].integer
  }

  /// The elements of the first array in a well-formed document, which has none before it that is not inside a string.
  private static func elements(of body: [UInt8]) -> [[UInt8]] {
    var elements: [[UInt8]] = []
    var depth = 0
    var start: Int?
    var isInString = false
    var isEscaped = false
    for (index, byte) in body.enumerated() {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        // The document, the array, and then its elements.
        if depth == 2, start == nil { start = index }
        depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if depth == 2, let first = start {
          elements.append(Array(body[first...index]))
          start = nil
        }
        if depth == 1 { return elements }
      default: break
      }
    }
    return elements
  }
}

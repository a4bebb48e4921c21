package import Formats

/// What a backend told of one of its sessions, kept as the JSON that lists are put together from.
package struct DirectoryRecord: Sendable {
  /// Longest record, in bytes: a session's command line, title and folder come cut to 4 KiB each.
  package static let maximumBytes = 64 << 10
  /// Deepest nesting. Records of ours nest twice; whoever reads a list must still be able to read an answer that holds it.
  static let maximumDepth = 16
  /// Members that say where a session is: the link says that, not the backend.
  private static let overwritten: Set<String> = ["server", "server_id", "as_of", "stale"]
  /// A session's id is a UUID; those of other kinds of servers may be something else.
  private static let maximumID = 128
  /// As on a server of ours.
  private static let maximumTags = 64

  /// Stands for the session within its server: its id, or its name where it has none.
  package let key: String
  package let name: String
  package let tags: [String]
  /// The members without braces, each with a comma before it. The last is `last_activity_ms` without its value, where the record had one.
  let members: [UInt8]
  /// The first member that is not of the form that records have: such a session is not listed, and is named.
  let unfit: String?
  /// How long nothing had happened when the record came.
  let lastActivity: Int?
  /// When that was.
  let arrival: ContinuousClock.Instant

  /// What it takes in memory, about.
  var bytes: Int { members.count + key.utf8.count + name.utf8.count + tags.reduce(160) { $0 + $1.utf8.count + 16 } }

  init(parsing text: ArraySlice<UInt8>, now: ContinuousClock.Instant = .now) throws(DirectoryFault) {
    guard text.count <= DirectoryRecord.maximumBytes else {
      throw DirectoryFault("the record of a session is too long")
    }
    guard DirectoryRecord.isShallow(text), let members = JSONText.members(of: text) else {
      throw DirectoryFault("the record of a session is no JSON object, or is nested too deep")
    }
    var names: Set<String> = []
    var json = JSONWriter(reserving: text.count + 32)
    json.needsComma = true
    var (id, name, tags): (String?, String?, [String]) = (nil, nil, [])
    var activity: Int?
    var unfit: String?
    for (member, value) in members {
      // Two of a name mean one thing to this reader and another to the next.
      guard names.insert(member).inserted else { throw DirectoryFault("the record of a session repeats a member") }
      switch member {
      case "id": id = try DirectoryRecord.id(value)
      case "name":
        guard let text = JSONText.string(value), Label.isName(text) else {
          throw DirectoryFault("a session has no valid name")
        }
        name = text
      case "tags": tags = try DirectoryRecord.tags(value)
      case "last_activity_ms":
        guard let milliseconds = JSONText.integer(value), milliseconds >= 0 else {
          throw DirectoryFault("a session's last activity is no time")
        }
        activity = min(milliseconds, Int(Int32.max) * 1000)
        continue
      default: break
      }
      if DirectoryRecord.overwritten.contains(member) { continue }
      switch RecordForm.fit(member, value) {
      case .fits: break
      case .isLeftOut: continue
      case .doesNotFit:
        unfit = unfit ?? member
        continue
      }
      guard let compact = JSONText.compact(value) else {
        throw DirectoryFault("the record of a session is no JSON object")
      }
      json.key(text: member)
      json.raw(compact)
    }
    guard let name else { throw DirectoryFault("a session has no valid name") }
    if activity != nil { json.key("last_activity_ms") }
    self.name = name
    self.tags = tags
    self.members = json.finish()
    key = id ?? name
    self.unfit = unfit
    lastActivity = activity
    arrival = now
  }

  private static func id(_ value: ArraySlice<UInt8>) throws(DirectoryFault) -> String {
    guard let id = JSONText.string(value), !id.isEmpty, id.utf8.count <= maximumID else {
      throw DirectoryFault("a session has no valid id")
    }
    return id
  }

  private static func tags(_ value: ArraySlice<UInt8>) throws(DirectoryFault) -> [String] {
    guard let elements = JSONText.elements(of: value), elements.count <= maximumTags else {
      throw DirectoryFault("a session's tags are no list, or too many")
    }
    var tags: [String] = []
    for element in elements {
      guard let tag = JSONText.string(element), Label.isWellFormed(tag) else {
        throw DirectoryFault("a session has a tag that is none")
      }
      tags.append(tag)
    }
    return tags
  }

  /// Looks at brackets alone; whether the text is well formed is another question.
  private static func isShallow(_ text: ArraySlice<UInt8>) -> Bool {
    var (depth, isInString, isEscaped) = (0, false, false)
    for byte in text {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == 0x5C {
          isEscaped = true
        } else if byte == 0x22 {
          isInString = false
        }
        continue
      }
      switch byte {
      case 0x22: isInString = true
      case 0x7B, 0x5B:
        depth += 1
        if depth > maximumDepth { return false }
      case 0x7D, 0x5D: depth -= 1
      default: break
      }
    }
    return true
  }

  /// Writes the record with what the hub knows of its origin. `origin` are members without braces, `ending` such with a comma before each.
  package func write(to json: inout JSONWriter, origin: [UInt8], ending: [UInt8], now: ContinuousClock.Instant) {
    json.beginObject()
    json.raw(origin)
    // The members bring their commas.
    json.needsComma = false
    json.raw(members)
    if let lastActivity {
      json.needsComma = false
      json.integer(lastActivity + milliseconds(from: arrival, to: now))
    }
    json.needsComma = false
    json.raw(ending)
    json.endObject()
  }
}

/// Whole milliseconds between two moments; 0 when they are the other way round.
func milliseconds(from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) -> Int {
  let (seconds, attoseconds) = start.duration(to: end).components
  return max(0, Int(clamping: seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
}

import Formats
import Sessions

extension Access {
  /// Whether a reader may see an event.
  ///
  /// Who is limited to some sessions sees what happened to those, by the name and the tags that they had then, and what others publish; but
  /// nothing of the rest that the server tells of itself: audit records and tokens name sessions too. A replayed event is as its original.
  package func shows(subject: String, originKind: String, data: some Collection<UInt8>) -> Bool {
    if sessions == nil, tags == nil { return true }
    guard originKind == "session" else { return !subject.hasPrefix("hub.") && !subject.hasPrefix("replay.hub.") }
    guard let fields = try? JSON(parsing: Array(data)), let name = fields["session"].string else { return false }
    return covers(name: name, tags: (fields["tags"].array ?? []).compactMap { $0.string.flatMap { try? Tag($0) } })
  }
}

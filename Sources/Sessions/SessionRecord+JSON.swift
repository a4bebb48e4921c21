package import Formats

extension SessionRecord {
  /// Longest command line, title or folder in a record for other servers: theirs to show in a list. The session itself tells it whole.
  static let maximumText = 4096

  /// The record as one JSON object. Written by hand: lists of many sessions are asked for often.
  package func write(to json: inout JSONWriter) {
    json.beginObject()
    writeMembers(to: &json) { $0 }
    json.key("server")
    json.string(server)
    if let serverID {
      json.key("server_id")
      json.string(serverID)
    }
    json.endObject()
  }

  /// For those who send it on: without `server`, and with long texts cut.
  var boardDocument: [UInt8] {
    var json = JSONWriter(reserving: 768)
    json.beginObject()
    writeMembers(to: &json) { $0.cut(to: SessionRecord.maximumText) }
    json.endObject()
    return json.finish()
  }

  private func writeMembers(to json: inout JSONWriter, _ shown: (String) -> String) {
    func text(_ key: StaticString, _ value: String?, _ json: inout JSONWriter) {
      guard let value else { return }
      json.key(key)
      json.string(value)
    }
    func number(_ key: StaticString, _ value: (some BinaryInteger)?, _ json: inout JSONWriter) {
      guard let value else { return }
      json.key(key)
      json.integer(value)
    }
    text("id", id, &json)
    text("name", name, &json)
    number("pid", pid, &json)
    text("command", shown(command), &json)
    number("rows", rows, &json)
    number("cols", cols, &json)
    text("size_policy", sizePolicy.rawValue, &json)
    number("clients", clients, &json)
    json.key("tags")
    json.beginArray()
    for tag in tags { json.string(tag) }
    json.endArray()
    number("last_activity_ms", lastActivityMs, &json)
    text("state", state.rawValue, &json)
    text("evidence", evidence.rawValue, &json)
    number("exit_status", exitStatus, &json)
    text("exit_signal", exitSignal, &json)
    text("started_at", startedAt.text, &json)
    text("ended_at", endedAt?.text, &json)
    text("title", shown(title), &json)
    text("cwd", cwd.map(shown), &json)
    text("foreground", foreground.map(shown), &json)
    number("generation", generation, &json)
    number("bells", bells, &json)
    text("bell_at", bellAt?.text, &json)
    if let notification {
      json.key("notification")
      json.beginObject()
      text("title", notification.title.map(shown), &json)
      text("body", shown(notification.body), &json)
      text("at", notification.at.text, &json)
      json.endObject()
    }
    if let progress {
      json.key("progress")
      json.beginObject()
      text("state", progress.state.rawValue, &json)
      number("percent", progress.percent, &json)
      json.endObject()
    }
  }
}

extension String {
  /// At most so many bytes, not cut within a character.
  package func cut(to bytes: Int) -> String {
    guard utf8.count > bytes else { return self }
    var end = utf8.index(utf8.startIndex, offsetBy: bytes)
    while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
    return String(self[..<end])
  }
}

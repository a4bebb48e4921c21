package import Formats

/// The forms in which events are given out.
package enum EventForm: String, Sendable, CaseIterable {
  /// Our own, as events are stored.
  case roost
  /// CloudEvents 1.0, JSON format; what CloudEvents has no attribute for goes into extensions.
  case cloudEvents = "cloudevents"
  /// That of the hub prototype: `{id, correlationId, origin{type, id}, timestamp, type, payload}`.
  case hub
}

extension StoredEvent {
  package func write(as form: EventForm, to json: inout JSONWriter) {
    switch form {
    case .roost: write(to: &json)
    case .cloudEvents: writeCloudEvent(to: &json)
    case .hub: writeHubEvent(to: &json)
    }
  }

  package func document(as form: EventForm) -> [UInt8] {
    if form == .roost { return document }
    var json = JSONWriter(reserving: documentBytes + 128)
    write(as: form, to: &json)
    return json.finish()
  }

  /// CloudEvents 1.0.2 §3, JSON format §3.
  private func writeCloudEvent(to json: inout JSONWriter) {
    func text(_ key: StaticString, _ value: String, _ json: inout JSONWriter) {
      json.key(key)
      json.string(value)
    }
    json.beginObject()
    text("specversion", "1.0", &json)
    text("id", id, &json)
    text("source", "roost://\(serverID)/\(originKind)/\(PercentEncoding.encode(originID))", &json)
    text("type", type, &json)
    text("subject", subject, &json)
    text("time", time.description, &json)
    text("datacontenttype", "application/json", &json)
    text("correlationid", correlationID, &json)
    if let causationID { text("causationid", causationID, &json) }
    if let principal { text("principal", principal, &json) }
    // Extensions have no 64-bit integers; a string is what the sequence extension of CloudEvents uses.
    text("sequence", String(seq), &json)
    json.key("data")
    json.raw(data)
    json.endObject()
  }

  /// The prototype knew origins of two kinds; what is neither is a tool of that name.
  private func writeHubEvent(to json: inout JSONWriter) {
    func text(_ key: StaticString, _ value: String, _ json: inout JSONWriter) {
      json.key(key)
      json.string(value)
    }
    let isKnown = originKind == "tool" || originKind == "project"
    json.beginObject()
    text("id", id, &json)
    text("correlationId", correlationID, &json)
    json.key("origin")
    json.beginObject()
    text("type", isKnown ? originKind : "tool", &json)
    text("id", isKnown ? originID : "\(originKind):\(originID)", &json)
    json.endObject()
    text("timestamp", time.description, &json)
    text("type", type, &json)
    json.key("payload")
    json.raw(data)
    json.endObject()
  }
}

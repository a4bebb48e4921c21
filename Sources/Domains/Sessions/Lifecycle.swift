import Formats
import Operations
import Sessions

/// Decides which lifecycle events a holder may hear of, when access is to some sessions only.
///
/// A session that is gone can no longer be asked for its tags, so those that the holder has seen are remembered by name.
struct LifecycleFilter {
  private let access: Access
  private var visible: Set<String> = []

  init(access: Access) { self.access = access }

  var isRestricted: Bool { access.sessions != nil || access.tags != nil }

  /// Notes what a session is like now.
  mutating func learn(_ name: String, _ tags: Set<Tag>) {
    if access.covers(name: name, tags: tags) { visible.insert(name) } else { visible.remove(name) }
  }

  /// Whether the holder may hear of an event, once the session has been looked at if it is still there.
  mutating func admits(_ event: StoreEvent) -> Bool {
    if !isRestricted { return true }
    switch event {
    case .created(let name), .ended(let name), .tagsChanged(let name, _, _): return visible.contains(name)
    case .renamed(let old, let new):
      let knew = visible.remove(old) != nil
      return visible.contains(new) || knew
    case .destroyed(let name): return visible.remove(name) != nil
    }
  }
}

extension StoreEvent {
  /// The name under which the session can be looked at after the event; `nil` when it cannot, or need not.
  var nameNow: String? {
    switch self {
    case .created(let name), .tagsChanged(let name, _, _): name
    case .renamed(_, let new): new
    case .ended, .destroyed: nil
    }
  }

  /// The event as it goes over `/ws/json`: `{"event", "params"}`.
  var document: [UInt8] {
    var json = JSONWriter()
    func begin(_ event: StaticString, _ json: inout JSONWriter) {
      json.key("event")
      json.string("\(event)")
      json.key("params")
      json.beginObject()
    }
    func text(_ key: StaticString, _ value: String, _ json: inout JSONWriter) {
      json.key(key)
      json.string(value)
    }
    func list(_ key: StaticString, _ values: [String], _ json: inout JSONWriter) {
      json.key(key)
      json.beginArray()
      for value in values { json.string(value) }
      json.endArray()
    }
    json.beginObject()
    switch self {
    case .created(let name):
      begin("session_created", &json)
      text("name", name, &json)
    case .renamed(let old, let new):
      begin("session_renamed", &json)
      text("old_name", old, &json)
      text("new_name", new, &json)
    case .destroyed(let name):
      begin("session_destroyed", &json)
      text("name", name, &json)
    case .ended(let name):
      begin("session_ended", &json)
      text("name", name, &json)
    case .tagsChanged(let name, let added, let removed):
      begin("session_tags_changed", &json)
      text("name", name, &json)
      list("added", added, &json)
      list("removed", removed, &json)
    }
    json.endObject()
    json.endObject()
    return json.finish()
  }
}

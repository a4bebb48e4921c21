package import Formats

/// A session as it can be chosen here: of the server that is asked, or of one behind it.
package struct SessionEntry: Sendable, Equatable {
  package var id: String
  package var name: String
  /// What the server is called; nil for the one that is asked.
  package var server: String?
  /// By what the server is asked for it: its id; nil for the one that is asked.
  package var serverID: String?
  /// What it does and runs, for people.
  package var state: String
  package var command: String
  package var folder: String
  package var clients: Int
  /// Grows with everything that is typed or printed.
  package var generation: Int
  package var bells: Int

  /// `web1:build`
  package var title: String { printable(server.map { "\($0):\(name)" } ?? name) }
}

/// The sessions of all servers, in the order of `roost ls`, as far as they can be shown.
package struct SessionDirectory: Sendable, Equatable {
  package var entries: [SessionEntry] = []

  package init(_ entries: [SessionEntry] = []) { self.entries = entries }

  /// - Parameters:
  ///   - answer: of `GET /fleet/sessions`, or of `GET /sessions` where there is no fleet.
  ///   - server: on which that was asked; nil for the one that is asked.
  package init(_ answer: JSON, askedOn server: String? = nil) {
    let servers = answer["servers"].array ?? []
    let ids = servers.map { $0["server_id"].plainText }
    let records = (answer["sessions"].array ?? answer.array ?? []).filter {
      $0["state"].string != "exited" && $0["stale"].bool != true
    }
    func place(_ record: JSON) -> Int { ids.firstIndex(of: record["server_id"].plainText) ?? ids.count }
    let sorted = records.sorted {
      place($0) == place($1)
        ? naturallyPrecedes($0["name"].plainText, $1["name"].plainText) : place($0) < place($1)
    }
    entries = sorted.map { record in
      // A list of one server's has what that one knows of others marked by the time it is from.
      let isElsewhere = ids.isEmpty ? !record["as_of"].isNull : place(record) > 0
      return SessionEntry(
        id: record["id"].plainText, name: record["name"].plainText,
        server: isElsewhere ? record["server"].plainText : server,
        serverID: isElsewhere ? record["server_id"].string ?? record["server"].string : server,
        state: record["state"].plainText, command: record["command"].plainText, folder: record["cwd"].plainText,
        clients: record["clients"].integer ?? 0, generation: record["generation"].integer ?? 0,
        bells: record["bells"].integer ?? 0)
    }
  }

  /// The one behind (or before) that one, all around; nil when there is no other.
  package func neighbour(of id: String, forward: Bool) -> SessionEntry? {
    guard let index = entries.firstIndex(where: { $0.id == id }) else { return entries.first }
    guard entries.count > 1 else { return nil }
    return entries[(index + (forward ? 1 : entries.count - 1)) % entries.count]
  }

  package func entry(_ id: String) -> SessionEntry? { entries.first { $0.id == id } }
}

/// What happened in other sessions while one was looked at.
package struct SessionMarks: Sendable, Equatable {
  /// How it was when somebody last looked.
  private struct Seen: Sendable, Equatable {
    var generation: Int
    var bells: Int
  }

  private var seen: [String: Seen] = [:]
  /// By the session's id.
  package private(set) var bells: Set<String> = []
  package private(set) var activity: Set<String> = []

  package init() {}

  /// Compares a new list with what was seen; the session that is shown is being looked at.
  package mutating func update(_ directory: SessionDirectory, shown: String) {
    var still: Set<String> = []
    for entry in directory.entries {
      still.insert(entry.id)
      let now = Seen(generation: entry.generation, bells: entry.bells)
      guard entry.id != shown, let before = seen[entry.id] else {
        seen[entry.id] = now
        bells.remove(entry.id)
        activity.remove(entry.id)
        continue
      }
      if now.bells > before.bells { bells.insert(entry.id) }
      if now.generation > before.generation { activity.insert(entry.id) }
    }
    seen = seen.filter { still.contains($0.key) }
    bells.formIntersection(still)
    activity.formIntersection(still)
  }

  /// `!` for a bell, `*` for anything else that was printed.
  package func mark(_ id: String) -> String { bells.contains(id) ? "!" : activity.contains(id) ? "*" : "" }
}

/// What the prefix key and another one do while a session is shown here. The letters are tmux's where it has them.
package enum AttachCommand: String, Sendable, CaseIterable {
  case detach, next, previous, last, list, search, history, rename, kill, repaint, help

  /// The keys behind the prefix.
  package var keys: [String] {
    switch self {
    case .detach: ["d"]
    case .next: ["n", ")"]
    case .previous: ["p", "("]
    case .last: ["l"]
    case .list: ["w", "s"]
    case .search: ["/"]
    case .history: ["["]
    case .rename: ["$", ","]
    case .kill: ["x", "&"]
    case .repaint: ["r"]
    case .help: ["?"]
    }
  }

  /// For the list of the keys.
  package var summary: String {
    switch self {
    case .detach: "leave the session; it goes on"
    case .next: "the next session"
    case .previous: "the session before"
    case .last: "the session that was shown before this one"
    case .list: "choose a session, of any server"
    case .search: "search in the history: n finds older lines, N newer ones"
    case .history: "look through the history; q leaves it"
    case .rename: "give the session another name"
    case .kill: "end the session; asks first"
    case .repaint: "paint the session anew"
    case .help: "this list"
    }
  }
}

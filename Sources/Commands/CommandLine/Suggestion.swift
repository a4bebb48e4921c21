/// The word the user probably meant, or nil when none is near enough to be worth saying.
package func nearest(to word: String, among candidates: [String]) -> String? {
  guard word.utf8.count <= longestComparedWord else { return nil }
  let lowered = word.lowercased()
  // A typed beginning is a better guess than any distance.
  if lowered.count >= 3, let completed = candidates.first(where: { $0.lowercased().hasPrefix(lowered) }) {
    return completed
  }
  let limit = max(1, lowered.count / 3)
  var best: (candidate: String, distance: Int)?
  for candidate in candidates {
    let distance = editDistance(lowered, candidate.lowercased())
    if distance <= limit, distance < (best?.distance ?? Int.max) {
      best = (candidate, distance)
    }
  }
  return best?.candidate
}

/// Longer words are no mistyped words of ours; this bounds the work for any input.
private let longestComparedWord = 64

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours each count one.
func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first.prefix(longestComparedWord))
  let b = Array(second.prefix(longestComparedWord))
  guard !a.isEmpty else { return b.count }
  guard !b.isEmpty else { return a.count }
  var beforePrevious: [Int] = []
  var previous = Array(0...b.count)
  for i in 1...a.count {
    var row = [i]
    row.reserveCapacity(b.count + 1)
    for j in 1...b.count {
      let cost = a[i - 1] == b[j - 1] ? 0 : 1
      var value = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + cost)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
        value = min(value, beforePrevious[j - 2] + 1)
      }
      row.append(value)
    }
    beforePrevious = previous
    previous = row
  }
  return previous[b.count]
}

/// What users of tmux, screen and others type, and our word for it.
let foreignCommandNames: [String: String] = [
  "new-session": "new", "new-window": "new", "create": "new", "start": "new", "open": "new",
  "attach-session": "attach", "connect": "attach", "join": "attach",
  "list-sessions": "ls", "sessions": "ls", "ps": "ls",
  "kill-session": "kill", "kill-server": "stop", "shutdown": "stop", "quit": "stop",
  "has-session": "ls", "delete": "rm", "remove": "rm", "rename-session": "rename",
  "send-keys": "keys", "press": "keys", "type": "send", "input": "send", "write": "send", "capture-pane": "screen",
  "show": "screen", "hardcopy": "screen", "history": "commands", "log": "scrollback", "logs": "scrollback",
  "exec": "run", "execute": "run", "detach-client": "detach", "list-clients": "clients", "info": "status",
  "daemon": "serve", "start-server": "serve", "start_server": "serve", "completion": "completions", "rpc": "call",
  "api": "call", "idle": "wait", "tags": "tag", "tokens": "token",
]

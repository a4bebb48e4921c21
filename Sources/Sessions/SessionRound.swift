import Net

/// Looks at many sessions, each on its loop: one loop after the other and all of its sessions in one visit, since each change of threads takes
/// as long as the look itself.
/// - Returns: what each look has brought, in the order of the sessions.
package func lookAround<Value: Sendable>(
  _ sessions: [Session], _ look: @Sendable (isolated Session) -> Value
) async -> [Value] {
  var seen = [Value?](repeating: nil, count: sessions.count)
  let byLoop = Dictionary(grouping: sessions.indices) { ObjectIdentifier(sessions[$0].loop) }
  for indices in byLoop.values {
    guard let first = indices.first else { continue }
    let visited = await LoopVisitor(loop: sessions[first].loop).look(at: indices.map { sessions[$0] }) { sessions in
      sessions.map { $0.assumeIsolated { look($0) } }
    }
    for (index, value) in zip(indices, visited.joined()) { seen[index] = value }
  }
  return seen.compactMap(\.self)
}

/// Looks at the sessions of one loop, on that loop.
actor LoopVisitor {
  /// Looking at a session is a few system calls, some 30 µs: after this many others have their turn.
  static let sessionsPerTurn = 16

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  init(loop: EventLoop) { self.loop = loop }

  /// - Returns: what the look of each turn has brought.
  @discardableResult
  func look<Value: Sendable>(
    at sessions: [Session], _ look: @Sendable (ArraySlice<Session>) -> Value
  ) async -> [Value] {
    var seen: [Value] = []
    var rest = sessions[...]
    while !rest.isEmpty {
      if !seen.isEmpty { await loop.nextTurn() }
      seen.append(look(rest.prefix(LoopVisitor.sessionsPerTurn)))
      rest = rest.dropFirst(LoopVisitor.sessionsPerTurn)
    }
    return seen
  }
}

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
    let visited = await LoopVisitor(loop: sessions[first].loop).look(at: indices.map { sessions[$0] }, look)
    for (index, value) in zip(indices, visited) { seen[index] = value }
  }
  return seen.compactMap(\.self)
}

/// Looks at the sessions of one loop, on that loop.
private actor LoopVisitor {
  /// Looking at a session is a few system calls, some 30 µs: after this many others have their turn.
  private static let sessionsPerTurn = 16

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  init(loop: EventLoop) { self.loop = loop }

  func look<Value: Sendable>(at sessions: [Session], _ look: @Sendable (isolated Session) -> Value) async -> [Value] {
    var seen: [Value] = []
    seen.reserveCapacity(sessions.count)
    for (index, session) in sessions.enumerated() {
      if index > 0, index % LoopVisitor.sessionsPerTurn == 0 { await loop.nextTurn() }
      seen.append(one(session, look))
    }
    return seen
  }

  private func one<Value: Sendable>(_ session: Session, _ look: @Sendable (isolated Session) -> Value) -> Value {
    session.assumeIsolated { look($0) }
  }
}

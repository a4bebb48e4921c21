package import Metrics
import Net

/// Counts the sessions of a store for metrics: states, clients, bytes. Looks only when it is asked.
package struct SessionCensus: MetricsSource {
  private let store: SessionStore

  package init(_ store: SessionStore) { self.store = store }

  package func families() async -> [MetricFamily] {
    let listed = await store.list().map(\.session)
    var tally = SessionTally()
    let processes = ProcessTable()
    for loop in Set(listed.map { ObjectIdentifier($0.loop) }) {
      let sessions = listed.filter { ObjectIdentifier($0.loop) == loop }
      guard let counter = sessions.first.map({ SessionCounter(loop: $0.loop, processes) }) else { continue }
      tally.add(await counter.count(sessions))
    }
    var states = MetricFamily("roost_sessions", .gauge, "Sessions by state; 'exited' ones are still listed.")
    for state in SessionState.allCases { states.add(tally.states[state] ?? 0, ["state": state.rawValue]) }
    var clients = MetricFamily("roost_session_clients", .gauge, "Clients that stream a session, by kind.")
    for kind in ClientInfo.kinds { clients.add(tally.clients[kind] ?? 0, ["kind": kind]) }
    let traffic = store.options.traffic
    return [
      states, clients,
      MetricFamily(
        "roost_session_output_bytes_total", .counter, "Bytes that the sessions' programs wrote.",
        value: traffic.fromPrograms.value),
      MetricFamily(
        "roost_session_input_bytes_total", .counter,
        "Bytes given to the sessions' programs: what was typed, and answers to their queries.",
        value: traffic.toPrograms.value),
    ]
  }
}

struct SessionTally: Sendable {
  var states: [SessionState: Int] = [:]
  var clients: [String: Int] = [:]

  mutating func add(_ other: SessionTally) {
    states.merge(other.states, uniquingKeysWith: +)
    clients.merge(other.clients, uniquingKeysWith: +)
  }
}

/// Counts the sessions of one loop, on that loop.
private actor SessionCounter {
  /// Looking at a session is a few system calls, some 30 µs: after this many others have their turn.
  private static let sessionsPerTurn = 16

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private let processes: ProcessTable

  init(loop: EventLoop, _ processes: ProcessTable) {
    self.loop = loop
    self.processes = processes
  }

  func count(_ sessions: [Session]) async -> SessionTally {
    var tally = SessionTally()
    for (index, session) in sessions.enumerated() {
      if index > 0, index % SessionCounter.sessionsPerTurn == 0 { await loop.nextTurn() }
      look(at: session, &tally)
    }
    return tally
  }

  private func look(at session: Session, _ tally: inout SessionTally) {
    let processes = processes
    let (state, kinds) = session.assumeIsolated { session in
      (session.state(processes: { _ in processes.all() }).state, session.clients.map(\.info.kind))
    }
    tally.states[state, default: 0] += 1
    for kind in kinds { tally.clients[kind, default: 0] += 1 }
  }
}

package import Metrics

/// Counts the sessions of a store for metrics: states, clients, bytes. Looks only when it is asked.
package struct SessionCensus: MetricsSource {
  private let store: SessionStore

  package init(_ store: SessionStore) { self.store = store }

  package func families() async -> [MetricFamily] {
    let processes = ProcessTable()
    let looks = await lookAround(store.list().map(\.session)) { session in
      (state: session.state(processes: processes.members(of:)).state, kinds: session.clients.map(\.info.kind))
    }
    let counts = Dictionary(looks.map { ($0.state, 1) }, uniquingKeysWith: +)
    let kinds = Dictionary(looks.flatMap(\.kinds).map { ($0, 1) }, uniquingKeysWith: +)
    var states = MetricFamily("roost_sessions", .gauge, "Sessions by state; 'exited' ones are still listed.")
    for state in SessionState.allCases { states.add(counts[state] ?? 0, ["state": state.rawValue]) }
    var clients = MetricFamily("roost_session_clients", .gauge, "Clients that stream a session, by kind.")
    for kind in ClientInfo.kinds { clients.add(kinds[kind] ?? 0, ["kind": kind]) }
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
      MetricFamily(
        "roost_session_waits", .gauge, "Waits for something in a session that are in progress.",
        value: traffic.waits.value),
    ]
  }
}

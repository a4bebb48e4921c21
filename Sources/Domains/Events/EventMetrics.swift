package import Events
package import Metrics
import Operations

/// What the event log tells of itself in metrics.
package struct EventMetrics: MetricsSource {
  private let log: EventLog

  package init(_ log: EventLog) { self.log = log }

  package func families() async -> [MetricFamily] {
    let statistics = log.statistics
    let size = log.size
    var events = MetricFamily(
      "roost_events_total", .counter, "Events stored since the start: the server's own by domain, others as published.")
    for (domain, count) in statistics.domains { events.add(count, ["domain": domain]) }
    var commit = MetricFamily(
      "roost_events_commit_seconds", .histogram, "Time to write and sync one batch of events.")
    commit.add(log.commitTime.snapshot)
    return [
      events, commit,
      MetricFamily(
        "roost_events_bytes_total", .counter, "Bytes of events stored since the start.", value: statistics.bytes),
      MetricFamily(
        "roost_events_dropped_total", .counter, "Events of the server's own that could not be stored.",
        value: statistics.dropped),
      MetricFamily(
        "roost_events_failed_total", .counter, "Published events that were refused because the disk did not take them.",
        value: statistics.failed),
      MetricFamily(
        "roost_events_corrupt_lines", .gauge, "Lines found that are no events.", value: statistics.corruptLines),
      MetricFamily(
        "roost_events_waiting_bytes", .gauge, "Bytes of events that wait for the disk.", value: log.waitingBytes),
      MetricFamily("roost_events_followers", .gauge, "Clients that follow the log.", value: log.followers),
      MetricFamily(
        "roost_events_lag", .gauge, "How many events the follower that is furthest behind has before it.",
        value: await log.lag()),
      MetricFamily("roost_events_last_seq", .gauge, "Number of the newest event.", value: log.lastSeq),
      MetricFamily("roost_events_log_bytes", .gauge, "Size of the event log on the disk.", value: size.bytes),
      MetricFamily("roost_events_log_files", .gauge, "Files of the event log.", value: size.files),
      MetricFamily(
        "roost_events_writable", .gauge, "1 while events can be stored.", value: statistics.fault == nil ? 1 : 0),
    ]
  }
}

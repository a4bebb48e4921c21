import Formats
package import Metrics
package import Net
import Operations
import Sys

/// What a server tells of itself in metrics: which it is, how its loops and its process do, whether its keeper lives.
package struct ServerMetrics: MetricsSource {
  private let control: any ServerControl
  private let loops: LoopGroup
  /// Whether the keeper answers.
  private let isKeeperUp: @Sendable () async -> Bool

  package init(_ control: any ServerControl, loops: LoopGroup, isKeeperUp: @escaping @Sendable () async -> Bool) {
    self.control = control
    self.loops = loops
    self.isKeeperUp = isKeeperUp
  }

  package func families() async -> [MetricFamily] {
    let info = await control.info()
    var build = MetricFamily("roost_build_info", .gauge, "Always 1; the labels say what runs.")
    build.add(1, ["version": info.version])
    let started = Double(info.startedAt.milliseconds) / 1000
    let now = Double(Clock.realtime) / 1e9
    return [
      build,
      MetricFamily("roost_uptime_seconds", .gauge, "Since the server started.", value: max(0, now - started)),
      MetricFamily(
        "roost_keeper_up", .gauge, "1 while the keeper, which holds the sessions' programs, can be reached.",
        value: await isKeeperUp() ? 1 : 0),
      await lag(),
    ] + process(started: started)
  }

  /// Each loop is asked for a turn, and how long that took is how far it is behind. Measured now: a timer that measured all the time
  /// would keep an idle server from sleeping.
  private func lag() async -> MetricFamily {
    var family = MetricFamily(
      "roost_loop_lag_seconds", .gauge,
      "How long an event loop took to get to a new job, when these metrics were asked for.")
    for loop in loops.loops {
      let began = Clock.monotonic
      await withCheckedContinuation { continuation in loop.execute { continuation.resume() } }
      family.add(Double(Clock.monotonic &- began) / 1e9, ["loop": loop.name])
    }
    return family
  }

  /// The names that every Prometheus client library uses.
  private func process(started: Double) -> [MetricFamily] {
    let usage = ProcessUsage.own
    return [
      MetricFamily(
        "process_cpu_seconds_total", .counter, "CPU time, user and system.",
        value: Double(usage.processorNanoseconds) / 1e9),
      MetricFamily("process_resident_memory_bytes", .gauge, "Resident memory.", value: usage.residentBytes),
      MetricFamily("process_virtual_memory_bytes", .gauge, "Virtual memory.", value: usage.virtualBytes),
      MetricFamily("process_open_fds", .gauge, "Open file descriptors.", value: usage.openDescriptors),
      MetricFamily(
        "process_max_fds", .gauge, "File descriptors that may be open at most.", value: usage.maximumDescriptors),
      MetricFamily("process_start_time_seconds", .gauge, "When the process started, since 1970.", value: started),
    ]
  }
}

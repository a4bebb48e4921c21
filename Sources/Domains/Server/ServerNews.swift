package import Causality
import Formats
package import Operations

// The server's own life, as events.
extension OwnEvents {
  /// Why a server stops.
  package enum StopReason: String, Sendable {
    /// `server.shutdown`
    case operation
    /// SIGTERM or SIGINT
    case signal
    /// It was to end with its last session.
    case noSessions = "no_sessions"
  }

  /// The server answers now. `id` is what the taking over of sessions, which came before, points at.
  package func serverStarted(
    id: String, because cause: Cause, version: String, pid: Int, hostname: String, takesOver: Bool
  ) {
    let type = ServerEvents.started
    emit(
      type, id: id, because: cause,
      type.data([
        "version": .string(version), "pid": .integer(pid), "hostname": .string(hostname),
        "reason": takesOver ? "takeover" : "start",
      ]))
  }

  package func serverStopping(because cause: Cause?, version: String, pid: Int, reason: StopReason) {
    let type = ServerEvents.stopping
    emit(
      type, because: cause,
      type.data(["version": .string(version), "pid": .integer(pid), "reason": .string(reason.rawValue)]))
  }
}

package import Formats
import Sys
import TerminalEngine

/// What is told about a session. Field names in JSON are wsh's, with ours beside them.
package struct SessionRecord: Sendable, Codable {
  package var id: String
  package var name: String
  /// The host that the session runs on.
  package var server: String
  /// The id of that server.
  package var serverID: String?
  package var pid: Int
  package var command: String
  package var rows: Int
  package var cols: Int
  package var sizePolicy: SizePolicy
  package var clients: Int
  package var tags: [String]
  package var lastActivityMs: Int
  package var state: SessionState
  package var evidence: Evidence
  package var exitStatus: Int?
  package var exitSignal: String?
  package var startedAt: Timestamp
  package var endedAt: Timestamp?
  package var title: String
  package var cwd: String?
  package var foreground: String?
  package var generation: UInt64
  /// Bells that it has rung since its server knows it.
  package var bells: Int?
  /// When the last was.
  package var bellAt: Timestamp?
  /// What it has asked attention for last.
  package var notification: ProgramNotification?
  /// How far it says that it is.
  package var progress: ProgramProgress?
}

extension Session {
  /// - Parameter processes: the table of the machine's processes, where several records are made at once.
  package func record(server: String, serverID: String? = nil, processes: ProcessTable? = nil) -> SessionRecord {
    let members = processes.map { table in table.members(of:) } ?? ProcessStatus.members(of:)
    let (state, evidence) = self.state(processes: members)
    let notices = chronicle.notices
    var record = SessionRecord(
      id: id, name: name.text, server: server, serverID: serverID, pid: Int(pid), command: command,
      rows: terminal.size.rows,
      cols: terminal.size.columns, sizePolicy: sizePolicy, clients: clientCount, tags: tags.map(\.text).sorted(),
      lastActivityMs: lastActivityMs,
      state: state, evidence: evidence, startedAt: startedAt, endedAt: endedAt, title: terminal.title,
      cwd: workingDirectory(among: members),
      foreground: foreground(among: members), generation: generation, bells: notices.bells,
      bellAt: notices.bellAt, notification: notices.notification, progress: exit == nil ? notices.progress : nil)
    (record.exitStatus, record.exitSignal) = exit.jsonFields
    return record
  }
}

extension ExitStatus? {
  /// `exit_status` and `exit_signal`: one of them once the program has ended, and neither where nobody can tell how.
  package var jsonFields: (status: Int?, signal: String?) {
    switch self {
    case nil, .unknown: (nil, nil)
    case .exited(let status): (Int(status), nil)
    case .signaled(let number): (nil, Signal(number: number)?.description ?? "SIG\(number)")
    }
  }
}

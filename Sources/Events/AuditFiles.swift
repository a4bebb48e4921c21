import Glibc
import Sys

/// The audit records as lines of text, in a file for each UTC day: `audit/YYYY/MM/DD/hub.log`.
///
/// Written by the log's thread after the events themselves are on the disk, for `grep` and people. The events are the record: when a line
/// cannot be written, the fault is reported once and the events go on.
struct AuditFiles: ~Copyable {
  private let folder: String?
  private let report: @Sendable (String) -> Void
  private var day = ""
  private var path = ""
  private var file: CInt = -1
  private var hasComplained = false

  init(folder: String?, report: @escaping @Sendable (String) -> Void) {
    self.folder = folder
    self.report = report
  }

  deinit { if file >= 0 { close(file) } }

  mutating func append(_ records: [(draft: EventDraft, time: EventTime)]) {
    guard let folder, !records.isEmpty else { return }
    do throws(SystemError) {
      var text: [UInt8] = []
      for (draft, time) in records {
        let written = time.description
        try write(&text, beforeDay: String(written.prefix(10)), folder)
        if let line = AuditLine.text(of: draft, at: written) { text += Array((line + "\n").utf8) }
      }
      try write(&text, beforeDay: day, folder)
      hasComplained = false
    } catch {
      closeFile()
      if !hasComplained { report("audit: \(error.description); the audit events themselves are in the event log") }
      hasComplained = true
    }
  }

  /// Writes what has been gathered, and opens the file of the day when it is another.
  private mutating func write(_ text: inout [UInt8], beforeDay next: String, _ folder: String) throws(SystemError) {
    if file >= 0, !text.isEmpty { try writeAll(file, text) }
    text.removeAll(keepingCapacity: true)
    if file >= 0, FileIdentity(descriptor: file) != FileIdentity(path) { closeFile() }
    guard next != day || file < 0 else { return }
    closeFile()
    var path = folder
    try LogFile.makeFolder(path)
    for part in next.split(separator: "-") {
      path += "/\(part)"
      try LogFile.makeFolder(path)
    }
    path += "/hub.log"
    file = try openRegularFile(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW)
    self.path = path
    day = next
  }

  private mutating func closeFile() {
    if file >= 0 { close(file) }
    file = -1
  }
}

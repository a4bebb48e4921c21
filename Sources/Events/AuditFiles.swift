import Glibc
import Sys

/// The audit records as lines of text, in a file for each UTC day: `audit/YYYY/MM/DD/hub.log`. They are kept as long as events are, and within a
/// quarter of the space.
///
/// Written by the log's thread after the events themselves are on the disk, for `grep` and people. The events are the record: when a line
/// cannot be written, the fault is reported once and the events go on.
struct AuditFiles: ~Copyable {
  private let folder: String?
  private let retention: Retention
  private let report: @Sendable (String) -> Void
  /// Looked at when the first line is written.
  private var shelf: AuditShelf?
  /// `YYYY/MM/DD`.
  private var day = ""
  private var path = ""
  private var file: CInt = -1
  private var hasComplained = false

  init(folder: String?, retention: Retention = Retention(), report: @escaping @Sendable (String) -> Void) {
    self.folder = folder
    self.retention = retention
    self.report = report
  }

  deinit { if file >= 0 { close(file) } }

  mutating func append(_ records: [(draft: EventDraft, time: EventTime)]) {
    guard let folder, !records.isEmpty else { return }
    do throws(SystemError) {
      var text: [UInt8] = []
      for (draft, time) in records {
        let next = AuditShelf.day(of: time)
        if next != day || file < 0 || text.count > AuditFiles.longestWrite {
          try write(&text, folder)
          try turn(to: next, at: time, folder)
        }
        if let line = AuditLine.text(of: draft, at: time.description) { text += Array((line + "\n").utf8) }
      }
      try write(&text, folder)
      hasComplained = false
    } catch {
      closeFile()
      if !hasComplained { report("audit: \(error.description); the audit events themselves are in the event log") }
      hasComplained = true
    }
  }

  /// How much is gathered before it is written, in bytes.
  private static let longestWrite = 64 << 10

  /// Writes what has been gathered, into another file when the current one would grow too large, and lets the oldest ones go for it.
  private mutating func write(_ text: inout [UInt8], _ folder: String) throws(SystemError) {
    guard !text.isEmpty else { return }
    if FileIdentity(descriptor: file) != FileIdentity(path) {
      shelf = nil
      try open(folder)
    }
    if let limit = retention.auditBytes {
      let size = shelf?.size(ofCurrent: day) ?? 0
      if size > 0, size + text.count > max(AuditFiles.longestWrite, limit / 8) {
        try shelf?.complete(day: day)
        try open(folder)
      }
      shelf?.retain(from: nil, bytes: max(0, limit - text.count))
    }
    try writeAll(file, text)
    shelf?.grew(day: day, by: text.count)
    text.removeAll(keepingCapacity: true)
  }

  /// Opens the file of a day, and lets those go that are too old by then.
  private mutating func turn(to next: String, at time: EventTime, _ folder: String) throws(SystemError) {
    let isLater = next != day
    day = next
    try open(folder)
    guard isLater, let age = retention.age else { return }
    shelf?.retain(from: AuditShelf.day(of: time.earlier(by: age)), bytes: nil)
  }

  private mutating func open(_ folder: String) throws(SystemError) {
    closeFile()
    var path = folder
    try LogFile.makeFolder(path)
    for part in day.split(separator: "/") {
      path += "/\(part)"
      try LogFile.makeFolder(path)
    }
    path += "/\(AuditShelf.current)"
    file = try openRegularFile(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW)
    self.path = path
    if shelf == nil { shelf = AuditShelf(folder: folder) }
  }

  private mutating func closeFile() {
    if file >= 0 { close(file) }
    file = -1
  }
}

import Events
import Glibc

/// Appends events from eight tasks for ever and writes `id seq` to standard output for each that was acknowledged: a process to kill.
///
///     event-appender FOLDER PREFIX
@main
struct EventAppender {
  static func main() async {
    let arguments = CommandLine.arguments
    guard arguments.count == 3 else { exit(2) }
    let log = EventLog(EventLog.Configuration(folder: arguments[1], serverID: "server-1"))
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask { await append(to: log, "\(arguments[2])-\(task)", isLarge: task == 0) }
      }
    }
  }

  private static func append(to log: EventLog, _ prefix: String, isLarge: Bool) async {
    for number in 0... {
      // Now and then more than the kernel copies at once.
      let padding = String(repeating: "x", count: isLarge && number % 4 == 1 ? 60_000 : number % 100)
      do {
        let receipt = try await log.append(
          EventDraft(
            id: "\(prefix)-\(number)", type: "test.appended", subject: try Subject("test.appended"),
            origin: EventOrigin(kind: "tool", id: "appender"), correlationID: prefix,
            data: Array("\"\(padding)\"".utf8)))
        // One write, which a pipe takes whole or not at all.
        let line = Array("\(receipt.id) \(receipt.seq)\n".utf8)
        guard write(STDOUT_FILENO, line, line.count) == line.count else { exit(1) }
      } catch {
        exit(3)
      }
    }
  }
}

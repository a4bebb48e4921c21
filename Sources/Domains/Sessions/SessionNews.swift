import Causality
import Formats
import Operations
package import Sessions
import Store

// What sessions announce, as events.
extension OwnEvents {
  /// Longest command line in an event; what is longer is cut. The session's command records have it whole.
  static let maximumCommand = 4096

  /// Emits what happened to a session.
  package func emit(_ announcement: SessionAnnouncement) {
    let (type, members) = OwnEvents.members(of: announcement.news)
    var all: [JSON.Member] = [.init("session", .string(announcement.name))]
    if !announcement.tags.isEmpty { all.append(.init("tags", .array(announcement.tags.map { .string($0) }))) }
    for (name, value) in members { if let value { all.append(.init(name, value)) } }
    emit(
      type, id: announcement.id, origin: announcement.sessionID, because: announcement.cause,
      type.data(of: .object(all)))
  }

  /// Emits how much an account has done to a session that was not told of by itself. It stands for many calls, so it belongs to the
  /// correlation of none.
  func emit(
    _ leftOut: LeftOutNews, of session: (id: String, name: String, tags: [String]), by account: Cause.Account
  ) {
    var all: [JSON.Member] = [.init("session", .string(session.name))]
    if !session.tags.isEmpty { all.append(.init("tags", .array(session.tags.map { .string($0) }))) }
    all.append(.init("clients", .integer(leftOut.clients)))
    all.append(.init("renamed", .integer(leftOut.names)))
    all.append(.init("tagged", .integer(leftOut.tags)))
    let type = SessionEvents.newsLeftOut
    emit(
      type, origin: session.id, because: Cause(correlationID: makeUUID(), principal: account.principal),
      type.data(of: .object(all)))
  }

  private static func members(of news: SessionAnnouncement.News) -> (EventType, [(String, JSON?)]) {
    switch news {
    case .created(let command, let pid, let rows, let columns):
      (SessionEvents.created, beginning(command, pid, rows, columns))
    case .adopted(let command, let pid, let rows, let columns):
      (SessionEvents.adopted, beginning(command, pid, rows, columns))
    case .renamed(let old): (SessionEvents.renamed, [("old_name", .string(old))])
    case .tagged(let added, let removed):
      (
        SessionEvents.tagged,
        [("added", .array(added.map { .string($0) })), ("removed", .array(removed.map { .string($0) }))]
      )
    case .attached(let number, let client):
      (
        SessionEvents.attached,
        [
          ("client", .integer(number)), ("kind", .string(client.kind)), ("address", .string(client.peer)),
          ("read_only", .bool(client.readOnly)),
        ]
      )
    case .detached(let number, let client, let reason):
      (
        SessionEvents.detached,
        [("client", .integer(number)), ("kind", .string(client.kind)), ("reason", .string(reason.rawValue))]
      )
    case .commandStarted(let record):
      (
        SessionEvents.commandStarted,
        [("number", .integer(record.id))] + commandLine(record) + [
          ("cwd", record.directory.map { .string(cut($0).text) })
        ]
      )
    case .commandFinished(let record):
      (
        SessionEvents.commandFinished,
        [("number", .integer(record.id))] + commandLine(record) + [
          ("exit_status", record.exitStatus.map { .integer($0) }),
          (
            "duration_ms",
            .integer(Int(max(0, (record.endedAt ?? record.startedAt).milliseconds - record.startedAt.milliseconds)))
          ),
          ("evidence", .string(record.evidence.rawValue)),
        ]
      )
    case .commandsLeftOut(let leftOut):
      (
        SessionEvents.commandsLeftOut,
        [("count", .integer(leftOut.count)), ("first", .integer(leftOut.first)), ("last", .integer(leftOut.last))]
      )
    case .stateChanged(let state, let evidence, let previous):
      (
        SessionEvents.stateChanged,
        [
          ("state", .string(state.rawValue)), ("evidence", .string(evidence.rawValue)),
          ("previous", previous.map { .string($0.rawValue) }),
        ]
      )
    case .rang(let count): (SessionEvents.bell, [("count", .integer(count))])
    case .notified(let notification, let count):
      (
        SessionEvents.notification,
        [
          ("title", notification.title.map { .string($0) }), ("body", .string(notification.body)),
          ("count", .integer(count)),
        ]
      )
    case .progressed(let progress):
      (
        SessionEvents.progress,
        [
          ("state", .string(progress?.state.rawValue ?? "none")),
          ("percent", progress.flatMap { $0.state == .indeterminate ? nil : .integer($0.percent) }),
        ]
      )
    case .retitled(let title): (SessionEvents.titleChanged, [("title", .string(title))])
    case .offered(let offer, let count):
      (
        SessionEvents.clipboard,
        [
          ("selection", .string(offer.selection)), ("bytes", .integer(offer.bytes)),
          ("text", offer.text.map { .string($0) }), ("count", .integer(count)),
        ]
      )
    case .ended(let exit, let duration):
      (
        SessionEvents.ended,
        [
          ("exit_status", exit.jsonFields.status.map { .integer($0) }),
          ("exit_signal", exit.jsonFields.signal.map { .string($0) }), ("duration_ms", .integer(duration.milliseconds)),
        ]
      )
    case .removed: (SessionEvents.removed, [])
    }
  }

  private static func beginning(_ command: String, _ pid: Int32, _ rows: Int, _ columns: Int) -> [(String, JSON?)] {
    [
      ("command", .string(cut(command).text)), ("pid", .integer(Int(pid))), ("rows", .integer(rows)),
      ("cols", .integer(columns)),
    ]
  }

  private static func commandLine(_ record: CommandRecord) -> [(String, JSON?)] {
    guard let command = record.command.map(cut) else { return [] }
    return [("command", .string(command.text)), ("truncated", command.isCut ? true : nil)]
  }

  /// At most ``maximumCommand`` bytes, not cut within a character.
  private static func cut(_ text: String) -> (text: String, isCut: Bool) {
    guard text.utf8.count > maximumCommand else { return (text, false) }
    var end = text.utf8.index(text.utf8.startIndex, offsetBy: maximumCommand)
    while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
    return (String(text[..<end]), true)
  }
}

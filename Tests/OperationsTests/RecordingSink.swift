import Events
import Formats
import Synchronization

/// An event log that keeps what it is given.
final class RecordingSink: EventSink {
  private let kept = Mutex<[EventDraft]>([])

  func emit(_ draft: EventDraft) { kept.withLock { $0.append(draft) } }

  var drafts: [EventDraft] { kept.withLock { $0 } }
}

extension EventDraft {
  var fields: JSON { (try? JSON(parsing: data)) ?? .null }
}

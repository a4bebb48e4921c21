import Formats
import Net
import Operations
import Store
import Synchronization

/// Notes: a whole domain, as small as one can be. What it takes to add one is what stands here.
enum NoteContract: Contract {
  struct Creation: Codable, Sendable, MeaningTelling {
    static let meanings = [
      FieldMeaning("text", "What it says"), FieldMeaning("pinned", "Whether it stays", standard: false),
    ]
    var text: String
    var pinned: Bool?
  }

  struct Reference: Codable, Sendable, MeaningTelling {
    static let meanings = [FieldMeaning("note", "Its number")]
    var note: Int
  }

  struct Note: Codable, Sendable {
    var note: Int
    var text: String
    var pinned: Bool
  }

  static let create = TypedOperation(
    "note.create", "Write a note", .filesWrite, .post("/notes"), .changes, status: 201, takes: Creation.self,
    gives: Note.self)
  static let get = TypedOperation(
    "note.get", "Read a note", .filesRead, .get("/notes/{note}"), .reads, takes: Reference.self, gives: Note.self)
  static let watch = TypedStream(
    .init(.webSocket, "ws.notes", "/notes/ws", "WebSocket: every note as it is written."),
    .init(.serverSentEvents, "note.stream", "/notes/stream", "Every note as it is written, as server-sent events."),
    scopes: [.filesRead], takes: NoInput.self
  ).overRPC(Stream.RPC(subscribe: "note.watch", unsubscribe: "note.unwatch", notification: "note.written"))
  static let written = EventType(
    "note.written", "A note was written", from: "note", [EventField("text", .string, "it")])

  static let operations = [create.operation, get.operation]
  static let streams = [watch.stream]
  static let events = [written]
}

/// What does it: the store, and who watches it.
final class NoteStore: Sendable {
  private let notes = Mutex<(all: [NoteContract.Note], watchers: [ObjectIdentifier: any MessageSocket])>(([], [:]))

  var domain: Domain {
    Domain(
      NoteContract.self,
      [
        NoteContract.create.on { _, input in try self.add(input) },
        NoteContract.get.on { _, input in
          guard let note = self.notes.withLock({ $0.all.first { $0.note == input.note } }) else {
            throw OperationError(.notFound, "There is no note \(input.note).")
          }
          return note
        },
      ],
      streams: [
        NoteContract.watch.on { _, _ in
          StreamOpening { socket, closed in
            socket.handler = Watcher {
              self.notes.withLock { $0.watchers[ObjectIdentifier(socket)] = nil }
            } closed: {
              closed()
            }
            self.notes.withLock { $0.watchers[ObjectIdentifier(socket)] = socket }
          }
        }
      ])
  }

  private func add(_ input: NoteContract.Creation) throws -> NoteContract.Note {
    let (note, watchers) = notes.withLock { notes in
      let note = NoteContract.Note(note: notes.all.count + 1, text: input.text, pinned: input.pinned ?? false)
      notes.all.append(note)
      return (note, Array(notes.watchers.values))
    }
    let text = try encodeJSON(note)
    for watcher in watchers { watcher.loop.execute { watcher.send(text: text) } }
    return note
  }
}

/// Forgets a socket that has closed.
private final class Watcher: WebSocketHandler {
  private let forget: @Sendable () -> Void
  private let closed: @Sendable () -> Void

  init(_ forget: @escaping @Sendable () -> Void, closed: @escaping @Sendable () -> Void) {
    self.forget = forget
    self.closed = closed
  }

  func webSocket(_ ws: any MessageSocket, text: [UInt8]) {}
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
  func webSocketDrained(_ ws: any MessageSocket) {}
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    forget()
    closed()
  }
}

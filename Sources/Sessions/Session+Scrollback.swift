import Formats
import Net
import TerminalEngine

/// Who writes a long answer on a loop: few at a time, since each holds up to twice what it has written, and a hundred at once would be no sooner
/// ready.
final class LongAnswers: Sendable {
  /// Answers of more than one piece.
  static let pieces = LongAnswers(places: 2)
  /// Large pictures, each of which takes a turn of the loop by itself.
  static let pictures = LongAnswers(places: 1)

  private struct State: Sendable {
    var taken = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let places: Int
  private let states = LoopLocal<State>()

  private init(places: Int) { self.places = places }

  /// Waits for a place on the loop, which is passed on to whoever waits in their order.
  func enter(on loop: EventLoop, isolation: isolated (any Actor)? = #isolation) async {
    await withCheckedContinuation { continuation in
      // Looked at here and not before: others may have their turn until the body runs.
      var state = states[loop] ?? State()
      if state.taken < places {
        state.taken += 1
        continuation.resume()
      } else {
        state.waiting.append(continuation)
      }
      states[loop] = state
    }
  }

  func leave(on loop: EventLoop) {
    var state = states[loop] ?? State()
    let next = state.waiting.isEmpty ? nil : state.waiting.removeFirst()
    if next == nil { state.taken -= 1 }
    states[loop] = state
    next?.resume()
  }
}

extension Session {
  /// A picture of more cells takes milliseconds to write, and is one moment: it cannot be written in pieces.
  private static let cellsAtOnce = 32 << 10

  /// Waits, before a large picture is written, until others on the loop have had their turn: sixty who ask for one at once are no reason for
  /// all the rest to wait for sixty. Returns whether it is large. Throws `CancellationError` when nobody waits for the picture any more.
  @discardableResult
  package func awaitTurnForPicture() async throws -> Bool {
    guard terminal.size.rows * terminal.size.columns > Session.cellsAtOnce else { return false }
    await LongAnswers.pictures.enter(on: loop)
    if !Task.isCancelled { await loop.nextTurn() }
    LongAnswers.pictures.leave(on: loop)
    try Task.checkCancellation()
    return true
  }

  /// Most lines that one call answers.
  package static let scrollbackLimit = 10_000
  /// Longest answer, in bytes: a message of a link may be little longer, and ten thousand lines of text need a seventh of it.
  package static let scrollbackBytes = 16 << 20
  /// What one turn of the loop writes of it, in bytes: half a millisecond.
  static let scrollbackTurn = 64 << 10
  /// How often it is begun anew because lines were wrapped anew in between.
  private static let scrollbackAttempts = 3

  /// Lines of the history and the screen, counted from the oldest kept one: `{epoch, lines, total_lines, offset}`.
  ///
  /// Written a piece at a time, so that others on the loop are served in between. `total_lines` and `offset` are as they were at the beginning;
  /// where lines that were wanted have left the history meanwhile, `offset` is that of the first that is still there. Throws
  /// ``SessionError/Code/answerTooLarge``.
  package func scrollback(offset: Int, limit: Int, format: ScreenFormat) async throws -> [UInt8] {
    var attempts = 1
    while true {
      if let document = try await scrollbackInPieces(
        offset: offset, limit: limit, format: format, inOne: attempts > Session.scrollbackAttempts)
      {
        return document
      }
      attempts += 1
    }
  }

  /// `nil` when lines were wrapped anew in between, which gives them other numbers.
  private func scrollbackInPieces(offset: Int, limit: Int, format: ScreenFormat, inOne: Bool) async throws -> [UInt8]? {
    let (columns, first, total) = (terminal.size.columns, terminal.firstLine, totalLines)
    let start = min(max(offset, 0), total)
    let end = first + min(total, start + min(max(limit, 0), Session.scrollbackLimit))
    var line = first + start
    var json = JSONWriter(reserving: 16384)
    // Repeated styles are copied from where they were written last in this document.
    var styles = StyleTexts()
    func begin(_ json: inout JSONWriter, offset: Int) {
      json.beginObject()
      json.key("epoch")
      json.integer(0)
      json.key("total_lines")
      json.integer(total)
      json.key("offset")
      json.integer(offset)
      json.key("lines")
      json.beginArray()
    }
    begin(&json, offset: offset)
    var isInTurn = false
    defer { if isInTurn { LongAnswers.pieces.leave(on: loop) } }
    var turnEnd = Session.scrollbackTurn
    while line < end {
      json.line(of: &terminal, line: line, format: format, styles)
      line += 1
      guard json.count <= Session.scrollbackBytes else {
        throw SessionError(
          .answerTooLarge,
          "The answer would be larger than \(Session.scrollbackBytes >> 20) MiB: ask for fewer lines at a time ('limit')."
        )
      }
      guard !inOne, json.count >= turnEnd, line < end else { continue }
      turnEnd = json.count + Session.scrollbackTurn
      if !isInTurn {
        await LongAnswers.pieces.enter(on: loop)
        isInTurn = true
      }
      await loop.nextTurn()
      try Task.checkCancellation()
      guard terminal.size.columns == columns else { return nil }
      if terminal.firstLine > line {
        line = terminal.firstLine
        json = JSONWriter(reserving: 16384)
        styles = StyleTexts()
        begin(&json, offset: min(line, end) - first)
        turnEnd = Session.scrollbackTurn
      }
    }
    json.endArray()
    json.endObject()
    return json.finish()
  }
}

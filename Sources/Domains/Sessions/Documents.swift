import Formats
import Operations
import Sessions
import TerminalEngine

/// A screen, as `session.screen` answers it.
struct ScreenOutput: EncodedDocument {
  let json: [UInt8]
  consuming func encoded() -> [UInt8] { json }

  static let line = Schema.any
  static let schema = Schema.object([
    .init("epoch", .integer(nil)), .init("first_line_index", .integer(nil)), .init("total_lines", .integer(nil)),
    .init("lines", .array(line), required: false),
    .init("since", .integer(nil), required: false),
    .init("changed", .array(.object([.init("row", .integer(nil)), .init("line", line)])), required: false),
    .init("cursor", .object([.init("row", .integer(nil)), .init("col", .integer(nil)), .init("visible", .boolean)])),
    .init("cols", .integer(nil)), .init("rows", .integer(nil)), .init("alternate_active", .boolean),
    .init("generation", .integer(nil)),
    .init("last_activity_ms", .integer(nil)), .init("title", .string()),
    .init("truncated", .boolean, required: false),
  ])
}

/// Lines of history, as `session.scrollback` answers them.
struct ScrollbackOutput: EncodedDocument {
  let json: [UInt8]
  consuming func encoded() -> [UInt8] { json }

  static let schema = Schema.object([
    .init("epoch", .integer(nil)), .init("total_lines", .integer(nil)), .init("offset", .integer(nil)),
    .init("lines", .array(ScreenOutput.line)),
  ])
}

/// What ended a wait, and the screen at that moment.
struct WaitOutput: EncodedDocument {
  let json: [UInt8]
  consuming func encoded() -> [UInt8] { json }

  static let schema = Schema.object([
    .init("session", .string()), .init("met", .boolean), .init("reason", WaitOutcome.Reason.schema),
    .init("evidence", Evidence.schema),
    .init("match", .string(), required: false), .init("text_skipped", .boolean, required: false),
    .init("state", SessionState.schema),
    .init("state_evidence", Evidence.schema),
    .init("generation", .integer(nil)), .init("exit_status", .integer(nil), required: false),
    .init("exit_signal", .string(), required: false),
    .init("screen", ScreenOutput.schema),
  ])
}

/// wsh's answer to a wait for silence.
struct IdleOutput: EncodedDocument {
  let json: [UInt8]
  consuming func encoded() -> [UInt8] { json }

  static let schema = Schema.object([
    .init("session", .string(), required: false), .init("screen", ScreenOutput.schema),
    .init("scrollback_lines", .integer(nil)),
    .init("generation", .integer(nil)), .init("last_activity_ms", .integer(nil), required: false),
    .init("state", SessionState.schema), .init("evidence", Evidence.schema),
  ])
}

extension Session {
  /// The screen when its picture is whole. One visit to the session's loop.
  func screenDocument(since: UInt64?, format: ScreenFormat, for call: Call) async throws -> ScreenOutput {
    if try await awaitTurnForPicture() { try call.remarks?.requireRoom() }
    return await whenWhole { session in
      if let since { return ScreenOutput(json: session.screenChanges(since: since, format: format)) }
      return ScreenOutput(json: session.screen(format: format))
    }
  }

  /// The end of a wait as JSON, taken in one piece on the session's loop so that screen and facts belong together.
  func waitDocument(_ outcome: WaitOutcome, format: ScreenFormat, wanted: Set<WaitOutcome.Reason>) -> WaitOutput {
    let (state, evidence) = state(after: outcome)
    let (status, signal) = exit.jsonFields
    var json = JSONWriter(reserving: 8192)
    json.beginObject()
    json.key("session")
    json.string(name.text)
    json.key("met")
    json.bool(wanted.contains(outcome.reason))
    json.key("reason")
    json.string(outcome.reason.rawValue)
    json.key("evidence")
    json.string(outcome.evidence.rawValue)
    if let match = outcome.match {
      json.key("match")
      json.string(match)
    }
    if outcome.hasSkippedText {
      json.key("text_skipped")
      json.bool(true)
    }
    json.key("state")
    json.string(state.rawValue)
    json.key("state_evidence")
    json.string(evidence.rawValue)
    json.key("generation")
    json.integer(generation)
    if let status {
      json.key("exit_status")
      json.integer(status)
    }
    if let signal {
      json.key("exit_signal")
      json.string(signal)
    }
    json.key("screen")
    appendScreen(to: &json, format: format)
    json.endObject()
    return WaitOutput(json: json.finish())
  }

  func idleDocument(format: ScreenFormat, naming: Bool) -> IdleOutput {
    let (state, evidence) = state(knownAs: .idle, by: .screenQuiet)
    var json = JSONWriter(reserving: 8192)
    json.beginObject()
    if naming {
      json.key("session")
      json.string(name.text)
    }
    json.key("screen")
    appendScreen(to: &json, format: format)
    json.key("scrollback_lines")
    json.integer(totalLines)
    json.key("generation")
    json.integer(generation)
    json.key("last_activity_ms")
    json.integer(lastActivityMs)
    json.key("state")
    json.string(state.rawValue)
    json.key("evidence")
    json.string(evidence.rawValue)
    json.endObject()
    return IdleOutput(json: json.finish())
  }
}

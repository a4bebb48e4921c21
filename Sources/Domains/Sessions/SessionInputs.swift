import Formats
package import Operations
package import Sessions
import TerminalEngine

// The inputs and outputs of the session operations. Property names become JSON's snake case.

extension Milliseconds {
  static let longestIdle = Duration.seconds(300)

  /// wsh's waits are cut to five minutes rather than refused.
  var clamped: Duration { min(duration, Milliseconds.longestIdle) }
}

extension ScreenFormat: SchemaDescribing {
  package static let sample = ScreenFormat.styled
  static let meaning = FieldMeaning(
    "format", "How lines are told: as lists of styled spans, or as plain text",
    standard: .string(ScreenFormat.styled.rawValue))
}

extension SessionState: SchemaDescribing {
  package static let sample = SessionState.busy
}

extension Evidence: SchemaDescribing {
  package static let sample = Evidence.output
}

extension ProgramProgress.State: SchemaDescribing {
  package static let sample = ProgramProgress.State.normal
}

extension SizePolicy: SchemaDescribing {
  package static let sample = SizePolicy.latest
}

extension ViewMode: SchemaDescribing {
  package static let sample = ViewMode.ownSize
}

extension WaitOutcome.Reason: SchemaDescribing {
  package static let sample = WaitOutcome.Reason.idle
}

/// What ``WaitFields`` can wait for, by the words of the API.
package enum WaitKind: String, Sendable, Codable, CaseIterable, SchemaDescribing {
  case idle, prompt, input, match, change, bell, notification, exit
  case looksLikePrompt = "looks_like_prompt"

  package static let sample = WaitKind.idle
}

/// One word, or a list of them. `reading` is another word for `input`.
package struct WaitKinds: Sendable, Decodable, SchemaDescribing {
  package let kinds: [WaitKind]

  private static let words = WaitKind.allCases.map(\.rawValue) + [WaitKinds.reading]
  private static let word = Schema.string(format: .oneOf(words))
  package static let schema = Schema.either([word, .array(word)])
  package static let sample = WaitKinds([])
  private static let reading = "reading"

  init(_ kinds: [WaitKind]) { self.kinds = kinds }

  package init(from decoder: any Decoder) throws {
    let words = try (try? decoder.singleValueContainer().decode(String.self)).map { [$0] } ?? [String](from: decoder)
    let kinds = words.compactMap { WaitKind(rawValue: $0 == WaitKinds.reading ? "input" : $0) }
    guard !kinds.isEmpty, kinds.count == words.count else {
      let known = WaitKinds.words.joined(separator: ", ")
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "give one or more of \(known)"))
    }
    self.kinds = kinds
  }
}

struct SessionInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning.session]

  var session: SessionName
}

struct CreateInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning("name", "Its name, which no other session of the server has; without it the server gives one"),
    FieldMeaning("command", "A command line for a shell; not with argv or shell"),
    FieldMeaning("argv", "A program with its arguments, started as they are; not with command or shell"),
    FieldMeaning("shell", "The shell to start; without it, and without a program, the user's own"),
    FieldMeaning(
      "rows", "Rows of the screen, brought into 1 to 1000", standard: .integer(SessionSpec.defaultSize.rows)),
    FieldMeaning(
      "cols", "Columns of the screen, brought into 1 to 1000", standard: .integer(SessionSpec.defaultSize.columns)),
    FieldMeaning(
      "size_policy", "Which of the attached terminals decides its size", standard: .string(SizePolicy.latest.rawValue)),
    FieldMeaning("cwd", "The folder in which it begins; without it the user's home"),
    FieldMeaning("env", "Variables that are laid over its environment"),
    FieldMeaning("environment", "The environment that it begins from; without it the server's own"),
    FieldMeaning(
      "allow_title_report", "Whether programs may have the window's title written back to them as input",
      standard: false),
    FieldMeaning("tags", "Tags to find it by", standard: []),
    FieldMeaning("integration", "Whether its shell is to mark its prompts and commands", standard: true),
    FieldMeaning(
      "history_lines", "Lines of history that are kept, at most \(HistoryBounds.mostLines); without it 10,000"),
    FieldMeaning(
      "history_bytes",
      "Bytes of history that are kept before they are packed, at most \(HistoryBounds.mostBytes); without it 8 MiB"),
  ]

  var name: SessionName?
  var command: String?
  var argv: [String]?
  var shell: String?
  var rows: Int?
  var cols: Int?
  var sizePolicy: SizePolicy?
  var cwd: String?
  var env: [String: String]?
  /// The environment that the session begins from instead of the server's own; `env` is laid over it.
  var environment: [String: String]?
  var allowTitleReport: Bool?
  var tags: [Tag]?
  var integration: Bool?
  var historyLines: Int?
  var historyBytes: Int?

  func spec() throws(OperationError) -> SessionSpec {
    guard command == nil || argv == nil else {
      throw OperationError(.invalidRequest, "Invalid request: give 'command' or 'argv', not both.")
    }
    guard shell == nil || command == nil && argv == nil else {
      throw OperationError(.invalidRequest, "Invalid request: 'shell' goes with neither 'command' nor 'argv'.")
    }
    let program: SessionSpec.Program =
      if let argv { .argv(argv) } else if let command { .command(command) } else { .shell(shell) }
    var spec = SessionSpec(
      name: name, program: program,
      size: TerminalSize(rows: rows ?? SessionSpec.defaultSize.rows, columns: cols ?? SessionSpec.defaultSize.columns),
      directory: cwd,
      environment: env ?? [:], tags: Set(tags ?? []), integrates: integration ?? true,
      sizePolicy: sizePolicy ?? .latest)
    spec.callersEnvironment = environment
    spec.history = HistoryBounds(lines: historyLines, bytes: historyBytes)
    return spec
  }
}

struct ListInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning("tag", "Only sessions that have all of these tags", standard: [])]

  var tag: [Tag]?
}

struct UpdateInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.session,
    FieldMeaning("name", "Its new name; without it the one that it has"),
    FieldMeaning("add_tags", "Tags that it gets", standard: []),
    FieldMeaning("remove_tags", "Tags that it loses", standard: []),
    FieldMeaning("size_policy", "Which of the attached terminals decides its size from now on; without it as before"),
  ]

  var session: SessionName
  var name: SessionName?
  var addTags: [Tag]?
  var removeTags: [Tag]?
  var sizePolicy: SizePolicy?
}

struct KillInput: Decodable, Sendable, MeaningTelling {
  static let standardSignal = "HUP"
  static let standardGrace = Duration.seconds(5)
  static let meanings = [
    FieldMeaning.session,
    FieldMeaning(
      "signal", "The signal that comes first: a name such as TERM, or a number", standard: .string(standardSignal)),
    FieldMeaning(
      "grace_ms", "How long the programs have before SIGKILL, in milliseconds",
      standard: .integer(standardGrace.milliseconds)),
  ]

  var session: SessionName
  var signal: String?
  var graceMs: Milliseconds?
}

struct SignalInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.session, FieldMeaning("signal", "A name such as INT or SIGINT, or a number from 1 to 64"),
  ]

  var session: SessionName
  var signal: String
}

struct TypeInput: Decodable, Sendable, MeaningTelling {
  static let meanings =
    [
      FieldMeaning.session,
      FieldMeaning("data", "What is typed; over REST the body as it is"),
      FieldMeaning("encoding", "How data is written", standard: .string(Encoding.utf8.rawValue)),
      FieldMeaning("exact", "Whether the program gets these bytes as they are, as a line of data", standard: false),
      FieldMeaning("paste", "Whether it is pasted: what would act by itself becomes a blank", standard: false),
    ] + [PasteForm.rawMeaning]

  enum Encoding: String, Codable, Sendable, CaseIterable, SchemaDescribing {
    case utf8, base64
    static let sample = Encoding.utf8
  }
  var session: SessionName
  var data: InputBytes
  var encoding: Encoding?
  /// As a line that the program is to get as it is: see ``Session/writeExactly(_:)``.
  var exact: Bool?
  /// As a paste: see ``Session/pasteBytes(_:raw:)``.
  var paste: Bool?
  var raw: Bool?

  /// What is to be typed, decoded.
  func bytes() throws(OperationError) -> [UInt8] {
    guard encoding == .base64 else { return data.bytes }
    guard let decoded = Base64.decode(data.bytes) else {
      throw OperationError(.invalidRequest, "Invalid request: 'data' is not Base64.")
    }
    return decoded
  }
}

struct KeysInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.session,
    FieldMeaning("keys", "Keys by their names, such as enter, ctrl+c, f5 or up, and texts, in their order"),
  ]

  var session: SessionName
  var keys: [String]
}

struct ResizeInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.session, FieldMeaning("rows", "Rows of the screen, brought into 1 to 1000"),
    FieldMeaning("cols", "Columns of the screen, brought into 1 to 1000"),
  ]

  var session: SessionName
  var rows: Int
  var cols: Int
}

struct ScreenInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.session, ScreenFormat.meaning,
    FieldMeaning("since", "A generation: only the rows that changed after it; without it all of the screen"),
  ]

  var session: SessionName
  var format: ScreenFormat?
  var since: UInt64?
}

struct ScrollbackInput: Decodable, Sendable, MeaningTelling {
  static let standardLimit = 100
  static let meanings = [
    FieldMeaning.session, ScreenFormat.meaning,
    FieldMeaning("offset", "The first line that is read; 0 is the oldest that is kept", standard: 0),
    FieldMeaning(
      "limit", "How many lines at most, up to \(Session.scrollbackLimit)", standard: .integer(standardLimit)),
  ]

  var session: SessionName
  var format: ScreenFormat?
  var offset: Int?
  var limit: Int?
}

struct IdleInput: Decodable, Sendable, MeaningTelling {
  static let silence = FieldMeaning("timeout_ms", "How long the silence is to be, in milliseconds")
  static let most = FieldMeaning("max_wait_ms", "How long is waited for it, in milliseconds")
  static let known = FieldMeaning(
    "last_generation", "A generation whose silence is known already; without it any silence counts")
  static let fresh = FieldMeaning("fresh", "Whether only silence counts that begins after the call", standard: false)
  static let meanings = [FieldMeaning.session, silence, most, ScreenFormat.meaning, known, fresh]

  var session: SessionName
  var timeoutMs: Milliseconds
  var maxWaitMs: Milliseconds?
  var format: ScreenFormat?
  var lastGeneration: UInt64?
  var fresh: Bool?
}

struct IdleAnyInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    IdleInput.silence, IdleInput.most, ScreenFormat.meaning, IdleInput.known, IdleInput.fresh,
    FieldMeaning("last_session", "The session that last_generation is of; without it of none"),
    FieldMeaning("tag", "Only sessions that have all of these tags", standard: []),
  ]

  var timeoutMs: Milliseconds
  var maxWaitMs: Milliseconds?
  var format: ScreenFormat?
  var lastGeneration: UInt64?
  var lastSession: SessionName?
  var fresh: Bool?
  var tag: [Tag]?
}

/// How `session.wait` and `session.interact` say what they wait for, beside `for`.
struct WaitTerms: Decodable, Sendable, MeaningTelling {
  static let standardIdle = Duration.milliseconds(500)
  static let meanings = [
    FieldMeaning(
      "idle_ms", "How long the silence of 'idle' and 'looks_like_prompt' is to be, in milliseconds",
      standard: .integer(standardIdle.milliseconds)),
    FieldMeaning("pattern", "The regular expression (PCRE2) of 'match'; not with a text"),
    FieldMeaning("match", "The plain text of 'match'; not with a pattern"),
    FieldMeaning("timeout_ms", "How long is waited, in milliseconds"),
    ScreenFormat.meaning,
  ]

  var idleMs: Milliseconds?
  /// A regular expression for `match`.
  var pattern: String?
  /// The same as a text that is meant as it is.
  var match: String?
  var timeoutMs: Milliseconds?
  var format: ScreenFormat?

  /// What is waited for when only the terms say it: a match if one is given.
  var asksForMatch: Bool { pattern != nil || match != nil }
}

struct WaitInput: Decodable, Sendable, MeaningTelling {
  static let meanings =
    [
      FieldMeaning.session,
      FieldMeaning(
        "for",
        "One word or several: the first condition that holds ends the wait; 'reading' is another word for 'input'"),
      FieldMeaning("since", "A generation that counts as the past; without it what is there already counts"),
      FieldMeaning("text", "Another word for match"),
    ] + WaitTerms.meanings

  var session: SessionName
  var `for`: WaitKinds
  var since: UInt64?
  /// Another word for `match`. (In `session.interact` it is what is typed.)
  var text: String?
  private var terms: WaitTerms

  private enum CodingKeys: CodingKey { case session, `for`, since, text }

  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    session = try fields.decode(SessionName.self, forKey: .session)
    `for` = try fields.decode(WaitKinds.self, forKey: .for)
    since = try fields.decodeIfPresent(UInt64.self, forKey: .since)
    text = try fields.decodeIfPresent(String.self, forKey: .text)
    terms = try WaitTerms(from: decoder)
  }

  func plan() throws(OperationError) -> WaitPlan {
    guard terms.match == nil || text == nil else {
      throw OperationError(.invalidRequest, "Invalid request: 'match' and 'text' mean the same here; give one.")
    }
    var terms = terms
    terms.match = terms.match ?? text
    return try WaitPlan(`for`.kinds, terms)
  }
}

struct InteractInput: Decodable, Sendable, MeaningTelling {
  static let meanings =
    [
      FieldMeaning.session,
      FieldMeaning("text", "A text that is typed first"),
      FieldMeaning("keys", "Keys by their names, pressed after the text", standard: []),
      FieldMeaning("paste", "Whether the text is pasted: what would act by itself becomes a blank", standard: false),
      PasteForm.rawMeaning,
      FieldMeaning(
        "for",
        "One word or several, as in session.wait; without it 'match' where one is given, otherwise 'prompt' and 'idle'"),
    ] + WaitTerms.meanings

  var session: SessionName
  var text: String?
  var keys: [String]?
  var paste: Bool?
  /// With `paste`: control characters too.
  var raw: Bool?
  var `for`: WaitKinds?
  var terms: WaitTerms

  private enum CodingKeys: CodingKey { case session, text, keys, paste, raw, `for` }

  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    session = try fields.decode(SessionName.self, forKey: .session)
    text = try fields.decodeIfPresent(String.self, forKey: .text)
    keys = try fields.decodeIfPresent([String].self, forKey: .keys)
    paste = try fields.decodeIfPresent(Bool.self, forKey: .paste)
    raw = try fields.decodeIfPresent(Bool.self, forKey: .raw)
    `for` = try fields.decodeIfPresent(WaitKinds.self, forKey: .for)
    terms = try WaitTerms(from: decoder)
  }
}

struct CommandsInput: Decodable, Sendable, MeaningTelling {
  static let standardLimit = 50
  static let meanings = [
    FieldMeaning.session, FieldMeaning("limit", "How many at most: the latest", standard: .integer(standardLimit)),
  ]

  var session: SessionName
  var limit: Int?
}

/// The generation before what was done; whatever it brings about has a greater one.
struct GenerationOutput: Codable, Sendable { var generation: UInt64 }

struct ClientOutput: Codable, Sendable {
  var id: Int
  var kind: String
  var peer: String
  var readOnly: Bool
  /// Who it is, as audit records name principals.
  var principal: String?
  /// Of the client's own terminal, if it has told.
  var rows: Int?
  var cols: Int?
  var mode: ViewMode
  var since: Timestamp
}

struct CommandOutput: Codable, Sendable {
  struct Lines: Codable, Sendable {
    var first: Int
    var last: Int?
  }
  var id: Int
  var command: String?
  var cwd: String?
  var startedAt: Timestamp
  var endedAt: Timestamp?
  var exitStatus: Int?
  var outputLines: Lines
  var principal: String?
  var correlationID: String?
  var evidence: Evidence

  init(_ record: CommandRecord) {
    id = record.id
    command = record.command
    cwd = record.directory
    startedAt = record.startedAt
    endedAt = record.endedAt
    exitStatus = record.exitStatus
    outputLines = Lines(first: record.outputStart.line, last: record.outputEnd?.line)
    principal = record.principal
    correlationID = record.correlationID
    evidence = record.evidence
  }
}

extension FieldMeaning {
  /// The field of most operations of the session domain.
  static let session = FieldMeaning("session", "The session, by its name or id")
}

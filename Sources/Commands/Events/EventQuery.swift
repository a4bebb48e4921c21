import Formats
import Sys

/// Which events a command means, from its options: the parameters of `GET /events` and of the streams.
struct EventQuery: Sendable {
  /// The most events that one page holds.
  static let pageLimit = 1000

  private(set) var parameters: [(String, String?)]
  /// Moments are fixed when the command starts: 'the last hour' does not move while it runs.
  let since: Int64?
  let until: Int64?

  init(_ invocation: Invocation, now: Int64, zone: LocalTime = .system) throws(CommandFailure) {
    func moment(_ option: OptionDefinition) throws(CommandFailure) -> Int64? {
      guard let text = invocation.text(option) else { return nil }
      return try zone.moment(text, of: option, now: now)
    }
    since = try moment(Options.eventSince)
    until = try moment(Options.eventUntil)
    if let since, let until, since > until {
      throw CommandFailure(.usage, "--since is later than --until", serverCode: "invalid_time")
    }
    let origin = try EventQuery.origin(invocation.text(Options.origin))
    parameters = [
      ("since", since.map(LocalTime.rfc3339)), ("until", until.map(LocalTime.rfc3339)),
      ("origin_kind", origin.kind), ("origin_id", origin.id), ("correlation_id", invocation.text(Options.correlation)),
    ]
    for (name, option) in [("subject", Options.subject), ("type", Options.eventType)] {
      let patterns = invocation.texts(option)
      parameters.append((name, patterns.isEmpty ? nil : patterns.joined(separator: ",")))
    }
  }

  /// All that one call caused.
  init(correlationID: String) {
    since = nil
    until = nil
    parameters = [("correlation_id", correlationID)]
  }

  func with(_ more: [(String, String?)]) -> [(String, String?)] { parameters + more }

  /// `session` or `session:1f3a…`; the id may hold colons.
  static func origin(_ text: String?) throws(CommandFailure) -> (kind: String?, id: String?) {
    guard let text else { return (nil, nil) }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.allSatisfy({ !$0.isEmpty }) else {
      throw CommandFailure(.usage, "--origin: '\(printable(text))' is not of the form KIND or KIND:ID")
    }
    return (parts[0], parts.count == 2 ? parts[1] : nil)
  }

  /// Microseconds since 1970 UTC.
  static var now: Int64 { Int64(Clock.realtime / 1000) }
}

/// Events that match, page by page.
struct EventPages {
  private let client: ServerClient
  private let parameters: [(String, String?)]
  private let isAscending: Bool
  private var position: Int?
  private var remaining: Int
  private var isAtEnd = false

  /// - Parameters:
  ///   - position: the number behind which (ascending) or before which the events begin.
  ///   - limit: how many at most; nil: all.
  init(
    _ client: ServerClient, _ query: [(String, String?)], isAscending: Bool, from position: Int? = nil,
    limit: Int? = nil
  ) {
    self.client = client
    parameters = query
    self.isAscending = isAscending
    self.position = position
    remaining = limit ?? .max
  }

  /// Whether events that match were left out because of the limit.
  var hasMore: Bool { !isAtEnd }

  /// The next events; nil at the end.
  mutating func next() async throws(CommandFailure) -> [[UInt8]]? {
    while !isAtEnd, remaining > 0 {
      let query =
        parameters + [
          ("order", isAscending ? "asc" : "desc"), ("limit", String(min(remaining, EventQuery.pageLimit))),
          (isAscending ? "after" : "before", position.map(String.init)),
        ]
      let page = try EventPage(try await client.fetch("GET", "/events", query: query))
      remaining -= page.events.count
      if let next = page.next, next != position { position = next } else { isAtEnd = true }
      if !page.events.isEmpty { return page.events }
    }
    return nil
  }
}

/// `roost events`
func queryEvents(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let query = try EventQuery(invocation, now: EventQuery.now)
  let order = try queryOrder(invocation)
  let limit = invocation.has(Options.allEvents) ? nil : invocation.integer(Options.eventLimit) ?? 100
  let format = invocation.text(Options.eventFormat)
  let isAscending = order == .oldestFirst
  var pages = EventPages(
    context.client,
    // The position of one direction is the bound of the other.
    query.with(
      [("format", format)]
        + (isAscending
          ? [("before", invocation.text(Options.eventBefore))] : [("after", invocation.text(Options.eventAfter))])),
    isAscending: isAscending,
    from: invocation.integer(isAscending ? Options.eventAfter : Options.eventBefore), limit: limit)
  var printer = EventPrinter(context, format: format)
  var newest: [[UInt8]] = []
  while let events = try await pages.next() {
    if order == .newest { newest += events } else { printer.print(events) }
  }
  if order == .newest { printer.print(newest.reversed()) }
  if pages.hasMore, context.output.isTerminal, !context.usesJSON {
    context.output.note(
      "\(order == .oldestFirst ? "Later" : "Earlier") events match too: --limit, --all or --since shows more.")
  }
  return .ok
}

private enum QueryOrder { case oldestFirst, newestFirst, newest }

/// Without an order the newest are shown, as of a log file its end, but in the order in which they happened.
private func queryOrder(_ invocation: Invocation) throws(CommandFailure) -> QueryOrder {
  let order = invocation.text(Options.order)
  if invocation.has(Options.reverse) {
    if order == "asc" { throw CommandFailure(.usage, "--reverse and --order asc do not go together") }
    return .newestFirst
  }
  if order == "desc" { return .newestFirst }
  let isForward = invocation.has(Options.eventAfter) || invocation.has(Options.allEvents)
  return order == "asc" || isForward ? .oldestFirst : .newest
}

/// Prints events: as they came with `--json` or a format, otherwise aligned for people.
struct EventPrinter {
  private let output: Output
  private let isRaw: Bool
  private var lines: EventLines
  private var needsHeading: Bool

  /// - Parameter isStream: events come as they happen; then only a terminal gets a heading.
  init(_ context: ClientContext, format: String? = nil, isStream: Bool = false) {
    output = context.output
    isRaw = context.usesJSON || format != nil
    lines = EventLines(style: output.style, width: output.width)
    needsHeading = !isStream || output.isTerminal
  }

  mutating func print(_ events: some Sequence<[UInt8]>) {
    if isRaw {
      for event in events { output.json(document: event) }
      return
    }
    let records = events.compactMap(EventRecord.init)
    lines.fit(records)
    var text = needsHeading && !records.isEmpty ? lines.heading : ""
    if !records.isEmpty { needsHeading = false }
    for record in records { text += lines.line(record) }
    output.write(text)
  }
}

import Formats

/// Events as aligned lines for people: when, what kind, about what, who, and what there is to say of it.
///
/// On a terminal of the usual 80 columns nothing goes on in a second row: the time is short, and long names are cut. Where there is room, and
/// where lines may be of any length, there are also the number, the origin and all of the data.
///
/// Events come one by one, so columns begin at a usual width and grow with what they have had to hold.
struct EventLines {
  /// From here on everything has room.
  private static let wide = 140
  /// A column grows no wider than this: one long name must not push everything to the right for good.
  private static let widest = 40
  /// Of data however narrow a wide terminal is: without them a line says little, so it goes on in the next row instead.
  private static let leastData = 40
  /// Of data where no terminal says how wide a line is.
  private static let longestData = 500
  /// The widest that the columns of a narrow terminal grow: time with its day, type, subject, who. In 80 columns that leaves 12 for the rest.
  private static let narrowest = [11, 24, 12, 13]

  private struct Column {
    let heading: String
    var width: Int
    let widest: Int
    var isNumber = false
  }

  let style: TextStyle
  /// Columns of the terminal; nil when lines may be of any length.
  let width: Int?
  let zone: LocalTime
  /// Now, in microseconds: what happened today needs no date.
  private let now: Int64
  private var columns: [Column]
  private let isWide: Bool

  init(style: TextStyle, width: Int?, zone: LocalTime = .system, now: Int64 = EventQuery.now) {
    self.style = style
    self.width = width
    self.zone = zone
    self.now = now
    isWide = width.map { $0 >= EventLines.wide } ?? true
    // What a terminal has beyond 80 columns is shared by the names and the rest.
    let more = max(0, (width ?? 0) - 80) / 4
    let most = zip(EventLines.narrowest, [0, 0, more, more]).map { $0 + $1 }
    columns =
      isWide
      ? [
        Column(heading: "TIME", width: 23, widest: EventLines.widest),
        Column(heading: "SEQ", width: 6, widest: EventLines.widest, isNumber: true),
        Column(heading: "TYPE", width: 20, widest: EventLines.widest),
        Column(heading: "SUBJECT", width: 7, widest: EventLines.widest),
        Column(heading: "WHO", width: 6, widest: EventLines.widest),
        Column(heading: "ORIGIN", width: 16, widest: EventLines.widest),
      ]
      : [
        Column(heading: "TIME", width: 8, widest: most[0]), Column(heading: "TYPE", width: 13, widest: most[1]),
        Column(heading: "SUBJECT", width: 7, widest: most[2]), Column(heading: "WHO", width: 6, widest: most[3]),
      ]
  }

  /// Makes room for events that are shown together.
  mutating func fit(_ records: [EventRecord]) { for record in records { fit(cells(record)) } }

  var heading: String {
    let titles = columns.map { $0.isNumber ? aligned($0.heading, $0) : padded($0.heading, to: $0.width) }
    let line = (titles + [isWide ? "DATA" : "WHAT"]).joined(separator: "  ")
    return style.bold(width.map { clipped(line, to: $0) } ?? line) + "\n"
  }

  mutating func line(_ record: EventRecord) -> String {
    let cells = cells(record)
    fit(cells)
    var line = ""
    var used = 0
    for (index, (cell, column)) in zip(cells, columns).enumerated() {
      var text = aligned(isWide ? cell : clipped(cell, to: column.width), column)
      if !isWide, let width { text = clipped(text, to: max(1, width - used)) }
      line += paint(record, text, at: index)
      used += displayWidth(text)
      if !isWide, let width, used + 2 >= width { return trimmedEnd(line) + "\n" }
      line += "  "
      used += 2
    }
    let room = width.map { isWide ? max(EventLines.leastData, $0 - used) : max(1, $0 - used) } ?? EventLines.longestData
    let rest = printable(isWide ? record.summary : record.gist)
    return trimmedEnd(line + (rest.isEmpty ? "" : clipped(rest, to: room))) + "\n"
  }

  private func aligned(_ text: String, _ column: Column) -> String {
    column.isNumber
      ? String(repeating: " ", count: max(0, column.width - displayWidth(text))) + text
      : padded(text, to: column.width)
  }

  private func cells(_ record: EventRecord) -> [String] {
    let type = printable(record.type)
    let who = record.principal.map { printable($0) } ?? "-"
    guard isWide else { return [shortTime(record.time), type, printable(record.about), who] }
    let subject = record.shortSubject
    return [
      zone.text(record.time), String(record.sequence), type,
      // Our own subjects end in the type.
      subject == record.type ? "-" : printable(subject), who, printable(record.origin),
    ]
  }

  /// `12:45:01`, or `11-21 12:45` of another day.
  private func shortTime(_ time: Int64) -> String {
    let text = zone.text(time)
    let day = text.prefix(10)
    return day == zone.text(now).prefix(10)
      ? String(text.dropFirst(11).prefix(8)) : String(day.dropFirst(5) + " " + text.dropFirst(11).prefix(5))
  }

  private mutating func fit(_ cells: [String]) {
    for (index, cell) in cells.enumerated() {
      columns[index].width = max(columns[index].width, min(columns[index].widest, displayWidth(cell)))
    }
  }

  private func paint(_ record: EventRecord, _ text: String, at index: Int) -> String {
    switch columns[index].heading {
    case "TYPE": paintType(record, text)
    case "TIME", "SEQ", "ORIGIN": style.faint(text)
    default: text
    }
  }

  private func paintType(_ record: EventRecord, _ text: String) -> String {
    switch record.type {
    case "audit.refused", "audit.failed": style.red(text)
    case let type where type.hasPrefix("audit."): style.faint(text)
    case let type where type.hasPrefix("server."): style.yellow(text)
    default: style.cyan(text)
    }
  }
}

import Formats

/// Events as aligned lines for people: time, number, type, subject, origin, data.
///
/// Events come one by one, so columns begin at a usual width and grow with what they have had to hold.
struct EventLines {
  private static let headings = ["TIME", "SEQ", "TYPE", "SUBJECT", "ORIGIN", "DATA"]
  /// A column grows no wider than this: one long name must not push everything to the right for good.
  private static let widest = 40
  /// Of data however narrow the terminal is: without them a line says little, so it goes on in the next row instead.
  private static let leastData = 40
  /// Of data where no terminal says how wide a line is.
  private static let longestData = 500

  let style: TextStyle
  /// Columns of the terminal; nil when lines may be of any length.
  let width: Int?
  let zone: LocalTime
  private var widths = [23, 6, 20, 7, 16]

  init(style: TextStyle, width: Int?, zone: LocalTime = .system) {
    self.style = style
    self.width = width
    self.zone = zone
  }

  /// Makes room for events that are shown together.
  mutating func fit(_ records: [EventRecord]) { for record in records { fit(cells(record)) } }

  var heading: String {
    var columns = zip(EventLines.headings, widths).map { padded($0, to: $1) }
    columns[1] = String(repeating: " ", count: widths[1] - 3) + "SEQ"
    return style.bold((columns + ["DATA"]).joined(separator: "  ")) + "\n"
  }

  mutating func line(_ record: EventRecord) -> String {
    let cells = cells(record)
    fit(cells)
    var columns = zip(cells, widths).map { padded($0, to: $1) }
    columns[1] = String(repeating: " ", count: max(0, widths[1] - cells[1].utf8.count)) + cells[1]
    let used = columns.reduce(0) { $0 + displayWidth($1) + 2 }
    let room = width.map { max(EventLines.leastData, $0 - used) } ?? EventLines.longestData
    let data = printable(record.summary)
    columns[0] = style.faint(columns[0])
    columns[1] = style.faint(columns[1])
    columns[2] = paint(record, columns[2])
    columns[4] = style.faint(columns[4])
    let line = columns.joined(separator: "  ")
    return trimmedEnd(data.isEmpty ? line : line + "  " + clipped(data, to: room)) + "\n"
  }

  private func cells(_ record: EventRecord) -> [String] {
    let subject = record.shortSubject
    return [
      zone.text(record.time), String(record.sequence), printable(record.type),
      // Our own subjects end in the type.
      subject == record.type ? "-" : printable(subject), printable(record.origin),
    ]
  }

  private mutating func fit(_ cells: [String]) {
    for (index, cell) in cells.enumerated() {
      widths[index] = max(widths[index], min(EventLines.widest, displayWidth(cell)))
    }
  }

  private func paint(_ record: EventRecord, _ text: String) -> String {
    switch record.type {
    case "audit.refused", "audit.failed": style.red(text)
    case let type where type.hasPrefix("audit."): style.faint(text)
    case let type where type.hasPrefix("server."): style.yellow(text)
    default: style.cyan(text)
    }
  }
}

/// Columns for people. The last one is not padded, and is cut where the terminal ends.
package struct Table {
  package struct Cell: Sendable {
    var text: String
    /// Colours the cell after it was measured.
    var paint: @Sendable (String) -> String

    package init(_ text: String, paint: @escaping @Sendable (String) -> String = { $0 }) {
      self.text = printable(text)
      self.paint = paint
    }
  }

  private var headings: [String]
  private var rows: [[Cell]] = []
  private let style: TextStyle

  package init(_ headings: [String], style: TextStyle = .plain) {
    self.headings = headings
    self.style = style
  }

  package mutating func add(_ row: [Cell]) {
    rows.append(row)
  }

  package mutating func add(_ row: [String]) {
    rows.append(row.map { Cell($0) })
  }

  /// - Parameter width: columns of the terminal, or nil when lines may be of any length.
  package func text(width: Int?) -> String {
    let columns = headings.count
    var widths = headings.map(displayWidth)
    for row in rows {
      for column in 0..<min(columns, row.count) {
        widths[column] = max(widths[column], displayWidth(row[column].text))
      }
    }
    var result = line(headings.map { heading in Cell(heading) }, widths, width, paintsAll: style.bold)
    for row in rows {
      result += line(row, widths, width, paintsAll: nil)
    }
    return result
  }

  private func line(
    _ cells: [Cell], _ widths: [Int], _ limit: Int?, paintsAll: ((String) -> String)?
  ) -> String {
    let gap = 2
    var result = ""
    var used = 0
    for (column, cell) in cells.enumerated() where column < widths.count {
      let isLast = column == widths.count - 1
      var text = cell.text
      if let limit, used + displayWidth(text) > limit {
        text = clipped(text, to: max(1, limit - used))
      }
      let spaces = isLast ? 0 : widths[column] - displayWidth(text) + gap
      result += (paintsAll ?? cell.paint)(text)
      result += String(repeating: " ", count: max(0, spaces))
      used += displayWidth(text) + max(0, spaces)
      if let limit, used >= limit { break }
    }
    return trimmedEnd(result) + "\n"
  }
}

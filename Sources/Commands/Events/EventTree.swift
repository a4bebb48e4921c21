import Formats

/// The events of one correlation id, each below the one that caused it.
struct EventTree {
  struct Node {
    let record: EventRecord
    fileprivate(set) var children: [Int] = []
    /// Since the earliest event of the tree, in microseconds.
    let offset: Int64
    /// How long what the event tells of took, in microseconds: from the `…_started` event that caused a `…_finished` one, or as the
    /// event itself says it.
    let took: Int64?
  }

  /// Deeper than this an event stands beside the one that caused it: hostile chains must cost neither stack nor columns.
  static let deepest = 48

  private(set) var nodes: [Node]
  private(set) var roots: [Int] = []

  /// - Parameter records: in the order of the log. What names no cause, or one that is not among them, is a root.
  init(_ records: [EventRecord]) {
    let first = records.map(\.time).min() ?? 0
    var byID: [String: Int] = [:]
    for (index, record) in records.enumerated() where byID[record.id] == nil { byID[record.id] = index }
    var causes = records.enumerated().map { index, record in
      record.causationID.flatMap { byID[$0] }.flatMap { $0 == index ? nil : $0 }
    }
    EventTree.breakCycles(&causes)
    nodes = records.enumerated().map { index, record in
      Node(
        record: record, offset: record.time - first,
        took: EventTree.took(record, since: causes[index].map { records[$0] }))
    }
    hang(causes)
  }

  /// Events that name each other as their cause have no beginning: the earliest of them is made one.
  private static func breakCycles(_ causes: inout [Int?]) {
    /// In which walk an event was met; 0 means in none.
    var walks = [Int](repeating: 0, count: causes.count)
    for start in causes.indices where walks[start] == 0 {
      var current = start
      while walks[current] == 0, let cause = causes[current] {
        walks[current] = start + 1
        current = cause
      }
      guard walks[current] == start + 1 else {
        if walks[current] == 0 { walks[current] = start + 1 }
        continue
      }
      var (earliest, next) = (current, causes[current])
      while let index = next, index != current {
        earliest = min(earliest, index)
        next = causes[index]
      }
      causes[earliest] = nil
    }
  }

  private mutating func hang(_ causes: [Int?]) {
    var effects = [[Int]](repeating: [], count: nodes.count)
    for (index, cause) in causes.enumerated() {
      if let cause { effects[cause].append(index) } else { roots.append(index) }
    }
    // Each with the event that it hangs from, and how deep.
    var queue = roots.map { (index: $0, above: Int?.none, depth: 0) }
    var taken = 0
    while taken < queue.count {
      let (index, above, depth) = queue[taken]
      taken += 1
      if let above { nodes[above].children.append(index) }
      let isDeepest = depth == EventTree.deepest
      for effect in effects[index] {
        queue.append((effect, isDeepest ? above : index, isDeepest ? depth : depth + 1))
      }
    }
    for index in nodes.indices { nodes[index].children.sort() }
  }

  private static func took(_ record: EventRecord, since cause: EventRecord?) -> Int64? {
    if let cause, record.type.hasSuffix("_finished"), cause.type.hasSuffix("_started"),
      record.type.dropLast("_finished".count) == cause.type.dropLast("_started".count), record.time >= cause.time
    {
      return record.time - cause.time
    }
    guard let milliseconds = record.data["duration_ms"].double, milliseconds >= 0, milliseconds < 1e15 else {
      return nil
    }
    return Int64(milliseconds * 1000)
  }

  // MARK: Text

  /// - Parameter width: columns of the terminal, or nil when lines may be of any length.
  func text(style: TextStyle, width: Int?) -> String {
    var text = ""
    var stack: [(index: Int, indent: String, isLast: Bool, isRoot: Bool)] = roots.reversed().map {
      ($0, "", true, true)
    }
    while let (index, indent, isLast, isRoot) = stack.popLast() {
      let node = nodes[index]
      text += line(node, isRoot ? "" : indent + (isLast ? "└─ " : "├─ "), style, width)
      let inner = isRoot ? "" : indent + (isLast ? "   " : "│  ")
      for (position, child) in node.children.enumerated().reversed() {
        stack.append((child, inner, position == node.children.count - 1, false))
      }
    }
    return text
  }

  private func line(_ node: Node, _ branch: String, _ style: TextStyle, _ width: Int?) -> String {
    let record = node.record
    let time = "+" + EventTree.seconds(node.offset)
    let column = String(repeating: " ", count: max(0, 11 - time.utf8.count)) + time
    let took = node.took.map { " took \(EventTree.seconds($0))" } ?? ""
    let number = " #\(record.sequence)"
    let who = record.principal.map { " by \(printable($0))" } ?? ""
    let type = printable(record.type)
    let used = displayWidth(column + "  " + branch + type + who + took + number) + 2
    let data = clipped(printable(record.summary), to: width.map { max(0, $0 - used) } ?? 500)
    let colour = record.type == "audit.refused" || record.type == "audit.failed" ? style.red : style.cyan
    return trimmedEnd(
      style.faint(column) + "  " + branch + colour(type) + style.faint(who) + style.green(took) + style.faint(number)
        + "  " + (width.map { $0 <= used } == true ? "" : data)) + "\n"
  }

  /// `0.012 s`, in milliseconds below a minute.
  static func seconds(_ microseconds: Int64) -> String {
    if microseconds >= 60_000_000 { return briefDuration(milliseconds: Int(microseconds / 1000)) }
    let milliseconds = String((microseconds + 500) / 1000)
    let padded = String(repeating: "0", count: max(0, 4 - milliseconds.utf8.count)) + milliseconds
    return "\(padded.dropLast(3)).\(padded.suffix(3))s"
  }

  // MARK: JSON

  /// `{"correlation_id","events":N,"roots":[{"event","offset_ms","took_ms"?,"children":[…]}]}`, the events as they came.
  func json(correlationID: String) -> [UInt8] {
    var output = Array(
      "{\"correlation_id\":\(JSON.string(correlationID).text),\"events\":\(nodes.count),\"roots\":".utf8)
    write(roots, to: &output)
    output.append(UInt8(ascii: "}"))
    return output
  }

  private func write(_ indices: [Int], to output: inout [UInt8]) {
    output.append(UInt8(ascii: "["))
    for (position, index) in indices.enumerated() {
      let node = nodes[index]
      output += Array("\(position > 0 ? "," : ""){\"event\":".utf8) + node.record.raw
      output += Array(",\"offset_ms\":\(JSON.number(Double(node.offset) / 1000).text)".utf8)
      if let took = node.took { output += Array(",\"took_ms\":\(JSON.number(Double(took) / 1000).text)".utf8) }
      output += Array(",\"children\":".utf8)
      write(node.children, to: &output)
      output.append(UInt8(ascii: "}"))
    }
    output.append(UInt8(ascii: "]"))
  }
}

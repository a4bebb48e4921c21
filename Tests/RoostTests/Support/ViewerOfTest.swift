import Formats
import Net
import TerminalEngine
import TestKit

/// An attached terminal: what it is sent is shown on a terminal of its size, as a person would see it.
final class ViewerOfTest {
  let socket: TestWebSocket
  private var terminal: Terminal
  /// Rows of it that are the client's own.
  private let reserved: Int
  /// What the server said last about each thing.
  private(set) var told: [String: JSON] = [:]
  private(set) var bytesShown = 0
  private(set) var isClosed = false

  /// - Parameter size: rows and columns without the reserved ones.
  init(_ socket: TestWebSocket, _ rows: Int, _ columns: Int, reserved: Int = 0) {
    self.socket = socket
    self.reserved = reserved
    terminal = Terminal(size: TerminalSize(rows: rows + reserved, columns: columns))
  }

  static func attach(
    _ session: TestSession, _ rows: Int, _ columns: Int, readOnly: Bool = false
  ) async throws -> ViewerOfTest {
    let socket = try await session.client.another().webSocket(
      "\(session.path)/ws/raw?rows=\(rows)&cols=\(columns)\(readOnly ? "&readonly=true" : "")",
      subprotocols: ["roost.attach.v1"])
    let viewer = ViewerOfTest(socket, rows, columns)
    try await viewer.takes("it is attached") { !$0["attached"].isNull }
    return viewer
  }

  subscript(name: String) -> JSON { told[name] ?? .null }

  /// What the rows show, without blanks at their ends.
  var rows: [String] { (0..<terminal.size.rows).map { terminal.rowText($0) } }
  var cursor: [Int] { [terminal.cursor.row, terminal.cursor.column] }
  var modes: TerminalModes { terminal.modes }

  func type(_ text: String) async { await socket.type(text) }

  /// The person changes the size of the window.
  func resize(_ rows: Int, _ columns: Int, synchronized: Bool = false) async {
    terminal.resize(TerminalSize(rows: rows + reserved, columns: columns))
    await socket.send([
      "resize": [
        "rows": .integer(rows), "cols": .integer(columns), "reserved_rows": .integer(reserved),
        "synchronized": .bool(synchronized),
      ]
    ])
  }

  /// Draws on the terminal itself, as a client does between two messages.
  func draw(_ text: String) { terminal.feed(Array(text.utf8)) }

  /// Takes what comes until it is so.
  func takes(_ what: String, until isSo: (ViewerOfTest) -> Bool) async throws {
    let deadline = Deadline(Deadline.standard)
    while !isSo(self) {
      guard !isClosed, !deadline.isOver else {
        throw TestFailure("not so: \(what); told \(told.mapValues(\.text)), seen:\n\(rows.joined(separator: "\n"))")
      }
      try await takeNext(within: .milliseconds(Int(deadline.milliseconds)))
    }
  }

  private func takeNext(within time: Duration) async throws {
    switch try await socket.next(within: time) {
    case .binary(let bytes):
      bytesShown += bytes.count
      terminal.feed(bytes)
    case .text(let text):
      for member in try JSON(parsing: text).members ?? [] { told[member.name] = member.value }
    case .closed(let code, let reason):
      isClosed = true
      told["closed"] = ["code": .integer(Int(code)), "reason": .string(reason)]
    }
  }

  func leave() async { await socket.close() }
}

extension Terminal {
  fileprivate mutating func feed(_ bytes: [UInt8]) { bytes.withUnsafeBytes { feed($0) } }
}

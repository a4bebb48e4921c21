import Cluster
import Formats
import Operations
import Sessions
import Store
import TerminalEngine

// The inputs of the streams of sessions. Property names become JSON's snake case.

struct SessionStreamInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning("session", "The session, by its name or id")]

  var session: String
}

/// What a client says of itself that wants terminal bytes.
struct TerminalStreamInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning("session", "The session, by its name or id"),
    FieldMeaning("readonly", "Whether it only looks: nothing that it sends is typed", standard: false),
    FieldMeaning("rows", "Rows of the client's terminal, with 'cols'; without them it has no size of its own"),
    FieldMeaning("cols", "Columns of the client's terminal, with 'rows'"),
    FieldMeaning("reserved_rows", "Rows at the bottom of its terminal that the client keeps for itself", standard: 0),
    FieldMeaning("scrollback", "Lines of history that are shown before the screen", standard: 0),
  ]

  var session: String
  var readonly: Bool?
  var rows: Int?
  var cols: Int?
  var reservedRows: Int?
  var scrollback: Int?

  private static let sides = 1...Int(UInt16.max)

  /// The client's terminal; `nil` for one that is told of no size.
  func screen() throws(OperationError) -> ViewerScreen? {
    let reserved = reservedRows ?? 0
    guard (0...Int(UInt16.max)).contains(reserved) else {
      throw OperationError(.invalidRequest, "Invalid request: 'reserved_rows' is a number of rows.")
    }
    if let scrollback, scrollback < 0 {
      throw OperationError(.invalidRequest, "Invalid request: 'scrollback' is a number of lines.")
    }
    if rows == nil, cols == nil, reservedRows == nil { return nil }
    guard let rows, let cols, TerminalStreamInput.sides.contains(rows), TerminalStreamInput.sides.contains(cols) else {
      throw OperationError(.invalidRequest, "Invalid request: 'rows' and 'cols' are numbers from 1, and go together.")
    }
    return ViewerScreen(TerminalSize(rows: rows, columns: cols), reservedRows: reserved)
  }

  /// Whether these arguments are of one who only watches.
  static func onlyReads(_ arguments: Arguments) throws(OperationError) -> Bool {
    try arguments.flag("readonly")
  }

  /// What is asked for of a server that was lost and is back: by now the client has the history, and another size perhaps.
  static func again(_ arguments: Arguments, size: TerminalSize?) -> Arguments {
    var arguments = arguments
    arguments.query.removeAll { $0.name == "scrollback" }
    guard let size else { return arguments }
    arguments.query.removeAll { $0.name == "rows" || $0.name == "cols" }
    arguments.query += [("rows", String(size.rows)), ("cols", String(size.columns))]
    return arguments
  }
}

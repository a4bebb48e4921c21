import TerminalEngine

/// How much history a session keeps. Whichever bound is reached first counts.
package struct HistoryBounds: Sendable, Equatable {
  /// `nil`: what the bytes allow, or the usual number where they are not given either.
  package var lines: Int?
  /// Before compression; `nil`: as many as that number of lines usually takes.
  package var bytes: Int?

  /// A million lines of history take a gigabyte before they are packed: more is a file's affair.
  package static let mostLines = 1_000_000
  package static let mostBytes = 1 << 30
  /// A usual line with its styles, generously.
  private static let bytesPerLine = 1024

  package init(lines: Int? = nil, bytes: Int? = nil) {
    self.lines = lines
    self.bytes = bytes
  }

  func check() throws(SessionError) {
    guard (0...HistoryBounds.mostLines).contains(lines ?? 0) else {
      throw SessionError(
        .invalidRequest, "Invalid request: 'history_lines' is a number from 0 to \(HistoryBounds.mostLines).")
    }
    guard (0...HistoryBounds.mostBytes).contains(bytes ?? 0) else {
      throw SessionError(
        .invalidRequest, "Invalid request: 'history_bytes' is a number from 0 to \(HistoryBounds.mostBytes).")
    }
  }

  /// What the terminal is made with.
  var options: TerminalOptions {
    var options = TerminalOptions()
    switch (lines, bytes) {
    case (let lines?, let bytes?): (options.historyLines, options.historyBytes) = (lines, bytes)
    case (let lines?, nil):
      options.historyLines = lines
      options.historyBytes = min(HistoryBounds.mostBytes, max(options.historyBytes, lines * HistoryBounds.bytesPerLine))
    case (nil, let bytes?): (options.historyLines, options.historyBytes) = (HistoryBounds.mostLines, bytes)
    case (nil, nil): break
    }
    return options
  }

  // MARK: In the label that a later server reads

  /// `50000,8388608`, with nothing where nothing is given.
  var text: String? {
    lines == nil && bytes == nil ? nil : "\(lines.map(String.init) ?? ""),\(bytes.map(String.init) ?? "")"
  }

  init(text: String?) {
    let parts = (text ?? "").split(separator: ",", omittingEmptySubsequences: false)
    self.init(
      lines: parts.first.flatMap { Int($0) }.flatMap { (0...HistoryBounds.mostLines).contains($0) ? $0 : nil },
      bytes: parts.dropFirst().first.flatMap { Int($0) }.flatMap {
        (0...HistoryBounds.mostBytes).contains($0) ? $0 : nil
      })
  }
}

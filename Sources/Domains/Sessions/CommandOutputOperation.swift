import Formats
package import Operations
package import Sessions
import Store

extension CommandReference: Decodable, SchemaDescribing {
  package static let schema = Schema.string(format: .pattern("^(latest|[0-9]+)$", maximumLength: 19))
  package static let sample = CommandReference.latest

  package init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let number = try? value.decode(Int.self) {
      self = .id(number)
    } else if try value.decode(String.self) == "latest" {
      self = .latest
    } else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "the id of a command, or 'latest', is needed"))
    }
  }
}

/// How the output of a command is told.
enum OutputForm: String, Codable, Sendable, CaseIterable, SchemaDescribing {
  /// What was printed, as text.
  case text
  /// What the screen and its history show of it.
  case screen

  static let sample = OutputForm.text
}

struct CommandOutputInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [
    FieldMeaning.session,
    FieldMeaning("id", "The number of the command, or 'latest'"),
    FieldMeaning("offset", "The first byte that is read; a negative one counts from the end", standard: 0),
    FieldMeaning(
      "limit", "How many bytes at most, up to \(CommandOutputPage.mostBytes)",
      standard: .integer(CommandOutputPage.standardBytes)),
    FieldMeaning(
      "format", "What was printed, as text, or what the screen and the history show of it",
      standard: .string(OutputForm.text.rawValue)),
  ]

  var session: SessionName
  var id: CommandReference
  var offset: Int?
  var limit: Int?
  var format: OutputForm?
}

struct CommandOutputAnswer: Codable, Sendable {
  var id: Int
  var offset: Int
  var totalBytes: Int
  var text: String
  /// Where to go on reading; absent at the end.
  var nextOffset: Int?
  /// Bytes of the middle that are no longer kept; absent where nothing is missing.
  var droppedBytes: Int?
  var truncated: Bool
  var running: Bool
}

extension SessionOperations {
  var commandOutput: OperationBinding {
    SessionContract.commandOutput.on { call, input in
      let limit = input.limit ?? CommandOutputPage.standardBytes
      guard (0...CommandOutputPage.mostBytes).contains(limit) else {
        throw OperationError(
          .invalidRequest, "Invalid request: 'limit' must be 0 to \(CommandOutputPage.mostBytes) bytes.")
      }
      let page = try await tell(of: input.session, for: call) {
        try await $0.commandOutput(
          of: input.id, offset: input.offset ?? 0, limit: limit, asScreen: input.format == .screen)
      }
      return CommandOutputAnswer(
        id: page.id, offset: page.piece.offset, totalBytes: page.totalBytes,
        text: String(decoding: page.piece.bytes, as: UTF8.self), nextOffset: page.piece.nextOffset,
        droppedBytes: page.droppedBytes > 0 ? page.droppedBytes : nil, truncated: page.isTruncated,
        running: page.isRunning)
    }
  }
}

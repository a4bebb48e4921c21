import Events
import Formats

/// Moments in the zone of whoever reads them.
struct LocalTime: Sendable {
  let offset: @Sendable (Int64) -> Int64

  static let system = LocalTime { TimeExpression.systemOffset(at: $0) }

  /// `2026-11-21 12:45:01.123`
  func text(_ microseconds: Int64) -> String {
    let utc = Timestamp(milliseconds: microseconds >= 0 ? microseconds / 1000 : 0)
    let local = Timestamp(milliseconds: utc.milliseconds + offset(utc.milliseconds / 1000) * 1000).text
    return local.dropLast().replacing("T", with: " ")
  }

  /// RFC 3339 in UTC with microseconds, as the server takes it.
  static func rfc3339(_ microseconds: Int64) -> String {
    EventTime(microseconds: microseconds).description
  }

  /// The moment that an option says, in microseconds.
  func moment(_ text: String, of option: OptionDefinition, now: Int64) throws(CommandFailure) -> Int64 {
    do {
      return try TimeExpression.parse(text, now: now, offset: offset)
    } catch {
      throw CommandFailure(.usage, "\(option.name): \(error.message)", serverCode: error.code.rawValue)
    }
  }
}

extension StringProtocol {
  fileprivate func replacing(_ character: Character, with other: Character) -> String {
    String(map { $0 == character ? other : $0 })
  }
}

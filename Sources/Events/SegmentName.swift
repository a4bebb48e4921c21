import Formats

/// The name of one file of the log: the UTC hour in which it was begun, and which part of that hour it is.
///
/// `20261121/11.events.jsonl`, then `20261121/11-01.events.jsonl` when the first has grown large. Names sort as their events are numbered:
/// when the clock is set back, the log goes on in the hour that it has reached and begins no earlier one.
struct SegmentName: Sendable, Hashable, Comparable {
  /// Hours since 1970-01-01T00:00Z.
  let hour: Int64
  let part: Int

  static let suffix = ".events.jsonl"
  static let indexSuffix = ".events.index"
  static let idsSuffix = ".events.ids"

  init(hour: Int64, part: Int = 0) {
    self.hour = hour
    self.part = part
  }

  init(_ time: EventTime) {
    let seconds = time.split.seconds
    self.init(hour: seconds >= 0 ? seconds / 3600 : -((3599 - seconds) / 3600))
  }

  /// `nil` for names of other things.
  init?(folder: String, file: String) {
    guard folder.utf8.count == 8, folder.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      file.hasSuffix(SegmentName.suffix)
    else { return nil }
    let stem = file.dropLast(SegmentName.suffix.utf8.count).split(separator: "-", omittingEmptySubsequences: false)
    guard stem.count <= 2, let first = stem.first, first.utf8.count == 2, let hourOfDay = Int64(first), hourOfDay < 24
    else { return nil }
    if stem.count == 2 {
      guard stem[1].utf8.count >= 2, let part = Int(stem[1]), part > 0 else { return nil }
      self.part = part
    } else {
      part = 0
    }
    guard let year = Int64(folder.prefix(4)), let month = Int64(folder.dropFirst(4).prefix(2)),
      let day = Int64(folder.suffix(2)), (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    hour = Timestamp.days(fromCivil: year, month, day) * 24 + hourOfDay
  }

  private var text: String { Timestamp(milliseconds: hour * 3_600_000).text }

  /// `20261121`
  var folder: String { String(text.prefix(10)).replacing("-", with: "") }

  private var stem: String {
    let hourOfDay = text.dropFirst(11).prefix(2)
    return part == 0 ? String(hourOfDay) : "\(hourOfDay)-\(part < 10 ? "0" : "")\(part)"
  }

  /// Below the log's folder.
  var path: String { "\(folder)/\(stem)\(SegmentName.suffix)" }
  var indexPath: String { "\(folder)/\(stem)\(SegmentName.indexSuffix)" }
  var idsPath: String { "\(folder)/\(stem)\(SegmentName.idsSuffix)" }

  var next: SegmentName { SegmentName(hour: hour, part: part + 1) }

  /// The moment at which the hour begins.
  var start: EventTime { EventTime(microseconds: hour * 3_600_000_000) }

  static func < (left: SegmentName, right: SegmentName) -> Bool {
    (left.hour, left.part) < (right.hour, right.part)
  }
}

import Formats
import Glibc

/// A moment in microseconds since 1970-01-01T00:00:00Z, as events carry it: `2026-11-21T11:45:01.123456Z`. As ``Timestamp``, it is within
/// the years 0000 to 9999, whatever the number that it is made of.
package struct EventTime: Sendable, Hashable, Comparable, CustomStringConvertible {
  package let microseconds: Int64

  package init(microseconds: Int64) {
    self.microseconds = min(max(microseconds, -62_167_219_200_000_000), 253_402_300_799_999_999)
  }

  package static func now() -> EventTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return EventTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }

  package static func < (left: EventTime, right: EventTime) -> Bool { left.microseconds < right.microseconds }

  /// So much earlier, to whole seconds.
  func earlier(by age: Duration) -> EventTime {
    let (length, isTooLong) = age.components.seconds.multipliedReportingOverflow(by: 1_000_000)
    let (moment, overflow) = microseconds.subtractingReportingOverflow(length)
    return EventTime(microseconds: isTooLong || overflow ? .min : moment)
  }

  /// Bytes of the written form.
  static let length = 27

  package var description: String {
    let (seconds, fraction) = split
    let whole = Timestamp(milliseconds: seconds * 1000).text.dropLast(5)
    let digits = String(fraction)
    return whole + "." + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
  }

  /// Whole seconds, rounded down, and the microseconds beyond them.
  var split: (seconds: Int64, fraction: Int64) {
    let fraction = microseconds % 1_000_000
    return fraction < 0
      ? (microseconds / 1_000_000 - 1, fraction + 1_000_000) : (microseconds / 1_000_000, fraction)
  }

  /// Reads what ``description`` writes, and nothing else.
  init?(_ text: UnsafeBufferPointer<UInt8>) {
    guard text.count == EventTime.length, text[19] == UInt8(ascii: "."), text[26] == UInt8(ascii: "Z") else {
      return nil
    }
    var fraction: Int64 = 0
    for digit in text[20..<26] {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      fraction = fraction * 10 + Int64(digit & 15)
    }
    guard let seconds = EventTime.seconds(text) else { return nil }
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }

  /// The civil second in the first 19 bytes.
  private static func seconds(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
    func number(_ at: Int, _ count: Int) -> Int64? {
      var value: Int64 = 0
      for digit in text[at..<at + count] {
        guard digit >= 0x30, digit <= 0x39 else { return nil }
        value = value * 10 + Int64(digit & 15)
      }
      return value
    }
    guard text[4] == 0x2D, text[7] == 0x2D, text[10] == 0x54, text[13] == 0x3A, text[16] == 0x3A,
      let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
      let minute = number(14, 2), let second = number(17, 2), (1...12).contains(month), (1...31).contains(day),
      hour < 24, minute < 60, second < 60
    else { return nil }
    return ((Timestamp.days(fromCivil: year, month, day) * 24 + hour) * 60 + minute) * 60 + second
  }
}

/// Writes times, remembering the second that it wrote last: events of one second share all but their fraction.
struct EventTimeWriter {
  private var second = Int64.min
  private var text: [UInt8] = []

  mutating func append(_ time: EventTime, to bytes: inout [UInt8]) {
    var (seconds, fraction) = time.split
    if seconds != second {
      second = seconds
      text = Array(EventTime(microseconds: seconds * 1_000_000).description.utf8)
    }
    for place in stride(from: 25, through: 20, by: -1) {
      text[place] = UInt8(0x30 + fraction % 10)
      fraction /= 10
    }
    bytes.append(contentsOf: text)
  }
}

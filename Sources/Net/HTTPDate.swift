import Glibc

/// The value of `Date` (RFC 9110 §5.6.7), written once a second.
struct HTTPDate {
  private var second: time_t = -1
  private var text: [UInt8] = []

  /// `Sat, 21 Nov 2026 07:47:37 GMT`
  mutating func now() -> [UInt8] {
    let current = time(nil)
    if current != second {
      second = current
      text = HTTPDate.format(current)
    }
    return text
  }

  static func format(_ moment: time_t) -> [UInt8] {
    let days: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months: [StaticString] = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    var moment = moment
    var parts = tm()
    guard gmtime_r(&moment, &parts) != nil else { return [] }
    var text: [UInt8] = []
    func two(_ value: CInt) {
      if value < 10 { text.append(0x30) }
      text.append(decimal: Int(value))
    }
    text.append(days[Int(parts.tm_wday) % 7])
    text.append(", ")
    two(parts.tm_mday)
    text.append(ASCII.space)
    text.append(months[Int(parts.tm_mon) % 12])
    text.append(ASCII.space)
    text.append(decimal: Int(parts.tm_year) + 1900)
    text.append(ASCII.space)
    two(parts.tm_hour)
    text.append(ASCII.colon)
    two(parts.tm_min)
    text.append(ASCII.colon)
    two(parts.tm_sec)
    text.append(" GMT")
    return text
  }
}

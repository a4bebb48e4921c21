import Glibc

/// Moments as people and programs write them, in microseconds since 1970 UTC:
///
/// - RFC 3339 with any offset and fraction (`2026-11-21T14:00:00.5+01:00`); without an offset, with a blank for the `T`, without seconds,
///   or as a date alone it is local time
/// - how long ago: `15m`, `2h`, `3d`, `1w`, `90s`, `500ms`, `1h30m`, with or without ` ago`
/// - `now`, `today`, `yesterday`, `monday`, …: the beginning of that day; with a time behind it (`yesterday 14:00`) that moment
/// - `14:00`, `14:00:30`: when the clock last said so
///
/// A day of the week is the latest whose moment is not in the future. Local times that the clock showed twice mean the first; those that
/// it skipped mean the moment that would have followed.
package enum TimeExpression {
  /// Seconds that local time is ahead of UTC at a moment, which is given in seconds since 1970.
  package typealias Offset = (Int64) -> Int64

  /// No expression worth writing is longer.
  package static let maximumBytes = 64
  /// The end of the year 9999: RFC 3339 has four digits for a year.
  package static let latest: Int64 = 253_402_300_800 * second - 1

  private static let second: Int64 = 1_000_000
  private static let day: Int64 = 86_400

  /// The zone of this process: `TZ`, or the machine's.
  package static func systemOffset(at seconds: Int64) -> Int64 {
    var time = time_t(seconds)
    var fields = tm()
    // localtime_r need not look at TZ by itself (POSIX); this costs little and does.
    tzset()
    guard localtime_r(&time, &fields) != nil else { return 0 }
    return Int64(fields.tm_gmtoff)
  }

  /// Throws ``EventError/Code/invalidTime`` with a sentence that says what can be written.
  package static func parse(_ text: String, now: Int64, offset: Offset) throws(EventError) -> Int64 {
    guard text.utf8.count <= maximumBytes, let moment = value(of: text, now, offset) else { throw invalid(text) }
    guard (0...latest).contains(moment) else {
      throw EventError(.invalidTime, "The time '\(shown(text))' is not between the years 1970 and 9999.")
    }
    return moment
  }

  private static func shown(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(maximumBytes).map { $0.value < 0x20 ? " " : $0 }))
  }

  private static func invalid(_ text: String) -> EventError {
    EventError(
      .invalidTime,
      "'\(shown(text))' is not a time; write RFC 3339 (2026-01-31T14:00:00Z), how long ago (15m, 2h, 1h30m), or 'now', 'yesterday 14:00', 'monday 8:00', '9:30'."
    )
  }

  private static func value(of text: String, _ now: Int64, _ offset: Offset) -> Int64? {
    let words = text.lowercased().split(separator: " ", omittingEmptySubsequences: true)
    guard let first = words.first, words.count <= 2 else { return nil }
    let clock = words.count == 2 ? ClockTime(words[1]) : ClockTime(seconds: 0, micros: 0)
    if let date = CivilDate(first), let clock {
      return local(date.dayNumber, clock, offset)
    }
    if words.count == 1, let moment = rfc3339(first, offset) { return moment }
    if let length = duration(first), words.count == 1 || words[1] == "ago" {
      let (moment, overflow) = now.subtractingReportingOverflow(length)
      return overflow ? nil : moment
    }
    if words.count == 1, first == "now" { return now }
    // Days are the local ones.
    let today = floorDivide(floorDivide(now, second) + offset(floorDivide(now, second)), day)
    if words.count == 1, let clock = ClockTime(first) {
      let moment = local(today, clock, offset)
      return moment <= now ? moment : local(today - 1, clock, offset)
    }
    guard let clock else { return nil }
    switch first {
    case "today": return local(today, clock, offset)
    case "yesterday": return local(today - 1, clock, offset)
    default: break
    }
    guard let wanted = weekdays.firstIndex(where: { $0 == first || $0.prefix(3) == first }) else { return nil }
    // Day 0, 1970-01-01, was a Thursday.
    let back = (floorModulo(today + 3, 7) - Int64(wanted) + 7) % 7
    let moment = local(today - back, clock, offset)
    return moment <= now ? moment : local(today - back - 7, clock, offset)
  }

  private static let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

  // MARK: Local time

  private static func local(_ dayNumber: Int64, _ clock: ClockTime, _ offset: Offset) -> Int64 {
    utc(ofLocal: dayNumber * day + clock.seconds, offset) * second + clock.micros
  }

  /// The moment at which local clocks show what they show `seconds` after 1970 in UTC.
  private static func utc(ofLocal seconds: Int64, _ offset: Offset) -> Int64 {
    // No zone changes twice within two days, so these are the offsets before and after any change nearby.
    let (before, after) = (offset(seconds - day), offset(seconds + day))
    // With a clock set back both hold for an hour, and the first time is meant; with one set forward neither does.
    for candidate in [before, after] where offset(seconds - candidate) == candidate { return seconds - candidate }
    return seconds - before
  }

  // MARK: RFC 3339

  /// `2026-11-21t14:00:00.5+01:00` in lower case; a local time without the offset.
  private static func rfc3339(_ text: Substring, _ offset: Offset) -> Int64? {
    let parts = text.split(separator: "t", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let date = CivilDate(parts[0]) else { return nil }
    var rest = parts[1]
    var zone: Int64?
    if rest.last == "z" {
      rest.removeLast()
      zone = 0
    } else if let sign = rest.lastIndex(where: { $0 == "+" || $0 == "-" }) {
      guard let ahead = ClockTime(rest[rest.index(after: sign)...]), ahead.isWholeMinutes else { return nil }
      zone = rest[sign] == "+" ? ahead.seconds : -ahead.seconds
      rest = rest[..<sign]
    }
    guard let clock = ClockTime(rest) else { return nil }
    guard let zone else { return local(date.dayNumber, clock, offset) }
    return (date.dayNumber * day + clock.seconds - zone) * second + clock.micros
  }

  // MARK: Durations

  private static let units: [(name: Substring, micros: Int64)] = [
    ("ms", 1_000), ("s", second), ("m", 60 * second), ("h", 3_600 * second), ("d", day * second),
    ("w", 7 * day * second),
  ]

  private static func duration(_ text: Substring) -> Int64? {
    var rest = text
    var total: Int64 = 0
    repeat {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest[digits.endIndex...]
      let name = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest[name.endIndex...]
      guard let number = Int64(digits), let unit = units.first(where: { $0.name == name }) else { return nil }
      let (part, tooLong) = number.multipliedReportingOverflow(by: unit.micros)
      let (sum, overflow) = total.addingReportingOverflow(part)
      if tooLong || overflow { return nil }
      total = sum
    } while !rest.isEmpty
    return total
  }
}

/// `2026-11-21`.
private struct CivilDate {
  /// Days since 1970-01-01.
  let dayNumber: Int64

  init?(_ text: Substring) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let year = digits(parts[0], 4...4), let month = digits(parts[1], 2...2),
      let day = digits(parts[2], 2...2), (1...12).contains(month),
      (1...CivilDate.length(ofMonth: month, year)).contains(day)
    else { return nil }
    // Years counted from March, so that the leap day comes last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let shifted = month <= 2 ? year - 1 : year
    let era = floorDivide(shifted, 400)
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    dayNumber = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func length(ofMonth month: Int64, _ year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

/// `9:30`, `14:00:30.25`.
private struct ClockTime {
  /// Since midnight.
  let seconds: Int64
  let micros: Int64
  private(set) var isWholeMinutes = false

  init(seconds: Int64, micros: Int64) {
    self.seconds = seconds
    self.micros = micros
  }

  init?(_ text: Substring) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), let hour = digits(parts[0], 1...2), let minute = digits(parts[1], 2...2),
      hour < 24, minute < 60
    else { return nil }
    var second: Int64 = 0
    var fraction: Int64 = 0
    if parts.count == 3 {
      let pieces = parts[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      // A leap second is the first of the next minute to clocks that know none.
      guard let whole = digits(pieces[0], 2...2), whole <= 60 else { return nil }
      second = whole
      if pieces.count == 2 {
        // Beyond a millionth nothing is kept.
        guard digits(pieces[1].prefix(18), 1...18) != nil, pieces[1].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        fraction = Int64((pieces[1] + "000000").prefix(6)) ?? 0
      }
    }
    seconds = hour * 3600 + minute * 60 + second
    micros = fraction
    isWholeMinutes = parts.count == 2
  }
}

/// A number of that many digits and nothing else.
private func digits(_ text: Substring, _ count: ClosedRange<Int>) -> Int64? {
  guard count.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
  return Int64(text)
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
  value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
}

private func floorModulo(_ value: Int64, _ divisor: Int64) -> Int64 { value - floorDivide(value, divisor) * divisor }

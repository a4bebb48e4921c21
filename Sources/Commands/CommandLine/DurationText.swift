/// Durations as the command line writes them: a number and a unit, `500ms`, `2s`, `1.5s`, `5m`, `1h`, `2d`; several may
/// be joined, `1h30m`. A bare number is refused, except 0: nobody agrees on what it counts.
extension Duration {
  /// Longest duration taken, ten years: far beyond any use, and its milliseconds fit everywhere.
  static var longestOnCommandLine: Duration { .seconds(10 * 365 * 86_400) }

  private static let unitNanoseconds: [(name: String, nanoseconds: Int)] = [
    ("ms", 1_000_000), ("us", 1_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
  ]

  package init?(commandLine text: String) {
    if text == "0" {
      self = .zero
      return
    }
    var rest = Substring(text)
    guard !rest.isEmpty, text.utf8.count <= 32 else { return nil }
    var total = Duration.zero
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(number.count)
      let unitName = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(unitName.count)
      guard
        let unit = Duration.unitNanoseconds.first(where: { $0.name == unitName }),
        let scaled = Duration.scaled(number, nanosecondsPerUnit: unit.nanoseconds)
      else { return nil }
      total += scaled
      guard total <= Duration.longestOnCommandLine else { return nil }
    }
    self = total
  }

  private static func scaled(_ number: Substring, nanosecondsPerUnit: Int) -> Duration? {
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = Int(parts[0]), whole >= 0 else { return nil }
    let (wholeNanoseconds, overflow) = whole.multipliedReportingOverflow(by: nanosecondsPerUnit)
    guard !overflow else { return nil }
    var fraction = 0
    if parts.count == 2 {
      // Nine digits are a billionth of the unit; more would be noise.
      let digits = parts[1].prefix(9)
      guard let value = Int(digits), value >= 0 else { return nil }
      var divisor = 1
      for _ in 0..<digits.count { divisor *= 10 }
      fraction = Int(Double(value) / Double(divisor) * Double(nanosecondsPerUnit))
    }
    return .nanoseconds(wholeNanoseconds) + .nanoseconds(fraction)
  }

  /// Whole milliseconds, rounded up so that a short wait never becomes none.
  package var wholeMilliseconds: Int {
    let (seconds, attoseconds) = components
    return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}

/// How long something has been, for people: `340ms`, `12s`, `5m`, `3h`, `9d`. Two units where the second says something.
func briefDuration(milliseconds: Int) -> String {
  let milliseconds = max(0, milliseconds)
  guard milliseconds >= 1000 else { return "\(milliseconds)ms" }
  let seconds = milliseconds / 1000
  guard seconds >= 60 else { return "\(seconds)s" }
  let minutes = seconds / 60
  guard minutes >= 60 else { return minutes < 10 && seconds % 60 > 0 ? "\(minutes)m\(seconds % 60)s" : "\(minutes)m" }
  let hours = minutes / 60
  guard hours >= 24 else { return hours < 10 && minutes % 60 > 0 ? "\(hours)h\(minutes % 60)m" : "\(hours)h" }
  let days = hours / 24
  return days < 10 && hours % 24 > 0 ? "\(days)d\(hours % 24)h" : "\(days)d"
}

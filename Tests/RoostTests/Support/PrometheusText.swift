import TestKit

/// A strict reader of Prometheus text format 0.0.4: what it accepts, a scraper accepts.
struct PrometheusText {
  struct Series: Hashable {
    let name: String
    let labels: [String: String]
  }

  private(set) var types: [String: String] = [:]
  private(set) var help: [String: String] = [:]
  private(set) var values: [Series: Double] = [:]

  /// The value of a series; nil when there is none.
  subscript(name: String, labels: [String: String] = [:]) -> Double? { values[Series(name: name, labels: labels)] }

  /// All series of a name.
  func series(_ name: String) -> [(labels: [String: String], value: Double)] {
    values.filter { $0.key.name == name }.map { ($0.key.labels, $0.value) }
  }

  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw TestFailure("the last line does not end") }
    var finished: Set<String> = []
    var current = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      if line.hasPrefix("# ") {
        let words = line.split(separator: " ", maxSplits: 3)
        guard words.count == 4 else { throw TestFailure("an incomplete comment: \(line)") }
        let name = String(words[2])
        if name != current {
          guard finished.insert(name).inserted else { throw TestFailure("two groups of \(name)") }
          current = name
        }
        switch words[1] {
        case "HELP" where help[name] == nil: help[name] = String(words[3])
        case "TYPE" where types[name] == nil && ["counter", "gauge", "histogram"].contains(words[3]):
          types[name] = String(words[3])
        default: throw TestFailure("not a comment of the format: \(line)")
        }
        continue
      }
      var reader = LineReader(line)
      let (series, value) = try reader.sample()
      let isPart =
        types[current] == "histogram" && ["_bucket", "_sum", "_count"].contains { current + $0 == series.name }
      guard series.name == current || isPart, types[current] != nil, help[current] != nil else {
        throw TestFailure("outside of its group: \(line)")
      }
      guard values.updateValue(value, forKey: series) == nil else { throw TestFailure("twice: \(line)") }
    }
    try checkValues()
  }

  private func checkValues() throws {
    for (series, value) in values where types[series.name] == "counter" {
      guard value >= 0, series.name.hasSuffix("_total") else { throw TestFailure("no counter: \(series) \(value)") }
    }
    for (name, type) in types where type == "histogram" {
      for (labels, count) in series(name + "_count") {
        let buckets = series(name + "_bucket")
          .filter { $0.labels.filter { $0.key != "le" } == labels }
          .map {
            (bound: $0.labels["le"] == "+Inf" ? Double.infinity : Double($0.labels["le"] ?? "") ?? .nan, $0.value)
          }
          .sorted { $0.bound < $1.bound }
        let ascends = zip(buckets, buckets.dropFirst()).allSatisfy { $0.1 <= $1.1 && $0.bound < $1.bound }
        guard ascends, buckets.last?.bound == .infinity, buckets.last?.1 == count, self[name + "_sum", labels] != nil
        else {
          throw TestFailure("not a histogram: \(name) \(labels) \(buckets)")
        }
      }
    }
  }
}

/// `name{label="value",…} number`
private struct LineReader {
  private let line: Substring
  private var rest: Substring

  init(_ line: Substring) {
    self.line = line
    rest = line
  }

  mutating func sample() throws -> (PrometheusText.Series, Double) {
    let name = try self.name()
    var labels: [String: String] = [:]
    if take("{") {
      while !take("}") {
        let label = try self.name()
        guard take("=\""), labels.updateValue(try value(), forKey: label) == nil else { throw wrong() }
        guard take(",") || rest.hasPrefix("}") else { throw wrong() }
      }
    }
    guard take(" ") else { throw wrong() }
    let special: [Substring: Double] = ["+Inf": .infinity, "-Inf": -.infinity, "NaN": .nan]
    guard let number = special[rest] ?? Double(rest) else { throw wrong() }
    return (PrometheusText.Series(name: name, labels: labels), number)
  }

  private func wrong() -> TestFailure { TestFailure("not a line of the format, at '\(rest)': \(line)") }

  private mutating func take(_ prefix: String) -> Bool {
    guard rest.hasPrefix(prefix) else { return false }
    rest = rest.dropFirst(prefix.count)
    return true
  }

  private mutating func name() throws -> String {
    let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
    guard let first = name.first, !first.isNumber else { throw wrong() }
    rest = rest[name.endIndex...]
    return String(name)
  }

  private mutating func value() throws -> String {
    var value = ""
    while let character = rest.popFirst() {
      switch character {
      case "\"": return value
      case "\\":
        switch rest.popFirst() {
        case "\\": value.append("\\")
        case "n": value.append("\n")
        case "\"": value.append("\"")
        default: throw wrong()
        }
      default: value.append(character)
      }
    }
    throw wrong()
  }
}

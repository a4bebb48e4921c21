/// Prometheus text exposition format 0.0.4.
package struct MetricsText {
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"
  static let infinity = "+Inf"

  private var output: [UInt8] = []

  /// All families, those of one name joined: the format wants a metric's lines in one group.
  package static func write(_ families: [MetricFamily]) -> [UInt8] {
    var order: [String] = []
    var byName: [String: MetricFamily] = [:]
    for family in families {
      if byName[family.name] == nil {
        order.append(family.name)
        byName[family.name] = family
      } else {
        byName[family.name]?.samples += family.samples
      }
    }
    var text = MetricsText()
    for name in order { byName[name].map { text.append($0) } }
    return text.output
  }

  private mutating func append(_ family: MetricFamily) {
    guard !family.samples.isEmpty else { return }
    append("# HELP \(family.name) \(MetricsText.escaped(family.help, quotes: false))\n")
    append("# TYPE \(family.name) \(family.kind.rawValue)\n")
    for sample in family.samples {
      append(family.name)
      append(sample.suffix)
      if !sample.labels.isEmpty {
        let labels = sample.labels.map { "\($0.name)=\"\(MetricsText.escaped($0.value, quotes: true))\"" }
        append("{\(labels.joined(separator: ","))}")
      }
      append(" \(MetricsText.number(sample.value))\n")
    }
  }

  private mutating func append(_ text: String) { output.append(contentsOf: text.utf8) }

  /// In help texts backslash and line feed are escaped, in labels' values the quotation mark too.
  static func escaped(_ text: String, quotes: Bool) -> String {
    guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += #"\\"#
      case "\n": result += #"\n"#
      case "\"" where quotes: result += #"\""#
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// As Go's ParseFloat reads it; whole numbers without a fraction.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : infinity }
    // Below 2^53 every whole number is exact.
    if value.rounded() == value, value.magnitude < 9_007_199_254_740_992 { return String(Int64(value)) }
    return value.description
  }
}

/// Emphasis for people, or none: colours go only to a terminal, and never when `NO_COLOR` is set (no-color.org).
package struct TextStyle: Sendable, Equatable {
  package var isEnabled: Bool

  package static let plain = TextStyle(isEnabled: false)
  package static let coloured = TextStyle(isEnabled: true)

  package init(isEnabled: Bool) {
    self.isEnabled = isEnabled
  }

  package init(isTerminal: Bool, environment: [String: String]) {
    let forbids = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
    isEnabled = isTerminal && !forbids
  }

  package func bold(_ text: String) -> String { wrap(text, "1") }
  package func faint(_ text: String) -> String { wrap(text, "2") }
  package func red(_ text: String) -> String { wrap(text, "31") }
  package func green(_ text: String) -> String { wrap(text, "32") }
  package func yellow(_ text: String) -> String { wrap(text, "33") }
  package func cyan(_ text: String) -> String { wrap(text, "36") }

  private func wrap(_ text: String, _ parameters: String) -> String {
    isEnabled && !text.isEmpty ? "\u{1b}[\(parameters)m\(text)\u{1b}[0m" : text
  }
}

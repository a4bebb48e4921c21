import Formats

/// What bounds how long an operation waits for something: whoever passes a call on must know when an answer is overdue.
package struct Wait: Sendable, Equatable {
  /// The field of its input with the caller's bound, in milliseconds.
  package let field: String
  /// The bound where the caller gives none.
  package let standard: Duration
  /// What is longer is cut to this, or refused.
  package let longest: Duration

  package init(_ field: String, standard: Duration, longest: Duration = .milliseconds(Milliseconds.limit)) {
    self.field = field
    self.standard = standard
    self.longest = longest
  }
}

extension Arguments {
  /// How long the operation may wait with these arguments at most; zero for one that does not wait. A bound that is none is refused where
  /// the operation is performed, and stands for the usual one here.
  func longestWait(_ operation: Operation) -> Duration {
    guard let wait = operation.wait else { return .zero }
    var given = (query + path).first { $0.name == wait.field }.flatMap { Int($0.value) }
    if given == nil, case .json(let body) = body {
      given = JSONText.members(of: body[...])?.last { $0.name == wait.field }.flatMap { JSONText.integer($0.value) }
    }
    guard let given, given >= 0 else { return wait.standard }
    return min(.milliseconds(given), wait.longest)
  }
}

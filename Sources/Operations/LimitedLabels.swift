/// The names and tags of sessions that tokens are limited to. Who is limited himself gives a session none of them but his own: it would come
/// within reach of another token, whose holder would take it for one of his and type into it.
package struct LimitedLabels: Sendable {
  package var names: Set<String>
  package var tags: Set<String>

  package static let none = LimitedLabels(names: [], tags: [])

  package init(names: Set<String>, tags: Set<String>) {
    self.names = names
    self.tags = tags
  }

  /// Why a caller may not give a session these; `nil` when he may.
  package func refusal(names: [String], tags: [String], for access: Access) -> OperationError? {
    guard access.isLimited else { return nil }
    if let name = names.first(where: { self.names.contains($0) && access.sessions?.contains($0) != true }) {
      return refusal("name", name)
    }
    if let tag = tags.first(where: { self.tags.contains($0) && access.commonTags?.contains($0) != true }) {
      return refusal("tag", tag)
    }
    return nil
  }

  private func refusal(_ kind: String, _ label: String) -> OperationError {
    OperationError(
      .insufficientScope,
      """
      This token may not give a session the \(kind) '\(label)': another token is limited to it, and this one to others. \
      Use a token that has it among its limits, or one without limits.
      """)
  }
}

/// The arguments of an operation that give a session its names and tags.
package struct LabelFields: Sendable {
  let name: String
  let tags: String
}

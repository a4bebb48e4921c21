/// What kind of change a session's shelf is told of.
enum BoardMark: Int, Comparable {
  case none
  /// Input or output: whoever follows all sessions wants to hear of it, but not often.
  case activity
  /// A name, a tag, a client, a size, a state, an end: is told of soon.
  case fact

  static func < (left: BoardMark, right: BoardMark) -> Bool { left.rawValue < right.rawValue }
}

extension Session {
  /// Something that the session's record tells is another thing now. Costs a comparison or two while nobody follows.
  @inline(__always)
  func recordChanged(_ change: BoardMark) {
    guard mark < change, let shelf, shelf.isFollowed else { return }
    mark = change
    shelf.mark(self, change)
  }
}

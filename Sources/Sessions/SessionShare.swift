/// How much there is of something that all users of a session share, so that none takes it from the others.
package struct SessionShare: Sendable {
  /// For everybody together.
  package let total: Int
  /// Of these, what only the local user may take.
  package let reserve: Int
  /// What one of the others may take.
  package let each: Int

  /// Whether there is one more for a user.
  /// - Parameters:
  ///   - holder: as ``Cause/holder``; `nil` for the local user.
  ///   - holders: those who have some, each as often as he has one.
  func has(for holder: String?, among holders: some Sequence<String?>) -> Bool {
    var (all, own) = (0, 0)
    for other in holders {
      all += 1
      if other == holder { own += 1 }
    }
    return holder == nil ? all < total : all < total - reserve && own < each
  }
}

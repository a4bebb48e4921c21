/// Whether what is done for a call may go on: the one who asked may have lost the session, or the right to ask, while the call waited.
///
/// It goes along with the task of the call (``current``), so that whatever has waited asks where it acts, on the session's loop: between
/// the question and the bytes nothing comes.
package struct Permit: Sendable {
  private let look: @Sendable (SessionName, Set<Tag>) -> (any Error)?

  /// - Parameter look: why it may not go on with a session of that name and these tags; `nil` where it may.
  package init(_ look: @escaping @Sendable (SessionName, Set<Tag>) -> (any Error)?) { self.look = look }

  fileprivate func refusal(_ name: SessionName, _ tags: Set<Tag>) -> (any Error)? { look(name, tags) }

  /// That of the call for which the current task works; `nil` where everything may go on.
  @TaskLocal package static var current: Permit?
}

extension Session {
  /// Why the call for which this is done may not go on with the session as it is called and tagged now; `nil` where it may.
  var permitRefusal: (any Error)? { Permit.current?.refusal(name, tags) }

  /// Throws where the call for which this is done may not go on with the session: see ``Permit``.
  package func requirePermit() throws {
    if let permitRefusal { throw permitRefusal }
  }
}

/// Whose a named cursor is. Each owner has names of its own, and neither sees nor moves what is another's.
package struct CursorOwner: Sendable, Equatable {
  /// The token that counts for it; `nil` for the server's own user and whoever may do everything.
  let token: String?
  /// Somebody for whom that token asks: a hub's caller.
  let caller: String?

  /// The server's own user.
  package static let local = CursorOwner(token: nil, caller: nil)

  private init(token: String?, caller: String?) {
    self.token = token
    self.caller = caller
  }

  package static func token(_ id: String, for caller: String? = nil) -> CursorOwner {
    CursorOwner(token: id, caller: caller)
  }
}

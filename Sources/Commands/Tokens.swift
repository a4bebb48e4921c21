import Formats
import Operations
import Store
import Surfaces
import Synchronization

/// Knows the bearers of tokens: the one that the server was started with, and those in the store.
///
/// What the store has said is remembered for as long as the token is good, so that a request costs no query.
final class Tokens: TokenVerifying {
  /// More distinct tokens than a machine's clients use at once; the memory is dropped whole when it is full.
  private static let rememberedTokens = 256

  /// What the token that the server was started with is called.
  private static let fixedID = "start"

  let store: TokenStore
  private let fixed: [UInt8]?
  private let known = Mutex<[[UInt8]: Token]>([:])

  init(fixed: String?, paths: Paths, quarantine: Quarantine? = nil) {
    store = TokenStore(paths: paths, quarantine: quarantine)
    self.fixed = fixed.map { Digest.sha256(Array($0.utf8)) }
  }

  func verify(_ secret: String) async -> (Principal, Access)? {
    let hash = Digest.sha256(Array(secret.utf8))
    if let fixed, Digest.constantTimeEqual(fixed, hash) {
      return (.token(id: Tokens.fixedID, name: Tokens.fixedID), .everything)
    }
    guard let token = remembered(hash) ?? look(up: secret, hash) else { return nil }
    return Tokens.bearer(of: token)
  }

  private static func bearer(of token: Token) -> (Principal, Access) {
    var access = Access(
      scopes: token.scopes, sessions: token.sessions.isEmpty ? nil : Set(token.sessions),
      tags: token.tags.isEmpty ? nil : Set(token.tags))
    access.expiresAt = token.expiresAt.map { Timestamp(milliseconds: $0) }
    return (.token(id: token.id, name: token.name), access)
  }

  func holder(ofToken id: String) async -> (Principal, Access)? {
    if id == Tokens.fixedID { return fixed == nil ? nil : (.token(id: id, name: id), .everything) }
    guard let token = (try? store.token(id: id)).flatMap({ $0 }), !token.isExpired else { return nil }
    return Tokens.bearer(of: token)
  }

  /// Whether there is such a token, as far as can be told.
  func isGood(id: String) -> Bool {
    if id == Tokens.fixedID { return fixed != nil }
    do {
      return try store.token(id: id).map { !$0.isExpired } ?? false
    } catch {
      return true
    }
  }

  func forget(id: String) { known.withLock { known in known = known.filter { $0.value.id != id } } }

  private func remembered(_ hash: [UInt8]) -> Token? {
    known.withLock { known in
      guard let token = known[hash] else { return nil }
      if token.isExpired {
        known[hash] = nil
        return nil
      }
      return token
    }
  }

  private func look(up secret: String, _ hash: [UInt8]) -> Token? {
    guard let token = try? store.verify(secret) else { return nil }
    known.withLock { known in
      if known.count >= Tokens.rememberedTokens { known = [:] }
      known[hash] = token
    }
    return token
  }
}

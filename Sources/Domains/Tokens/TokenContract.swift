package import Operations
import Store

/// The `token` domain, as the world knows it.
package enum TokenContract: Contract {
  static let create = TypedOperation(
    "token.create", "Make a token for clients over TCP; its secret is in the answer, this once", .admin,
    .post("/tokens"), .changes, status: 201, takes: CreateTokenInput.self, gives: TokenOutput.self)
  static let list = TypedOperation(
    "token.list", "List the tokens, without their secrets", .admin,
    .get("/tokens"), .reads, takes: NoInput.self, gives: [TokenOutput].self)
  static let revoke = TypedOperation(
    "token.revoke", "Make a token worthless at once", .admin,
    .delete("/tokens/{id}"), .changes, takes: TokenInput.self)

  package static let operations: [Operation] = [
    create.operation,
    list.operation,
    revoke.operation,
  ]
  package static let events = TokenEvents.all
}

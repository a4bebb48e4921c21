import Operations
import Store
import Surfaces
import Sys

/// The tokens that let clients in over TCP.
struct Tokens: TokenVerifying {
  let fixed: String?
  let paths: Paths
  func verify(_ secret: String) async -> (Principal, Access)? { nil }
}
func tokenOperations(_ tokens: Tokens) -> [Operation] { [] }

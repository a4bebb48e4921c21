/// Why the registry refused something; `message` says what to do.
package struct RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The names are those of the API's error codes.
  package enum Code: String, Sendable, CaseIterable {
    case invalidRequest = "invalid_request"
    case invalidAddress = "invalid_address"
    case invalidRole = "invalid_role"
    case serverNotFound = "server_not_found"
    case serverAmbiguous = "server_ambiguous"
    case alreadyRegistered = "server_already_registered"
    case identityChanged = "identity_changed"
    case configInvalid = "config_invalid"
    case limitReached = "resource_limit_reached"
    case storageFull = "storage_full"
    case internalError = "internal_error"
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}

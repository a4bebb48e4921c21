import Net

/// How an attempt to reach a backend came out, if it did not end with a link.
enum AttemptFailure: Error {
  /// It may go better the next time by itself.
  case unavailable(String)
  /// Somebody has to do something: it is tried again seldom.
  case refused(Health, String)

  /// What a failed WebSocket handshake means.
  init(_ error: NetError, at address: BackendAddress) {
    guard case .upgradeRefused(let status, _) = error.code else {
      self = .unavailable(AttemptFailure.sentence(error, address))
      return
    }
    switch status {
    case 401, 403:
      self = .refused(.authFailed, "it does not accept the token (it answered \(status)); give it another one")
    case 300..<400:
      self = .unavailable(
        "it answers with a redirect (\(status)), which is not followed; enrol the address that it leads to")
    default: self = .unavailable("it answers \(status) where a link should begin")
    }
  }

  private static func sentence(_ error: NetError, _ address: BackendAddress) -> String {
    switch error.code {
    case .connectionRefused: "nobody listens at \(address.text)"
    case .timedOut: "it did not answer in time"
    default: shownText(error.message)
    }
  }
}

import Formats
import Net

/// What a wsh server's HTTP answers mean. All of it is somebody else's text: bounded, and checked before it is passed on.
enum WshAnswer {
  /// Largest answer that is taken: all of a session's history with styles.
  static let maximumBytes = 16 << 20
  private static let (maximumCode, maximumMessage) = (64, 1024)

  static func read(_ response: HTTPResponse, from name: String) throws(RemoteFailure) -> RemoteAnswer {
    guard (200..<300).contains(response.status) else { throw failure(response.status, response.body, from: name) }
    if response.body.isEmpty || response.status == 204 { return .empty }
    guard JSONText.isValid(response.body[...]) else {
      throw RemoteFailure(
        code: "internal_error", message: "\(name) has answered with something that is no JSON.", status: 500,
        path: [name])
    }
    return .json(response.body)
  }

  /// The failure that an answer which is no success stands for. Redirections are not followed: the token is for this server alone.
  static func failure(_ status: Int, _ body: [UInt8], from name: String) -> RemoteFailure {
    if (300..<400).contains(status) {
      return RemoteFailure(
        code: "server_unavailable",
        message:
          "\(name) answers with a redirection (\(status)), which is not followed: add it by the address that it is at.",
        status: 503, path: [name])
    }
    let error = ((try? JSON(parsing: body)) ?? .null)["error"]
    let (code, ownStatus) = code(for: status)
    let message =
      (error["message"].string ?? error.string).map { clean($0) } ?? "\(name) answered with status \(status)."
    guard let given = error["code"].string, isCode(given), status >= 400 else {
      return RemoteFailure(code: code, message: message, status: ownStatus, path: [name])
    }
    return RemoteFailure(code: given, message: message, status: status, path: [name])
  }

  /// Why there was no answer at all.
  static func failure(_ error: NetError, from name: String) -> RemoteFailure {
    func failure(_ code: String, _ status: Int, _ message: String) -> RemoteFailure {
      RemoteFailure(code: code, message: message, status: status, path: [name])
    }
    switch error.code {
    case .upgradeRefused(let status, let body): return WshAnswer.failure(status, body, from: name)
    case .timedOut: return failure("gateway_timeout", 504, "\(name) has not answered in time.")
    case .cancelled: return failure("request_timeout", 408, "The caller went away before \(name) answered.")
    case .tooLarge:
      return failure("internal_error", 500, "\(name) has answered with more than \(maximumBytes >> 20) MiB.")
    case .protocolViolation:
      return failure("internal_error", 500, "\(name) does not keep to HTTP: \(clean(error.message)).")
    case .closed:
      return failure(
        "server_unavailable", 503,
        "\(name) closed the connection before it answered; whether it has done what was asked is not known.")
    default: return failure("server_unavailable", 503, "\(name) cannot be reached: \(clean(error.message)).")
    }
  }

  /// Our code for an answer that gives none, with the status that goes with it.
  private static func code(for status: Int) -> (code: String, status: Int) {
    switch status {
    case 400, 415, 422: ("invalid_request", 400)
    case 401: ("auth_required", 401)
    case 403: ("auth_invalid", 403)
    case 404: ("not_found", 404)
    case 405, 501: ("unsupported", 501)
    case 408: ("request_timeout", 408)
    case 413: ("payload_too_large", 413)
    case 429: ("resource_limit_reached", 429)
    case 502, 503: ("server_unavailable", 503)
    case 504: ("gateway_timeout", 504)
    default: ("internal_error", 500)
    }
  }

  private static func isCode(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= maximumCode
      && text.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
  }

  private static func clean(_ text: String) -> String {
    var clean = ""
    for given in text.unicodeScalars {
      let scalar = given.properties.generalCategory == .control ? "?" : given
      if clean.utf8.count + UTF8.width(scalar) > maximumMessage { break }
      clean.unicodeScalars.append(scalar)
    }
    return clean
  }
}

import Cluster
import Formats
import Glibc
import Net
import Sys

func addServer(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let text = try invocation.required(Arguments.backendAddress)
  let address: BackendAddress
  do throws(RegistryError) {
    address = try BackendAddress(text)
  } catch {
    throw CommandFailure(.usage, error.message, serverCode: error.code.rawValue)
  }
  // Before the token is typed: what follows cannot be taken back.
  if !address.isSecure, !address.isLoopback { context.output.note(plainTextWarning(address)) }
  let token = try backendToken(context, for: address.text)
  let tags = invocation.texts(Options.backendTag)
  var server = try await context.client.call(
    "POST", "/servers",
    body: .object([
      "address": .string(address.text), "token": token.map { .string($0) },
      "role": invocation.text(Options.backendRole).map { .string($0) },
      "tags": tags.isEmpty ? nil : JSON(strings: tags), "transitive": invocation.has(Options.transitive) ? true : nil,
      "identity": invocation.text(Options.identityRule).map { .string($0) },
      "fingerprint": invocation.text(Options.pinnedCertificate).map { .string($0) },
    ]))
  if !invocation.has(Options.noWait) {
    server = try await settled(context, server, address.text)
  }
  let health = server["health"].plainText
  let isDone = invocation.has(Options.noWait) || ["healthy", "degraded"].contains(health)
  // What went wrong is said once, by the failure.
  if isDone || context.usesJSON { context.show(server) { addedText(server) } }
  if isDone { return .ok }
  throw CommandFailure(
    health == "auth_failed" ? .refused : health == "connecting" ? .timedOut : .failed,
    "\(address.text) is enrolled with the role \(server["role"].plainText), but \(healthText(server))",
    hint: health == "auth_failed"
      ? "Give another token: roost servers update \(address.text) --new-token"
      : health == "rejected"
        ? "It is not used until that is settled; 'roost servers remove \(address.text)' takes it off the list."
        : notTrustedHint(server, address.text)
          ?? "It is tried again by itself; 'roost servers info \(address.text)' tells how it goes.",
    serverCode: health == "auth_failed" ? "auth_failed" : "server_unavailable")
}

/// Waits until the connection has come to something. The server is asked again and again: it takes some milliseconds, or fails for good.
private func settled(
  _ context: ClientContext, _ added: JSON, _ address: String
) async throws(CommandFailure) -> JSON {
  let timeout = context.invocation.duration(Options.healthTimeout) ?? .seconds(15)
  let deadline = ContinuousClock.now + timeout
  var server = added
  var hasSaid = false
  while server["health"].string == "connecting", ContinuousClock.now < deadline {
    if !hasSaid, !context.usesJSON { context.output.note("connecting to \(printable(address)) …") }
    hasSaid = true
    do { try await Task.sleep(for: .milliseconds(100)) } catch { break }
    server = try await context.client.call("GET", serverPath(address))
  }
  return server
}

private func plainTextWarning(_ address: BackendAddress) -> String {
  """
  roost servers add: warning: over http the token, and all that is typed and shown, can be read by whoever is on the way to \(address.host), \
  and the token goes to whoever answers there. Outside a tunnel or a VPN use https: 'roost serve --tls-self-signed' there, --fingerprint here.
  """
}

/// What to do where the only thing amiss is that nobody vouches for the certificate.
private func notTrustedHint(_ server: JSON, _ address: String) -> String? {
  guard let reason = server["reason"].string, let start = reason.firstRange(of: "SHA256:")?.lowerBound else {
    return nil
  }
  let fingerprint = reason[start...].prefix { $0.isLetter || $0.isNumber || $0 == ":" }
  return
    "If 'roost status' on that server names this certificate, trust it: roost servers update \(address) --fingerprint \(fingerprint)"
}

private func addedText(_ server: JSON) -> String {
  let name = serverName(server)
  let id = server["server_id"].string.map { " (\(printable(String($0.prefix(8)))))" } ?? ""
  let role = server["role"].plainText
  var text = "\(printable(name))\(id): \(printable(healthText(server))), role \(role)\n"
  if role == "none" { text += "It is only listed; 'roost servers promote \(printable(name))' lets it be used.\n" }
  return text
}

private func healthText(_ server: JSON) -> String {
  let health = server["health"].plainText
  guard let reason = server["reason"].string else { return health == "connecting" ? "not connected yet" : health }
  return "\(health): \(reason)"
}

func updateServer(_ context: ClientContext) async throws(CommandFailure) -> ExitCode {
  let invocation = context.invocation
  let name = try invocation.required(Arguments.backend)
  let isTokenWanted = invocation.has(Options.newToken) || invocation.has(Options.backendTokenFile)
  let token = isTokenWanted ? try backendToken(context, for: name) : nil
  guard !isTokenWanted || token != nil else { throw CommandFailure(.usage, "no token was given") }
  let tags = invocation.texts(Options.backendTag)
  let server = try await context.client.call(
    "PATCH", serverPath(name),
    body: .object([
      "token": token.map { .string($0) }, "role": invocation.text(Options.backendRole).map { .string($0) },
      "tags": tags.isEmpty ? nil : JSON(strings: tags.filter { !$0.isEmpty }),
      "transitive": invocation.text(Options.transitiveValue).map { .bool($0 == "yes") },
      "identity": invocation.text(Options.identityRule).map { .string($0) },
      "fingerprint": invocation.text(Options.pinnedCertificate).map { .string($0) },
    ]))
  context.show(server) { serverText(server, context.output.style) }
  return .ok
}

/// The token for a server, from wherever it was put but the command line; `nil` when there is none.
private func backendToken(
  _ context: ClientContext, for name: String
) throws(CommandFailure) -> String? {
  let text: String
  if let path = context.invocation.text(Options.backendTokenFile) {
    if path == "-" {
      guard let bytes = try? readFile("/dev/stdin", limit: BackendToken.longest + 64) else {
        throw CommandFailure(.usage, "standard input cannot be read")
      }
      text = String(decoding: bytes, as: UTF8.self)
    } else {
      do throws(RegistryError) {
        return try BackendToken.read(path)
      } catch {
        throw CommandFailure(.usage, error.message, serverCode: error.code.rawValue)
      }
    }
  } else if let given = context.invocation.environment["ROOST_BACKEND_TOKEN"], !given.isEmpty {
    text = given
  } else if isatty(STDIN_FILENO) == 1,
    let typed = try? readHiddenLine(
      prompt: "Token for \(printable(name)) (empty for none): ", limit: BackendToken.longest + 64)
  {
    if typed.isEmpty { return nil }
    text = typed
  } else {
    return nil
  }
  do throws(RegistryError) {
    return try BackendToken.checked(text)
  } catch {
    throw CommandFailure(.usage, error.message, serverCode: error.code.rawValue)
  }
}

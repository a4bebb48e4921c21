package import Cluster
import Formats

/// Where a call is performed: the one place that says what `server` means, on every surface.
package enum Place: Sendable {
  /// On this server.
  case here
  /// On a backend, as it was when it was looked up.
  case member(Member)
}

extension Catalogue {
  /// Servers that a call may come through. Hubs of hubs of hubs are rare; a longer chain is a mistake that feeds itself.
  static let maximumHops = 8

  /// What the name of a server stands for; without a name this server.
  package func place(of server: String?) throws(OperationError) -> Place {
    guard let server, !ownNames.contains(server) else { return .here }
    switch cluster?.resolve(server) {
    case .here?: return .here
    case .member(let member)?: return .member(member)
    case .ambiguous(let members)?:
      let ids = members.map { $0.serverID ?? $0.address }.joined(separator: ", ")
      throw OperationError(
        .serverAmbiguous, "\(members.count) servers are called '\(server)'; name the one you mean by its id: \(ids).")
    case .unknown?, nil:
      if let slash = server.firstIndex(of: "/"), isKnown(String(server[..<slash])) {
        throw OperationError(
          .serverNotFound,
          "Server not found: \(server). What lies behind another hub is not reached from here yet; ask that hub itself."
        )
      }
      throw OperationError(.serverNotFound, "Server not found: \(server).")
    }
  }

  /// Where a call with these arguments is performed.
  package func place(of arguments: Arguments) throws(OperationError) -> Place {
    try place(of: try arguments.requestedServer())
  }

  /// For what is done on this server only: refuses a name that stands for another, so that nothing answers in its place.
  /// - Parameters:
  ///   - what: the name of what is asked for.
  ///   - hint: what to do instead.
  package func requireHere(_ server: String?, _ what: String, hint: String) throws(OperationError) {
    guard case .member(let member) = try place(of: server) else { return }
    throw OperationError(.unsupported, "\(what) is not passed on to \(member.name): \(hint)")
  }

  /// The way to a backend for work of this kind, or why there is none: a circle, the backend's role, its health.
  /// - Parameter what: the name of the operation or endpoint.
  package func way(
    to member: Member, for work: Work, _ what: String, _ call: Call
  ) throws(OperationError) -> any RemoteServer {
    if let id = member.serverID, call.via.contains(id) || call.via.count >= Catalogue.maximumHops {
      throw OperationError(
        .linkRefused,
        "\(what) has come through \(member.name) already: these hubs are each other's backends, in a circle.",
        serverPath: [ownName, member.name], failedHop: member.name)
    }
    if let refusal = RemoteAccess.refusal(work, what, at: member) {
      throw OperationError(.roleRefused, refusal.message, serverPath: [ownName, member.name])
    }
    guard member.report.health.isUsable, let remote = member.remote else {
      let reason = member.report.reason.map { ": \($0)" } ?? ""
      throw OperationError(
        .serverUnavailable,
        "\(member.name) is not available (\(member.report.health.rawValue) since \(member.report.since.text)\(reason)).",
        serverPath: [ownName, member.name], failedHop: member.name)
    }
    return remote
  }

  /// Has a backend perform an operation.
  /// - Parameter causationID: the audit event that the call leaves here.
  func forward(
    _ operation: Operation, _ arguments: Arguments, to member: Member, for call: Call, causationID: String?,
    isolation: isolated (any Actor)? = #isolation
  ) async throws(OperationError) -> Answer {
    let remote = try way(to: member, for: operation.work, operation.name, call)
    let request = try arguments.request(
      operation,
      context: RemoteAccess.context(for: call, member: member, causationID: causationID, serverID: ownID))
    let answer: RemoteAnswer
    do throws(RemoteFailure) {
      answer = try await remote.perform(request)
    } catch {
      throw OperationError(error, from: ownName, at: member.name)
    }
    switch answer {
    case .empty: return .empty
    case .json(let document):
      // It goes into envelopes of ours, where anything but one value could pass for a part of them.
      guard JSONText.isValid(document[...]) else {
        throw OperationError(
          .internalError, "\(member.name) has answered with something that is no JSON.",
          serverPath: [ownName, member.name], failedHop: member.name)
      }
      return .json(document)
    }
  }

  private func isKnown(_ name: String) -> Bool {
    switch cluster?.resolve(name) {
    case .here?, .member?, .ambiguous?: true
    case .unknown?, nil: ownNames.contains(name)
    }
  }

  /// How this server is called in the path of a call.
  package var ownName: String { cluster?.hostname ?? ownNames.min() ?? "" }
  private var ownID: String { cluster?.serverID ?? "" }
}

extension Arguments {
  /// The operation with these arguments, for another server: as they were given, without `server`.
  package func request(_ operation: Operation, context: CallContext) throws(OperationError) -> RemoteRequest {
    let body: RemoteRequest.Body =
      switch self.body {
      case .none: .none
      case .raw(let bytes): .raw(bytes)
      case .json(let bytes): JSONText.firstByte(bytes[...]) == nil ? .none : .json(try Arguments.withoutServer(bytes))
      }
    return RemoteRequest(
      operation: operation.name, path: path.map { .init($0.name, $0.value) },
      query: query.filter { $0.name != "server" }.map { .init($0.name, $0.value) }, body: body,
      method: operation.route.method, route: operation.route.path, wait: longestWait(operation), context: context)
  }

  /// An object without its member `server`; the other values as they were sent, byte for byte.
  private static func withoutServer(_ body: [UInt8]) throws(OperationError) -> [UInt8] {
    guard let members = try members(of: body), members.contains(where: { $0.name == "server" }) else { return body }
    var json = JSONWriter(reserving: body.count)
    json.beginObject()
    for (name, value) in members where name != "server" {
      json.key(text: name)
      json.raw(value)
    }
    json.endObject()
    return json.finish()
  }

  /// The value of `server`, wherever it was given. To name two servers is to name none.
  package func requestedServer() throws(OperationError) -> String? {
    var found = query.first { $0.name == "server" }?.value
    guard case .json(let body) = body, let members = try Arguments.members(of: body) else { return found }
    for (name, value) in members where name == "server" && !JSONText.isNull(value) {
      guard let server = JSONText.string(value) else {
        throw OperationError(.invalidRequest, "Invalid request: 'server' must be a string.")
      }
      guard found == nil || found == server else {
        throw OperationError(.invalidRequest, "Invalid request: 'server' is given twice, and not the same.")
      }
      found = server
    }
    return found
  }

  /// The texts that an argument has, wherever and however often it was given: a string, or those of a list.
  func texts(of field: String) throws(OperationError) -> [String] {
    var texts = (path + query).filter { $0.name == field }.map(\.value)
    guard case .json(let body) = body, let members = try Arguments.members(of: body) else { return texts }
    for (name, value) in members where name == field {
      guard let value = try? JSON(parsing: Array(value)) else { continue }
      texts += (value.array ?? [value]).compactMap(\.string)
    }
    return texts
  }

  /// The members of a body that is an object; `nil` for another one. An object that cannot be taken apart here is refused: read in another
  /// way later it might name a server after all.
  private static func members(
    of body: [UInt8]
  ) throws(OperationError) -> [(name: String, value: ArraySlice<UInt8>)]? {
    if JSONText.firstByte(body[...]) != 0x7B { return nil }
    if let members = JSONText.members(of: body[...]) { return members }
    do throws(JSONSyntaxError) {
      _ = try JSON(parsing: body)
    } catch {
      // No operation takes what is no JSON: each says so in its own terms.
      return nil
    }
    let fault =
      String(validating: body, as: UTF8.self) == nil
      ? "is not UTF-8" : "has more than \(JSONText.maximumMembers) members, or is nested too deep"
    throw OperationError(.invalidRequest, "Invalid request: the body \(fault).")
  }
}

extension OperationError {
  /// Longest code, name and message that is taken from another server, in bytes, and most names.
  private static let (maximumCode, maximumName, maximumMessage, maximumPath) = (64, 256, 4096, 16)

  /// What a backend answered, or what went wrong on the way to it. A code that is known here keeps its meaning; another one is passed on.
  /// - Parameters:
  ///   - hub: the name of this server.
  ///   - member: the name of the backend.
  package init(_ failure: RemoteFailure, from hub: String, at member: String) {
    let names =
      failure.path.isEmpty ? [member] : failure.path.prefix(OperationError.maximumPath).map(OperationError.name)
    let path = [hub] + names
    let message = OperationError.cut(failure.message, OperationError.maximumMessage)
    switch ErrorCode(rawValue: failure.code) {
    case .authRequired?, .authInvalid?:
      // That would say something of the caller's token. It is this server's that was not taken.
      self.init(
        .serverUnavailable, "\(names[0]) does not accept the token that this server has for it: \(message)",
        serverPath: path, failedHop: names[0])
    case let code?:
      let isHop = [.serverUnavailable, .gatewayTimeout, .linkRefused].contains(code)
      self.init(code, message, serverPath: path, failedHop: isHop ? path.last : nil)
      if let details = failure.details, details.members != nil { self = with(details: details) }
    case nil:
      let isCode =
        !failure.code.isEmpty && failure.code.utf8.count <= OperationError.maximumCode
        && failure.code.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
      let status = (400...599).contains(failure.status) ? failure.status : 502
      self.init(
        status == 404 ? .notFound : status < 500 ? .invalidRequest : .internalError, message,
        isRefusal: status == 401 || status == 403,
        foreign: isCode ? Foreign(code: failure.code, status: status) : nil, serverPath: path)
    }
  }

  private static func name(_ text: String) -> String { cut(text, maximumName) }

  /// Text of another server, short and in one line.
  private static func cut(_ text: String, _ maximum: Int) -> String {
    var clean = ""
    for given in text.unicodeScalars {
      let scalar = given.properties.generalCategory == .control ? "?" : given
      if clean.utf8.count + UTF8.width(scalar) > maximum { break }
      clean.unicodeScalars.append(scalar)
    }
    return clean
  }
}

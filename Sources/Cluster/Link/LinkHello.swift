import Formats
import Store

/// The first message of a link, from the one that dials: text, one JSON object. What it does not know is ignored by the other side, except
/// flags that the dialler requires.
package struct LinkHello: Sendable, Equatable {
  /// The subprotocol of the WebSocket that a link begins as.
  package static let subprotocol = "roost-link.1"
  /// Versions of the protocol that this server speaks.
  package static let protocols = 1...1
  /// Flags that this server knows.
  package static let knownFlags: Set<String> = []
  /// Most hubs in a chain: everybody who looks through the dialler, and through those who look through it.
  package static let longestChain = 1024
  /// Longest hello or welcome in bytes.
  package static let maximumBytes = 64 << 10

  /// Highest and lowest version that the dialler speaks.
  package var newest: Int
  package var oldest: Int
  package var hubID: String
  package var hostname: String
  package var version: String
  /// Ids of the hubs through which calls may come over this link, the dialler's own the last.
  package var via: [String]
  package var flags: [String]
  package var requiredFlags: [String]
  package var pingInterval: Duration
  package var deadline: Duration
  package var resume: Resume?

  package struct Resume: Sendable, Equatable {
    /// The link that is to go on, as its welcome named it.
    package var session: String
    /// Batches that the dialler has taken in.
    package var received: UInt64

    package init(session: String, received: UInt64) {
      self.session = session
      self.received = received
    }
  }

  package init(
    hubID: String, hostname: String, version: String, via: [String], pingInterval: Duration, deadline: Duration,
    resume: Resume? = nil
  ) {
    newest = LinkHello.protocols.upperBound
    oldest = LinkHello.protocols.lowerBound
    self.hubID = hubID
    self.hostname = hostname
    self.version = version
    self.via = via
    flags = []
    requiredFlags = []
    self.pingInterval = pingInterval
    self.deadline = deadline
    self.resume = resume
  }

  package func encoded() -> [UInt8] {
    var members: [JSON.Member] = [
      .init("protocol", .integer(newest)), .init("oldest_protocol", .integer(oldest)),
      .init("hub_id", .string(hubID)), .init("hostname", .string(hostname)), .init("version", .string(version)),
      .init("via", .array(via.map { .string($0) })), .init("flags", .array(flags.map { .string($0) })),
      .init("required_flags", .array(requiredFlags.map { .string($0) })),
      .init("ping_ms", .integer(Int(pingInterval / .milliseconds(1)))),
      .init("deadline_ms", .integer(Int(deadline / .milliseconds(1)))),
    ]
    if let resume {
      members.append(
        .init("resume", ["session": .string(resume.session), "received": .string(String(resume.received))]))
    }
    return JSON.object([.init("hello", .object(members))]).bytes
  }

  /// `nil` for what is no hello at all.
  package init?(parsing message: [UInt8]) {
    guard message.count <= LinkHello.maximumBytes, let document = try? JSON(parsing: message) else { return nil }
    let hello = document["hello"]
    guard let newest = hello["protocol"].integer, let hubID = hello["hub_id"].string, isUUID(hubID),
      let via = hello["via"].strings, via.count <= LinkHello.longestChain, via.allSatisfy(isUUID)
    else { return nil }
    self.newest = newest
    oldest = hello["oldest_protocol"].integer ?? newest
    self.hubID = hubID
    hostname = shownName(hello["hostname"].string ?? "")
    version = shownName(hello["version"].string ?? "")
    self.via = via
    flags = hello["flags"].strings ?? []
    requiredFlags = hello["required_flags"].strings ?? []
    pingInterval = .milliseconds(min(max(hello["ping_ms"].integer ?? 5_000, 100), 60_000))
    deadline = .milliseconds(min(max(hello["deadline_ms"].integer ?? 5_000, 100), 60_000))
    let resume = hello["resume"]
    if let session = resume["session"].string,
      let received = resume["received"].string.flatMap({ UInt64($0) })
    {
      self.resume = Resume(session: session, received: received)
    }
  }
}

/// What the other side answers to a ``LinkHello``.
package enum LinkReply: Sendable, Equatable {
  case welcome(Welcome)
  case refused(Refusal)

  package struct Welcome: Sendable, Equatable {
    package var version: Int
    package var serverID: String
    package var hostname: String
    package var serverVersion: String
    package var flags: [String]
    /// Names the link when it is to go on after a drop. A secret of the two sides.
    package var session: String
    /// Whether this is the link that was to be resumed: its streams go on.
    package var isResumed: Bool
    /// Batches that this side has taken in.
    package var received: UInt64

    package init(
      version: Int, serverID: String, hostname: String, serverVersion: String, flags: [String] = [], session: String,
      isResumed: Bool, received: UInt64
    ) {
      self.version = version
      self.serverID = serverID
      self.hostname = hostname
      self.serverVersion = serverVersion
      self.flags = flags
      self.session = session
      self.isResumed = isResumed
      self.received = received
    }
  }

  package struct Refusal: Sendable, Equatable {
    package enum Code: String, Sendable {
      /// No common version, or a required flag that is not known.
      case versionMismatch = "version_mismatch"
      /// The server finds itself in the chain.
      case circle
      /// Anything else.
      case refused
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
      self.code = code
      self.message = message
    }
  }

  package func encoded() -> [UInt8] {
    switch self {
    case .welcome(let welcome):
      return JSON.object([
        .init(
          "welcome",
          .object([
            .init("protocol", .integer(welcome.version)), .init("server_id", .string(welcome.serverID)),
            .init("hostname", .string(welcome.hostname)), .init("version", .string(welcome.serverVersion)),
            .init("flags", .array(welcome.flags.map { .string($0) })), .init("session", .string(welcome.session)),
            .init("resumed", .bool(welcome.isResumed)), .init("received", .string(String(welcome.received))),
          ]))
      ]).bytes
    case .refused(let refusal):
      return JSON.object([
        .init("refused", ["code": .string(refusal.code.rawValue), "message": .string(refusal.message)])
      ]).bytes
    }
  }

  package init?(parsing message: [UInt8]) {
    guard message.count <= LinkHello.maximumBytes, let document = try? JSON(parsing: message) else { return nil }
    let refused = document["refused"]
    if !refused.isNull {
      let code = refused["code"].string.flatMap(Refusal.Code.init) ?? .refused
      self = .refused(Refusal(code, shownText(refused["message"].string ?? "it gave no reason")))
      return
    }
    let welcome = document["welcome"]
    guard let version = welcome["protocol"].integer, LinkHello.protocols.contains(version),
      let serverID = welcome["server_id"].string, isUUID(serverID),
      let session = welcome["session"].string, (1...128).contains(session.utf8.count),
      session.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      let received = welcome["received"].string.flatMap({ UInt64($0) })
    else { return nil }
    self = .welcome(
      Welcome(
        version: version, serverID: serverID, hostname: shownName(welcome["hostname"].string ?? ""),
        serverVersion: shownName(welcome["version"].string ?? ""), flags: welcome["flags"].strings ?? [],
        session: session, isResumed: welcome["resumed"].bool ?? false, received: received))
  }
}

extension JSON {
  fileprivate var strings: [String]? {
    guard let elements = array else { return nil }
    let texts = elements.compactMap(\.string)
    return texts.count == elements.count ? texts : nil
  }
}

/// A name that another server gave itself, fit to be shown: printable, and of no more bytes than a host name may have (RFC 1035 §2.3.4).
package func shownName(_ text: String) -> String { shown(text, atMost: 253) }

/// A sentence of another server, fit to be shown.
package func shownText(_ text: String) -> String { shown(text, atMost: 500) }

private func shown(_ text: String, atMost limit: Int) -> String {
  var shown = ""
  for scalar in text.unicodeScalars {
    if shown.utf8.count + 4 > limit { break }
    switch scalar.properties.generalCategory {
    // What changes how a terminal or a reader takes the rest has no place in a name.
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: continue
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return shown
}

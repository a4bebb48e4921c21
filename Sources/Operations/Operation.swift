package import Cluster
import FoundationEssentials
package import Store

/// Where an operation is found over REST: the method and a path template such as `/sessions/{session}/screen`.
package struct Route: Sendable, Equatable {
  package let method: String
  package let path: String
  /// Names of the parameters in the path.
  package let parameters: [String]

  package static func get(_ path: String) -> Route { Route("GET", path) }
  package static func post(_ path: String) -> Route { Route("POST", path) }
  package static func put(_ path: String) -> Route { Route("PUT", path) }
  package static func patch(_ path: String) -> Route { Route("PATCH", path) }
  package static func delete(_ path: String) -> Route { Route("DELETE", path) }

  package init(_ method: String, _ path: String) {
    self.method = method
    self.path = path
    parameters = path.split(separator: "/").compactMap { Route.parameter($0) }
  }

  /// The name of the parameter that a segment of a template is; `nil` for one that is to be taken as it is.
  static func parameter(_ segment: Substring) -> String? {
    guard segment.first == "{", segment.last == "}" else { return nil }
    return String(segment.dropFirst().dropLast())
  }
}

/// What an operation does to the server and its sessions.
package enum Effect: String, Sendable {
  /// Nothing: it looks, or waits.
  case reads
  /// It changes something: every call leaves an audit event.
  case changes
  /// The same for what comes in streams of calls, such as keystrokes: several calls may share one audit event (``RepeatedAudit``).
  case changesOften
  /// It adds to the event log what itself says who and why: the calls of one caller share audit events, whatever their correlation.
  case publishes
}

/// What an operation answered.
package enum Answer: Sendable {
  /// A JSON document.
  case json([UInt8])
  /// Done, and there is nothing to say.
  case empty
}

/// An answer that was encoded by hand, because it is asked for often.
package protocol EncodedDocument: Sendable {
  static var schema: Schema { get }
  consuming func encoded() -> [UInt8]
}

/// A form of an answer over REST that an `Accept` header asks for (RFC 9110 §12.5.1).
package struct AnswerForm: Sendable {
  /// The media type that is looked for.
  package let accepted: String
  /// What that says as parameters of the operation; unless the first of them was given.
  package let parameters: [(name: String, value: String)]
  /// The answer's media type.
  package let contentType: String

  package init(_ accepted: String, means parameters: [(name: String, value: String)], as contentType: String? = nil) {
    self.accepted = accepted
    self.parameters = parameters
    self.contentType = contentType ?? accepted
  }
}

/// One thing that a client can ask for, stated once: all that the world can know of it, and nothing of what does it. Every surface is made from
/// these values: the REST route, the JSON-RPC method, the OpenAPI document, the documentation and `roost call`.
package struct Operation: Sendable {
  /// `domain.action`.
  package let name: String
  /// One sentence for people.
  package let summary: String
  /// What the caller must be allowed to do; `nil` for what anybody may ask.
  package let scope: Scope?
  package let route: Route
  package let effect: Effect
  /// What it means to a server that is in a role for somebody: roles are checked by it, on both sides of a link.
  package internal(set) var work: Work
  /// HTTP status of success.
  package let status: Int
  package var input: Schema { lazyInput.value }
  private var lazyInput: Lazy<Schema>
  /// `nil` when the answer is empty.
  package var output: Schema? { lazyOutput?.value }
  private let lazyOutput: Lazy<Schema>?
  /// What bounds how long it waits for something; `nil` for what is done at once.
  package private(set) var wait: Wait?
  /// Whether it may wait for a moment, without a bound that its caller gives.
  var mayPause = false
  /// What its caller takes a part of while it is performed.
  package internal(set) var share: Share?
  /// Where it is told which name and tags a session gets; `nil` where it gets none.
  package internal(set) var labels: LabelFields?
  /// What to do instead of asking for it through a hub; `nil` for what may be asked for so.
  package internal(set) var insteadOfHub: String?
  /// The field that takes the body of a REST request as it is, where the body is not JSON.
  package let rawField: String?
  /// Whether its effects must come in the order asked for: keystrokes that overtake each other are another text.
  package internal(set) var isOrdered = false
  /// Whether its answers can be megabytes.
  package internal(set) var answersAtLength = false
  /// What an `Accept` header can ask for beside the answer's own form.
  package internal(set) var forms: [AnswerForm] = []

  init(
    _ name: String, _ summary: String, _ scope: Scope?, _ route: Route, _ effect: Effect, status: Int,
    rawField: String?, input: Lazy<Schema>, output: Lazy<Schema>?
  ) {
    self.name = name
    self.summary = summary
    self.scope = scope
    self.route = route
    self.effect = effect
    self.status = status
    self.rawField = rawField
    work = effect == .reads ? .reads : .changes
    lazyInput = input
    lazyOutput = output
  }
}

extension Operation {
  /// Whether the calls of one caller take turns (``CallerTurns``): what only looks, and neither waits for anything nor has a share of its own.
  var takesTurns: Bool { effect == .reads && wait == nil && share == nil }

  /// It waits for something, and says in its input how long where its caller does not: once, here.
  mutating func wait(_ wait: Wait) {
    self.wait = wait
    lazyInput = Lazy { [lazyInput] in lazyInput.value.giving(wait) }
  }
}

/// An input without fields.
package struct NoInput: Codable, Sendable {
  package init() {}
}

/// JSON as every surface writes it: snake case, slashes as they are.
package func encodeJSON(_ value: some Encodable) throws -> [UInt8] {
  let encoder = JSONEncoder()
  encoder.keyEncodingStrategy = .convertToSnakeCase
  encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
  return Array(try encoder.encode(value))
}

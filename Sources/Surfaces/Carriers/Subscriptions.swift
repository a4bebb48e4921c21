import Formats
import Net
import Operations

/// The streams that one JSON-RPC socket carries: a method of the stream's begins one, another ends it by its number.
///
/// Bound to the socket's loop.
final class Subscriptions: @unchecked Sendable {
  // Unchecked: touched on the socket's loop only.

  /// Most that one socket may have. A client that wants more can ask for several things in one.
  static let maximum = 16

  /// How a call is answered.
  typealias Reply = (Result<[UInt8], OperationError>) -> Void

  private let carrier: any MessageSocket
  private let catalogue: Catalogue
  private let sockets: OpenSockets
  private let call: Call
  private let streams: [(binding: StreamBinding, rpc: Stream.RPC, entrance: Stream.Entrance)]
  private var running: [Int: Subscription] = [:]
  /// Subscriptions that are being looked at.
  private var opening = 0
  private var last = 0
  private var isOver = false

  init(_ carrier: any MessageSocket, catalogue: Catalogue, sockets: OpenSockets, call: Call) {
    self.carrier = carrier
    self.catalogue = catalogue
    self.sockets = sockets
    self.call = call
    streams = catalogue.streams.compactMap { binding in
      guard let rpc = binding.stream.rpc else { return nil }
      return (binding, rpc, Stream.Entrance(.webSocket, rpc.subscribe, "/rpc", ""))
    }
  }

  func begins(_ method: String) -> Bool { streams.contains { $0.rpc.subscribe == method } }
  func ends(_ method: String) -> Bool { streams.contains { $0.rpc.unsubscribe == method } }

  /// Begins one. The answer is its number and what the stream says first of itself; nothing else is sent before.
  func subscribe(
    _ request: JSONRPC.Request, isolation: isolated any Actor, _ reply: @escaping Reply
  ) async {
    do throws(OperationError) {
      guard let (binding, rpc, entrance) = streams.first(where: { $0.rpc.subscribe == request.method }) else {
        throw OperationError(.unknownMethod, "Unknown method: \(request.method).")
      }
      guard running.count + opening < Subscriptions.maximum else {
        throw OperationError(
          .resourceLimitReached, "Resource limit reached: a socket has at most \(Subscriptions.maximum) subscriptions.")
      }
      let call = call.correlated(by: request.correlationID)
      opening += 1
      defer { opening -= 1 }
      let found = try await catalogue.open(binding, through: entrance, Arguments(body: request.body), for: call)
      if isOver { return }
      last += 1
      let subscription = Subscription(last, rpc, on: carrier, greet: reply) { [weak self] number in
        self?.running[number] = nil
      }
      running[last] = subscription
      subscription.begins()
      found.begin(on: subscription, for: call, noting: sockets)
    } catch {
      reply(.failure(error))
    }
  }

  func unsubscribe(_ request: JSONRPC.Request) throws(OperationError) {
    guard case .json(let body) = request.body, let members = JSONText.members(of: body[...]),
      let number = members.first(where: { $0.name == "subscription" }).flatMap({ JSONText.integer($0.value) }),
      let subscription = running[number], subscription.rpc.unsubscribe == request.method
    else { throw OperationError(.invalidRequest, "Invalid request: 'subscription' must be one of this socket's.") }
    subscription.end()
  }

  /// The client has read.
  func drained() { for subscription in running.values { subscription.drained() } }

  func stop() {
    isOver = true
    for subscription in running.values { subscription.end() }
    running = [:]
  }
}

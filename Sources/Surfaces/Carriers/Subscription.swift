import Formats
import Net
import Operations

/// One stream that a JSON-RPC socket carries beside its calls: each message is a notification with the subscription's number.
///
/// Bound to the loop of the socket.
final class Subscription: MessageSocket, @unchecked Sendable {
  // Unchecked: touched on the socket's loop only.

  let number: Int
  let rpc: Stream.RPC
  private let carrier: any MessageSocket
  /// Takes the answer to the call that began it: its number, and what the stream says first of itself.
  private var greet: ((Result<[UInt8], OperationError>) -> Void)?
  private var ownHandler: (any WebSocketHandler)?
  /// Handed to the carrier since it had nothing left: an upper bound of what waits there.
  private var outstanding = 0
  private var isEnding = false
  private var hasEnded = false
  /// Called when it is over.
  private let onEnded: (Int) -> Void

  init(
    _ number: Int, _ rpc: Stream.RPC, on carrier: any MessageSocket,
    greet: @escaping (Result<[UInt8], OperationError>) -> Void, onEnded: @escaping (Int) -> Void
  ) {
    self.number = number
    self.rpc = rpc
    self.carrier = carrier
    self.greet = greet
    self.onEnded = onEnded
  }

  /// Its stream has been found, and begins next.
  func begins() {
    if !rpc.greets { answer(.success(result())) }
  }

  /// The carrier's client has read all that it was sent.
  func drained() {
    outstanding = 0
    if isOpen { ownHandler?.webSocketDrained(self) }
  }

  /// The client wants no more of it, or is gone.
  func end() { ended(WebSocketCloseCode.normal, "") }

  private func ended(_ code: UInt16, _ reason: String) {
    if hasEnded { return }
    hasEnded = true
    let handler = ownHandler
    ownHandler = nil
    handler?.webSocketClosed(self, code: code, reason: reason)
    answer(.failure(OperationError(.serverUnavailable, "The stream has ended before it began: \(reason)")))
    onEnded(number)
  }

  private func answer(_ outcome: Result<[UInt8], OperationError>) {
    greet?(outcome)
    greet = nil
  }

  /// The first message, where it says what the stream is: its members are the answer's.
  private func greeting(_ text: [UInt8]) -> [UInt8]? {
    guard let members = JSONText.members(of: text[...]), members.contains(where: { $0.name == "connected" }) else {
      return nil
    }
    return result(members.filter { $0.name != "connected" })
  }

  private func result(_ members: [(name: String, value: ArraySlice<UInt8>)] = []) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("subscription")
    json.integer(number)
    for (name, value) in members where name != "subscription" {
      json.key(text: name)
      json.raw(value)
    }
    json.endObject()
    return json.finish()
  }

  private func notification(_ message: [UInt8]) -> [UInt8] {
    let (name, value) = rpc.member(message)
    var json = JSONWriter(reserving: message.count + 96)
    json.beginObject()
    json.key("jsonrpc")
    json.string("2.0")
    json.key("method")
    json.string(rpc.notification)
    json.key("params")
    json.beginObject()
    json.key("subscription")
    json.integer(number)
    json.key(text: name)
    json.raw(value)
    json.endObject()
    json.endObject()
    return json.finish()
  }

  // MARK: MessageSocket

  var loop: EventLoop { carrier.loop }
  var peer: PeerAddress { carrier.peer }
  var subprotocol: String? { nil }

  var handler: (any WebSocketHandler)? {
    get { ownHandler }
    set { if !hasEnded { ownHandler = newValue } }
  }

  func send(text: [UInt8]) {
    guard isOpen else { return }
    if greet != nil {
      let greeting = greeting(text)
      answer(.success(greeting ?? result()))
      if greeting != nil { return }
    }
    let notification = notification(text)
    outstanding += notification.count
    carrier.send(text: notification)
  }

  func send(text: String) { send(text: Array(text.utf8)) }
  func send(_ texts: WebSocketTexts) { texts.forEach { send(text: Array($0)) } }
  // Bytes are no JSON.
  func send(binary: UnsafeRawBufferPointer) { close(code: WebSocketCloseCode.unsupportedData, reason: "no JSON") }
  func send(binary: [UInt8]) { close(code: WebSocketCloseCode.unsupportedData, reason: "no JSON") }

  var queuedBytes: Int { min(outstanding, carrier.queuedBytes) }
  var isOpen: Bool { !isEnding && !hasEnded && carrier.isOpen }

  // Nothing comes from the client.
  func pauseReading() {}
  func resumeReading() {}

  func close(code: UInt16, reason: String) {
    guard isOpen else { return }
    isEnding = true
    loop.execute { self.ended(code, reason) }
  }
}

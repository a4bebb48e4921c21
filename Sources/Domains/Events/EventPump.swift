import Events
import Formats
import Net
import Operations

/// Brings events from the log to one WebSocket, as fast as its client reads and no faster.
///
/// Bound to the socket's loop.
final class EventPump: @unchecked Sendable {
  // Unchecked: touched on the socket's loop only; the subscription checks that.

  private let webSocket: any MessageSocket
  private let following: EventFollowing
  private let feeds: EventFeeds
  private let access: Access
  private let allowance: EventAllowance
  private var subscription: EventSubscription?
  private var isPumping = false
  private var isReading = false {
    didSet {
      if isReading == oldValue { return }
      if isReading { allowance.readBegan() } else { allowance.readEnded() }
    }
  }

  init(
    _ webSocket: any MessageSocket, _ following: EventFollowing, from start: UInt64, feeds: EventFeeds, access: Access,
    allowance: EventAllowance
  ) {
    self.webSocket = webSocket
    self.following = following
    self.feeds = feeds
    self.access = access
    self.allowance = allowance
    subscription = EventSubscription(
      feeds.log, from: start, filter: following.filter, maximumLag: following.maximumLag, loop: webSocket.loop
    ) { [unowned self] in pump() }
  }

  /// Sends what there is. Called when something may have come, and when the client has read.
  func pump() {
    guard let subscription, !isPumping else { return }
    isPumping = true
    defer { isPumping = false }
    while webSocket.isOpen {
      isReading = subscription.isReading
      let queued = webSocket.queuedBytes
      allowance.note(queued: queued)
      if isReading { return }
      let window = allowance.window
      if window == 0, queued == 0 { allowance.wait() }
      guard queued < window else { return }
      let items = subscription.next(maximumBytes: min(window, EventAllowance.pieceBytes))
      if items.isEmpty {
        isReading = subscription.isReading
        allowance.note(queued: queued)
        return
      }
      webSocket.send(texts(of: items))
    }
  }

  func stop() {
    isReading = false
    subscription?.cancel()
    subscription = nil
  }

  private var isPlain: Bool { !access.isLimited }

  private func texts(of items: [Followed]) -> WebSocketTexts {
    guard isPlain, case .event(let first) = items.first, case .event(let last) = items.last else {
      return frames(of: items)
    }
    // The same filter, the same first and last event and as many between them: the same events.
    let key = FrameCache.Key(
      filter: following.filter, form: following.form, first: first.seq, last: last.seq, count: items.count)
    return feeds.frames.texts(key, on: webSocket.loop) { frames(of: items) }
  }

  private func frames(of items: [Followed]) -> WebSocketTexts {
    var texts = WebSocketTexts(reserving: EventAllowance.pieceBytes + 4096)
    for item in items {
      switch item {
      case .event(let event):
        guard isPlain || access.admits(event) else { continue }
        if following.form == .roost {
          texts.append(count: event.documentBytes) { event.copyDocument(to: $0) }
        } else {
          texts.append(event.document(as: following.form))
        }
      case .gap(let range): texts.append(EventPump.document(of: range))
      }
    }
    return texts
  }

  /// `{"gap":{"from":N,"to":M}}`
  private static func document(of gap: ClosedRange<UInt64>) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("gap")
    json.beginObject()
    json.key("from")
    json.integer(gap.lowerBound)
    json.key("to")
    json.integer(gap.upperBound)
    json.endObject()
    json.endObject()
    return json.finish()
  }
}

// Notifications of programs (OSC 9, 777 and kitty's 99).

/// A notification of OSC 99 that comes in pieces.
struct PendingNotification {
  var id: String
  var title: [UInt8] = []
  var body: [UInt8] = []
}

extension Terminal {
  /// More than a notification shows.
  static let notificationLimit = 4096

  mutating func notify(title: String?, body: String) {
    func cut(_ text: String) -> String {
      Self.withoutControls(String(decoding: text.utf8.prefix(Self.notificationLimit), as: UTF8.self))
    }
    emit(.notification(title: title.map(cut), body: cut(body)))
  }

  /// OSC 99: `99 ; key=value:… ; payload`. Pieces with the same `i` and `d=0` are put together; payloads other than titles and
  /// bodies (icons, buttons, queries) are left aside.
  mutating func kittyNotification(_ rest: ArraySlice<UInt8>) {
    guard let separator = rest.firstIndex(of: 0x3B) else { return }
    var id = ""
    var kind = "title"
    var isDone = true
    var isEncoded = false
    for field in rest[..<separator].prefix(256).split(separator: 0x3A) {
      guard field.count >= 2, field[field.startIndex + 1] == 0x3D else { continue }
      let value = String(decoding: field.dropFirst(2), as: UTF8.self)
      switch field[field.startIndex] {
      case 0x69: id = value
      case 0x70: kind = value
      case 0x64: isDone = value != "0"
      case 0x65: isEncoded = value == "1"
      default: break
      }
    }
    guard kind == "title" || kind == "body" else { return }
    let raw = rest[(separator + 1)...].prefix(Self.notificationLimit)
    guard let payload = isEncoded ? Base64.decode(raw) : Array(raw) else { return }
    var notification = PendingNotification(id: id)
    if let pending = pendingNotification, pending.id == id { notification = pending }
    if kind == "title" {
      notification.title = Array((notification.title + payload).prefix(Self.notificationLimit))
    } else {
      notification.body = Array((notification.body + payload).prefix(Self.notificationLimit))
    }
    guard isDone else {
      pendingNotification = notification
      return
    }
    pendingNotification = nil
    let title = String(decoding: notification.title, as: UTF8.self)
    let body = String(decoding: notification.body, as: UTF8.self)
    // A title alone is the text of a notification without one.
    if body.isEmpty { notify(title: nil, body: title) } else { notify(title: title.isEmpty ? nil : title, body: body) }
  }
}

/// RFC 4648 §4, for the short payloads of OSC 99.
enum Base64 {
  static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3 / 4)
    var bits: UInt32 = 0
    var count = 0
    for byte in text {
      let value: UInt8
      switch byte {
      case 0x41...0x5A: value = byte - 0x41
      case 0x61...0x7A: value = byte - 0x47
      case 0x30...0x39: value = byte + 4
      case 0x2B: value = 62
      case 0x2F: value = 63
      case 0x3D: continue
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return bytes
  }
}

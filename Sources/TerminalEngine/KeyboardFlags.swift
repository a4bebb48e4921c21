/// The kitty keyboard protocol's flags of one screen: the ones in force and a stack of earlier ones.
struct KeyboardFlags: Equatable {
  /// Programs nest two or three deep; when a program pushes without end the oldest entries go, as the protocol says.
  static let depthLimit = 16
  static let mask: UInt8 = 31

  private(set) var flags: UInt8 = 0
  private var stack: [UInt8] = []

  mutating func push(_ new: Int) {
    if stack.count == Self.depthLimit { stack.removeFirst() }
    stack.append(flags)
    flags = UInt8(truncatingIfNeeded: new) & Self.mask
  }

  mutating func pop(_ count: Int) {
    let count = max(count, 1)
    if count > stack.count {
      flags = 0
      stack = []
    } else {
      flags = stack[stack.count - count]
      stack.removeLast(count)
    }
  }

  /// Mode 1 replaces, 2 adds, 3 removes; there are no others.
  mutating func set(_ new: Int, mode: Int) {
    let bits = UInt8(truncatingIfNeeded: new) & Self.mask
    switch mode {
    case 2: flags |= bits
    case 3: flags &= ~bits
    case 1: flags = bits
    default: break
    }
  }

  /// The flags from the oldest pushed to the one in force.
  var levels: [UInt8] { stack + [flags] }
}

extension Terminal {
  /// XTQMODKEYS (`CSI ? Pp m`): modifyKeyboard, modifyCursorKeys, modifyFunctionKeys and modifyKeypadKeys are as xterm has them by default, and
  /// stay so; modifyOtherKeys is what was set.
  mutating func reportKeyModifiers(_ resource: Int) {
    switch resource {
    case 0, 3: reply("\u{1B}[>\(resource);0m")
    case 1, 2: reply("\u{1B}[>\(resource);2m")
    case 4: reply("\u{1B}[>4;\(modifyOtherKeys)m")
    default: break
    }
  }
}

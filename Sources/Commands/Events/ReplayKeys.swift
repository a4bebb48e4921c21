import Glibc
import Net
import Sys

/// The keyboard during a replay: space and `q` are read as they are pressed, ctrl+c and ctrl+z stay what they are.
final class ReplayKeys {
  private let descriptor: CInt
  private let saved: termios
  private var watch: DescriptorWatch?

  /// Nil when nobody sits at a terminal. On the loop.
  init?(_ loop: EventLoop, _ pressed: @escaping (UInt8) -> Void) {
    guard isatty(STDIN_FILENO) == 1 else { return nil }
    // Opened once more: the inherited descriptor would become non-blocking for everybody who shares it.
    let opened = open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    guard opened >= 0 else { return nil }
    var settings = termios()
    guard tcgetattr(opened, &settings) == 0 else {
      close(opened)
      return nil
    }
    descriptor = opened
    saved = settings
    enter()
    watch = try? loop.watch(opened, .readable) { _ in
      var keys = [UInt8](repeating: 0, count: 64)
      guard case .bytes(let count) = keys.withUnsafeMutableBytes({ readBytes(opened, into: $0) }) else { return }
      for key in keys.prefix(count) { pressed(key) }
    }
  }

  /// Takes the terminal, also once more after the shell has had it. In the background it is left alone: setting it would stop us.
  func enter() {
    guard tcgetpgrp(descriptor) == getpgrp() else { return }
    var settings = saved
    settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
    tcsetattr(descriptor, TCSADRAIN, &settings)
  }

  func restore() {
    watch?.cancel()
    watch = nil
    guard tcgetpgrp(descriptor) == getpgrp() else { return }
    var settings = saved
    tcsetattr(descriptor, TCSADRAIN, &settings)
  }

  deinit { close(descriptor) }
}

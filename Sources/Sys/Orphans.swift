import CSys
import Glibc

/// Processes that have lost their parent and become children of process 1, which is this process in a container without an init (pid_namespaces(7)).
/// Nobody else waits for them: each would stay a zombie.
package enum Orphans {
  /// Whether they come to this process in any case.
  package static var areOurs: Bool { getpid() == 1 }

  /// Has descendants of this process that lose their parent become its children, so that it can find them and learns how they ended. It has to
  /// reap them from then on. Not inherited by copies.
  package static func adopt() { _ = csys_adopt_orphans() }

  /// Reaps the children that have ended, but for those whose statuses somebody needs.
  @discardableResult
  package static func reap(sparing spared: [ProcessID] = []) -> Int { Int(csys_reap_others(spared, spared.count)) }

  /// A descriptor that becomes readable when a child ends, for a process of one thread; SIGCHLD is blocked from then on. `drain` it.
  package static func watch() throws(SystemError) -> Descriptor {
    let opened = csys_watch_children()
    guard opened >= 0 else { throw .last("signalfd") }
    return Descriptor(owning: opened)
  }

  package static func drain(_ descriptor: CInt) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case .bytes(let count) = buffer.withUnsafeMutableBytes({ readBytes(descriptor, into: $0) }), count > 0 {}
  }
}

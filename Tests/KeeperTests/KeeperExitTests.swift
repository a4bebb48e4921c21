import Glibc
import Sys
import Testing

@testable import Keeper

/// See `EventLoopExitTests`: apart from the others.
@Suite("The keeper, when its server is killed")
struct KeeperExitTests {
  @Test("a server that is killed with SIGKILL loses none of its sessions")
  func realKill() async throws {
    let keeper = try KeeperHarness()
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = keeper.socketPath as String] in
      let talk = try KeeperTalk(path)
      _ = try talk.ask(.hello(version: KeeperLimits.version))
      let kept = try talk.spawn("a", ["sh", "-c", "echo before; read line; echo after $line; exit 11"], label: [1, 2])
      #expect(kept.output(until: "before").contains("before"))
      kill(getpid(), SIGKILL)
    }
    let talk = try keeper.connectServer()
    let listed = try talk.list()
    try #require(listed.count == 1)
    guard case .session("a", _, [1, 2], nil, []) = listed[0].reply else {
      Issue.record("\(listed[0].reply)")
      return
    }
    try writeAll(listed[0].descriptors[0], Array("the kill\r".utf8))
    #expect(readOutput(listed[0].descriptors[0]).contains("after the kill"))
    #expect(try talk.nextExit().status == .exited(11))
    for descriptor in listed[0].descriptors { close(descriptor) }
  }
}

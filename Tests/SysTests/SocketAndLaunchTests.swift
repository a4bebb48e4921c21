import Glibc
import TestKit
import Testing

@testable import Sys

@Suite("Unix sockets and launching")
struct SocketAndLaunchTests {
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 16)

  private func errno<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) -> CInt? {
    do throws(SystemError) {
      _ = try body()
      return nil
    } catch {
      return error.code
    }
  }

  @Test("descriptors travel with a message and arrive close-on-exec")
  func descriptors() throws {
    let (one, two) = try UnixSocket.pair(.packets)
    defer {
      close(one)
      close(two)
    }
    let pipe = try makePipe()
    #expect(UnixSocket.send(one, [1, 2], descriptors: [pipe.write]) == .bytes(2))
    close(pipe.write)
    guard case .message(let message) = UnixSocket.receive(two, buffer: buffer) else {
      Issue.record("no message")
      return
    }
    #expect(message.bytes == [1, 2])
    let received = try #require(message.descriptors.first)
    #expect(fcntl(received, F_GETFD) & FD_CLOEXEC != 0)
    try writeAll(received, [9])
    var byte: [UInt8] = [0]
    #expect(byte.withUnsafeMutableBytes { readBytes(pipe.read, into: $0) } == .bytes(1))
    close(received)
    close(pipe.read)
  }

  @Test("too many descriptors are not sent, too long a message is known to be cut")
  func bounds() throws {
    let (one, two) = try UnixSocket.pair(.packets)
    defer {
      close(one)
      close(two)
    }
    let many = [CInt](repeating: 0, count: UnixSocket.mostDescriptors + 1)
    guard case .failed = UnixSocket.send(one, [1], descriptors: many) else {
      Issue.record("sent")
      return
    }
    #expect(UnixSocket.send(one, [UInt8](repeating: 5, count: 2000)) == .bytes(2000))
    guard case .message(let message) = UnixSocket.receive(two, buffer: buffer) else {
      Issue.record("no message")
      return
    }
    #expect(message.truncated)
    #expect(message.bytes.count == 1000)
  }

  @Test("a listener is private, and knows who connects")
  func listener() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/s"
    let old = umask(0)
    defer { umask(old) }
    let listener = try UnixSocket.listen(path, .stream)
    var status = stat()
    #expect(lstat(path, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
    #expect(try UnixSocket.accept(listener.raw) == nil)
    let client = try UnixSocket.connect(path, .stream)
    #expect(waitReadable(listener.raw))
    let accepted = try #require(try UnixSocket.accept(listener.raw))
    defer { close(accepted) }
    #expect(fcntl(accepted, F_GETFD) & FD_CLOEXEC != 0)
    let peer = try #require(UnixSocket.peerCredentials(accepted))
    #expect(peer.pid == getpid() && peer.uid == geteuid())
    withExtendedLifetime(client.raw) {}
  }

  @Test("a socket on which nobody listens is replaced, one on which somebody does is not")
  func stale() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/s"
    do {
      let first = try UnixSocket.listen(path, .packets)
      #expect(errno { () throws(SystemError) in try UnixSocket.listen(path, .packets) } == EADDRINUSE)
      withExtendedLifetime(first.raw) {}
    }
    // A child that another test is starting has a copy of the socket until it is another program.
    let isRefused = eventually {
      errno { () throws(SystemError) in try UnixSocket.connect(path, .packets) } == ECONNREFUSED
    }
    #expect(isRefused)
    let second = try UnixSocket.listen(path, .packets)
    withExtendedLifetime(second.raw) {}
    _ = try folder.write("file", "not a socket")
    #expect(errno { () throws(SystemError) in try UnixSocket.listen(folder.path + "/file", .packets) } == EADDRINUSE)
    #expect(errno { () throws(SystemError) in try UnixSocket.connect(folder.path + "/none", .packets) } == ENOENT)
  }

  @Test("a path that does not fit is refused, and the longest that does is taken")
  func longPath() throws {
    let folder = try ScratchFolder()
    let room = UnixSocket.longestPath - folder.path.utf8.count - 1
    let fits = folder.path + "/" + String(repeating: "x", count: room)
    let listener = try UnixSocket.listen(fits, .stream)
    let client = try UnixSocket.connect(fits, .stream)
    withExtendedLifetime(listener.raw) {}
    withExtendedLifetime(client.raw) {}
    #expect(errno { () throws(SystemError) in try UnixSocket.listen(fits + "x", .stream) } == ENAMETOOLONG)
    #expect(errno { () throws(SystemError) in try UnixSocket.connect(fits + "x", .stream) } == ENAMETOOLONG)
    #expect(errno { () throws(SystemError) in try UnixSocket.connect("", .stream) } == EINVAL)
  }

  private func launch(_ script: String, timeout: Duration = .seconds(20), log: String? = nil) throws -> String {
    let launched = try Launch.detached(
      executable: "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"], log: log,
      timeout: timeout)
    let line = launched.line
    let pidfd = Descriptor(owning: launched.releasePidfd())
    _ = try sendSignal(.kill, to: .pidfd(pidfd.raw))
    #expect(waitReadable(pidfd.raw))
    _ = try reap(pidfd: pidfd.raw)
    return line
  }

  @Test("a launched program announces itself, has a session of its own and nothing but its readiness descriptor")
  func launches() throws {
    let leak = dup(0)
    defer { close(leak) }
    let launched = try Launch.detached(
      executable: "/bin/sh", arguments: ["sh", "-c", "echo $(readlink /proc/$$/fd/0) >&3; sleep 1000"], environment: [])
    #expect(launched.line == "/dev/null")
    let pid = launched.pid
    let pidfd = Descriptor(owning: launched.releasePidfd())
    // The shell keeps what it redirects at 10 and above.
    #expect(ProcessStatus.openDescriptors(pid)?.filter { $0 < 10 }.sorted() == [0, 1, 2, 3])
    #expect(ProcessStatus.read(pid)?.session == pid)
    try sendSignal(.kill, to: .group(pid))
    #expect(waitReadable(pidfd.raw))
    #expect(try reap(pidfd: pidfd.raw) == .signaled(SIGKILL))
  }

  @Test("a program that ends unannounced is reported with its status")
  func endsEarly() throws {
    #expect {
      try launch("exit 3")
    } throws: { error in
      let failure = error as? Launch.Failure
      return failure?.code == .ended && failure?.message.contains("exit status 3") == true
    }
  }

  @Test("a program that never announces itself is ended")
  func timesOut() throws {
    #expect {
      try launch("sleep 1000", timeout: .milliseconds(50))
    } throws: { error in
      (error as? Launch.Failure)?.code == .timedOut
    }
  }

  @Test("a program that is not there is reported")
  func notThere() {
    #expect {
      _ = try Launch.detached(executable: "/no/such", arguments: ["x"], environment: [])
    } throws: { error in
      (error as? Launch.Failure)?.code == .notStarted
    }
  }

  @Test("its errors go to the log")
  func log() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/log"
    #expect(try launch("echo trouble >&2; echo ready >&3; sleep 1000", log: path) == "ready")
    #expect(try String(decoding: readFile(path), as: UTF8.self) == "trouble\n")
  }
}

import Glibc
import Sys
import TestKit
import Testing

@testable import Keeper

/// A real keeper process in a scratch folder, and raw packets to talk to it with.
final class KeeperHarness {
  let folder: ScratchFolder
  let socketPath: String
  let pid: ProcessID
  let pidfd: CInt

  /// The binary that the package builds, beside the test bundle.
  static let roost: String = {
    let bundle = Host.executablePath
    return String(bundle[..<(bundle.lastIndex(of: "/") ?? bundle.startIndex)]) + "/roost"
  }()

  init(endAfter: Duration = .seconds(60), keepEndedFor: Duration = .seconds(30), openFileLimit: UInt64? = nil) throws {
    folder = try ScratchFolder()
    socketPath = folder.path + "/keeper.sock"
    var options = KeeperOptions(socketPath: socketPath)
    options.endAfter = endAfter
    options.keepEndedFor = keepEndedFor
    options.openFileLimit = openFileLimit
    options.readinessDescriptor = Launch.readinessDescriptor
    let launched = try Launch.detached(
      executable: Self.roost, arguments: ["roost", "keeper"] + options.arguments, environment: ["PATH=/usr/bin:/bin"])
    #expect(launched.line == "ready")
    pid = launched.pid
    pidfd = launched.releasePidfd()
  }

  deinit {
    _ = try? sendSignal(.kill, to: .pidfd(pidfd))
    _ = waitReadable(pidfd)
    _ = try? reap(pidfd: pidfd)
    // A killed keeper leaves its cgroups to the next one; after a test there may be none.
    if let own = ControlGroup.own() {
      for name in own.children() where name.hasPrefix("roost-\(pid)-") {
        let group = own.child(named: name)
        group.kill()
        // Another test's keeper may remove the folder under our eyes, which wakes nobody: so look again and again.
        var events = pollfd(fd: (try? group.openEvents().release()) ?? -1, events: Int16(POLLPRI), revents: 0)
        for _ in 0..<200 where ControlGroup.isPopulated(events: events.fd) { poll(&events, 1, 100) }
        close(events.fd)
        group.remove()
      }
    }
    close(pidfd)
  }

  func connect() throws -> KeeperTalk { try KeeperTalk(socketPath) }

  /// Connects as the server. While other tests start processes, the socket of a connection that we have just closed can
  /// live on for a moment in a child that has not come to its exec yet: then the keeper is still busy with it.
  func connectServer() throws -> KeeperTalk {
    let deadline = Clock.monotonic + UInt64(patience) * 1_000_000
    while true {
      let talk = try connect()
      switch try talk.ask(.hello(version: KeeperLimits.version)).reply {
      case .welcome(KeeperLimits.version, _, _): return talk
      case .failed(let error) where error.code == .busy && Clock.monotonic < deadline: continue
      case .failed(let error): throw error
      default: throw KeeperTalk.Closed()
      }
    }
  }
}

/// One connection to a keeper, blocking.
final class KeeperTalk {
  let socket: CInt
  private var number: UInt32 = 0
  private let buffer = PacketBuffer()
  /// Pushes that came while an answer was awaited.
  private var exits: [(id: String, status: Sys.ExitStatus)] = []

  struct Answer {
    var number: UInt32
    var reply: KeeperReply
    var descriptors: [CInt]
  }
  struct Closed: Error {}

  init(_ path: String) throws {
    socket = try UnixSocket.connect(path, .packets).release()
    UnixSocket.setSendBuffer(socket, bytes: KeeperLimits.longestPacket * 2)
  }

  deinit {
    close(socket)
  }

  func sendRaw(_ bytes: [UInt8], descriptors: [CInt] = []) -> TransferResult {
    UnixSocket.send(socket, bytes, descriptors: descriptors)
  }

  func receive() throws -> Answer {
    guard waitReadable(socket), case .message(let message) = UnixSocket.receive(socket, buffer: buffer.bytes) else {
      throw Closed()
    }
    let (number, reply) = try KeeperReply.decode(message.bytes)
    return Answer(number: number, reply: reply, descriptors: message.descriptors)
  }

  /// Sends the request and gives its answer.
  func ask(_ request: KeeperRequest, descriptors: [CInt] = []) throws -> Answer {
    number += 1
    guard case .bytes = sendRaw(request.encoded(number: number), descriptors: descriptors) else { throw Closed() }
    while true {
      let answer = try receive()
      if case .exited(let id, let status) = answer.reply {
        exits.append((id, status))
        continue
      }
      #expect(answer.number == number)
      return answer
    }
  }

  func nextExit() throws -> (id: String, status: Sys.ExitStatus) {
    if !exits.isEmpty { return exits.removeFirst() }
    while true {
      if case .exited(let id, let status) = try receive().reply { return (id, status) }
    }
  }

  func spawn(
    _ id: String, _ arguments: [String], environment: [String] = ["PATH=/usr/bin:/bin", "TERM=xterm"],
    label: [UInt8] = []
  ) throws -> KeptForTest {
    let spec = ChildSpec(
      arguments: arguments, environment: environment, directory: "/tmp", size: WindowSize(rows: 24, columns: 80))
    let answer = try ask(.spawn(id: id, spec: spec, label: label))
    switch answer.reply {
    case .spawned(let pid):
      #expect(answer.descriptors.count == 2)
      return KeptForTest(pid: pid, master: answer.descriptors[0], pidfd: answer.descriptors[1])
    case .failed(let error): throw error
    default: throw Closed()
    }
  }

  func list() throws -> [Answer] {
    var listed: [Answer] = []
    var answer = try ask(.list)
    while case .session = answer.reply {
      listed.append(answer)
      answer = try receive()
    }
    guard case .done = answer.reply else { throw Closed() }
    return listed
  }
}

final class KeptForTest {
  let pid: ProcessID
  let master: CInt
  let pidfd: CInt

  init(pid: ProcessID, master: CInt, pidfd: CInt) {
    self.pid = pid
    self.master = master
    self.pidfd = pidfd
  }

  deinit {
    close(master)
    close(pidfd)
  }

  /// What the program writes until its end, or until `marker` has come.
  func output(until marker: String? = nil) -> String {
    readOutput(master, until: marker)
  }

  func type(_ text: String) throws { try writeAll(master, Array(text.utf8)) }
}

func readOutput(_ master: CInt, until marker: String? = nil) -> String {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  while true {
    guard waitReadable(master) else {
      Issue.record("no end and no marker \(marker ?? "") in \(String(decoding: bytes, as: UTF8.self))")
      break
    }
    guard case .bytes(let count) = chunk.withUnsafeMutableBytes({ readBytes(master, into: $0) }) else { break }
    bytes.append(contentsOf: chunk[..<count])
    if let marker, String(decoding: bytes, as: UTF8.self).contains(marker) { break }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Waits until the process is gone, whoever reaps it.
func waitGone(_ pid: ProcessID) -> Bool {
  guard let descriptor = try? openPidfd(pid) else { return true }
  return waitReadable(descriptor.raw)
}

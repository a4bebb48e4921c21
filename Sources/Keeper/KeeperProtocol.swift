import Sys

/// The bounds of the keeper and of what is said to it.
package enum KeeperLimits {
  /// Raised when a packet changes its meaning. A server refuses a keeper of another version instead of guessing.
  package static let version: UInt16 = 1
  /// Below the kernel's usual send buffer (208 KiB), above any sane environment: a packet is sent whole or not at all.
  package static let longestPacket = 192 << 10
  /// What a server may attach to a session to find it again: name, tags and the like.
  package static let longestLabel = 64 << 10
  package static let longestID = 64
  /// Memory files kept beside a session: a snapshot, a ring of output, and room for a few more.
  package static let slots = 8
  /// Its terminal, its process, and what tells that it has ended whole, while it is being ended.
  package static let descriptorsPerSession = 3
  /// The keeper's own (6), its peers' (8), and what starting a program and looking at control groups takes for moments.
  package static let ownDescriptors = 24
  /// A session costs the keeper three to six descriptors; Linux's usual hard limit carries many more.
  package static let mostSessions = 4096
}

/// What the keeper refuses or fails at. `message` is a sentence for a person.
package struct KeeperError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Code: String, Sendable, CaseIterable {
    /// Neither reached nor started, or it does not answer.
    case unavailable
    /// Another server is connected to it.
    case busy
    case wrongVersion = "wrong_version"
    case malformed
    case noSuchSession = "no_such_session"
    case sessionExists = "session_exists"
    case limitReached = "limit_reached"
    /// The program has ended already.
    case ended
    /// The connection broke while the answer was awaited: whether it was done is unknown.
    case lost
    // Those of SpawnError.
    case noSuchProgram = "no_such_program"
    case notExecutable = "not_executable"
    case noSuchDirectory = "no_such_directory"
    case argumentListTooLong = "argument_list_too_long"
    case invalidArgument = "invalid_argument"
    case resourceExhausted = "resource_exhausted"
    case systemFailure = "system_failure"
  }
  package var code: Code
  package var message: String

  package init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  init(_ error: SpawnError) {
    self.init(code: Code(rawValue: error.code.rawValue) ?? .systemFailure, message: error.message)
  }

  package var description: String { message }
}

/// What a server asks of its keeper. A packet is one byte of kind, a 32-bit number that the answer repeats, the body.
enum KeeperRequest: Equatable {
  /// Must come first.
  case hello(version: UInt16)
  case spawn(id: String, spec: ChildSpec, label: [UInt8])
  case update(id: String, label: [UInt8])
  case list
  /// Comes with one descriptor, or with none to empty the slot.
  case store(id: String, slot: UInt8)
  case forget(id: String)
  case kill(id: String, signal: Int32, everything: Bool, graceMilliseconds: UInt32)
  case quit(graceMilliseconds: UInt32)
  /// Comes with a master and a pidfd: a session that a keeper held which is gone.
  case adopt(id: String, pid: ProcessID, label: [UInt8])
  /// How the program of an adopted session ended: it is no child of this keeper.
  case ended(id: String, status: ExitStatus)

  func encoded(number: UInt32) -> [UInt8] {
    var writer = PacketWriter()
    writer.append(kind)
    writer.append(number)
    switch self {
    case .hello(let version):
      writer.append(version)
    case .spawn(let id, let spec, let label):
      writer.append(id)
      writer.append(spec)
      writer.append(label)
    case .update(let id, let label):
      writer.append(id)
      writer.append(label)
    case .list:
      break
    case .store(let id, let slot):
      writer.append(id)
      writer.append(slot)
    case .forget(let id):
      writer.append(id)
    case .kill(let id, let signal, let everything, let grace):
      writer.append(id)
      writer.append(signal)
      writer.append(everything)
      writer.append(grace)
    case .quit(let grace):
      writer.append(grace)
    case .adopt(let id, let pid, let label):
      writer.append(id)
      writer.append(pid)
      writer.append(label)
    case .ended(let id, let status):
      writer.append(id)
      writer.append(status)
    }
    return writer.bytes
  }

  private var kind: UInt8 {
    switch self {
    case .hello: 1
    case .spawn: 2
    case .update: 3
    case .list: 4
    case .store: 5
    case .forget: 6
    case .kill: 7
    case .quit: 8
    case .adopt: 9
    case .ended: 10
    }
  }

  static func decode(_ bytes: [UInt8]) throws(PacketReader.Malformed) -> (number: UInt32, request: KeeperRequest) {
    var reader = PacketReader(bytes)
    let kind = try reader.integer(UInt8.self)
    let number = try reader.integer(UInt32.self)
    let request: KeeperRequest
    switch kind {
    case 1: request = .hello(version: try reader.integer())
    case 2:
      request = .spawn(
        id: try reader.sessionID(), spec: try reader.childSpec(),
        label: try reader.blob(limit: KeeperLimits.longestLabel))
    case 3: request = .update(id: try reader.sessionID(), label: try reader.blob(limit: KeeperLimits.longestLabel))
    case 4: request = .list
    case 5:
      let id = try reader.sessionID()
      let slot = try reader.integer(UInt8.self)
      guard slot < KeeperLimits.slots else { throw PacketReader.Malformed() }
      request = .store(id: id, slot: slot)
    case 6: request = .forget(id: try reader.sessionID())
    case 7:
      request = .kill(
        id: try reader.sessionID(), signal: try reader.integer(), everything: try reader.bool(),
        graceMilliseconds: try reader.integer())
    case 8: request = .quit(graceMilliseconds: try reader.integer())
    case 9:
      request = .adopt(
        id: try reader.sessionID(), pid: try reader.integer(), label: try reader.blob(limit: KeeperLimits.longestLabel))
    case 10: request = .ended(id: try reader.sessionID(), status: try reader.exitStatus())
    default: throw PacketReader.Malformed()
    }
    guard reader.isAtEnd else { throw PacketReader.Malformed() }
    return (number, request)
  }
}

/// What the keeper says. Descriptors travel beside the packet in the order named here.
enum KeeperReply: Equatable {
  case welcome(version: UInt16, pid: ProcessID, sessions: UInt32)
  /// master, pidfd
  case spawned(pid: ProcessID)
  case done
  /// master, pidfd, then one for each of `slots`. One packet a session; `done` ends the list.
  case session(id: String, pid: ProcessID, label: [UInt8], ended: ExitStatus?, slots: [UInt8])
  case failed(KeeperError)
  /// Not an answer: its number is 0.
  case exited(id: String, status: ExitStatus)

  func encoded(number: UInt32) -> [UInt8] {
    var writer = PacketWriter()
    writer.append(kind)
    writer.append(number)
    switch self {
    case .welcome(let version, let pid, let sessions):
      writer.append(version)
      writer.append(pid)
      writer.append(sessions)
    case .spawned(let pid):
      writer.append(pid)
    case .done:
      break
    case .session(let id, let pid, let label, let ended, let slots):
      writer.append(id)
      writer.append(pid)
      writer.append(label)
      writer.append(ended != nil)
      if let ended { writer.append(ended) }
      writer.append(slots)
    case .failed(let error):
      writer.append(error.code.rawValue)
      writer.append(error.message)
    case .exited(let id, let status):
      writer.append(id)
      writer.append(status)
    }
    return writer.bytes
  }

  private var kind: UInt8 {
    switch self {
    case .welcome: 129
    case .spawned: 130
    case .done: 131
    case .session: 132
    case .failed: 133
    case .exited: 134
    }
  }

  static func decode(_ bytes: [UInt8]) throws(PacketReader.Malformed) -> (number: UInt32, reply: KeeperReply) {
    var reader = PacketReader(bytes)
    let kind = try reader.integer(UInt8.self)
    let number = try reader.integer(UInt32.self)
    let reply: KeeperReply
    switch kind {
    case 129:
      reply = .welcome(version: try reader.integer(), pid: try reader.integer(), sessions: try reader.integer())
    case 130: reply = .spawned(pid: try reader.integer())
    case 131: reply = .done
    case 132:
      reply = .session(
        id: try reader.sessionID(), pid: try reader.integer(),
        label: try reader.blob(limit: KeeperLimits.longestLabel),
        ended: try reader.bool() ? try reader.exitStatus() : nil, slots: try reader.blob(limit: KeeperLimits.slots))
    case 133:
      let code = KeeperError.Code(rawValue: try reader.string()) ?? .systemFailure
      reply = .failed(KeeperError(code: code, message: try reader.string()))
    case 134: reply = .exited(id: try reader.sessionID(), status: try reader.exitStatus())
    default: throw PacketReader.Malformed()
    }
    guard reader.isAtEnd else { throw PacketReader.Malformed() }
    return (number, reply)
  }
}

extension PacketWriter {
  mutating func append(_ status: ExitStatus) {
    switch status {
    case .exited(let code):
      append(UInt8(0))
      append(code)
    case .signaled(let number):
      append(UInt8(1))
      append(number)
    case .unknown:
      append(UInt8(2))
    }
  }

  mutating func append(_ spec: ChildSpec) {
    append(spec.arguments)
    append(spec.executable)
    append(spec.environment)
    append(spec.directory)
    append(spec.size.rows)
    append(spec.size.columns)
  }
}

extension PacketReader {
  mutating func sessionID() throws(Malformed) -> String {
    let id = try string(limit: KeeperLimits.longestID)
    guard !id.isEmpty else { throw Malformed() }
    return id
  }

  mutating func exitStatus() throws(Malformed) -> ExitStatus {
    switch try integer(UInt8.self) {
    case 0: return .exited(try integer())
    case 1: return .signaled(try integer())
    case 2: return .unknown
    default: throw Malformed()
    }
  }

  mutating func childSpec() throws(Malformed) -> ChildSpec {
    let arguments = try strings()
    let executable = try optionalString()
    let environment = try strings()
    let directory = try optionalString()
    return ChildSpec(
      arguments: arguments, executable: executable, environment: environment, directory: directory,
      size: WindowSize(rows: try integer(), columns: try integer()))
  }
}

import Events
import Glibc
import Sys
import TestKit
import Testing

@Suite("Crashes and the event log")
struct EventCrashTests {
  @Test("killed two hundred times in the middle of appends, the log has every acknowledged event once, in one sequence")
  func killed() async throws {
    let folder = LogFolder()
    var acknowledged: [String: UInt64] = [:]
    for trial in 0..<200 {
      let text = try await onThread { try EventCrashTests.appendAndKill(folder.path, "t\(trial)") }
      for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        let seq = try #require(words.count == 2 ? UInt64(words[1]) : nil, "not a line: \(line)")
        #expect(acknowledged.updateValue(seq, forKey: String(words[0])) == nil, "\(line) twice")
      }
    }
    let log = folder.open()
    var (stored, next): ([String: UInt64], UInt64) = ([:], 1)
    var query = EventQuery()
    query.limit = EventQuery.maximumLimit
    while true {
      let page = try await log.page(query)
      #expect(page.unreadable == 0)
      for event in page.events {
        #expect(event.seq == next)
        next += 1
        #expect(stored.updateValue(event.seq, forKey: event.id) == nil, "\(event.id) is there twice")
      }
      guard let after = page.next else { break }
      query.after = after
    }
    #expect(acknowledged.count >= 200)
    for (id, seq) in acknowledged where stored[id] != seq {
      Issue.record("\(id) was acknowledged as \(seq) and is stored as \(stored[id].map(String.init) ?? "nothing")")
    }
    log.close()
    #expect(try EventLogVerifier.verify(folder: folder.path).allSatisfy { $0.problemCount == 0 })
  }

  /// Lets a process append until it has had a number of events acknowledged, kills it, and returns all that it said.
  private static func appendAndKill(_ folder: String, _ prefix: String) throws -> String {
    let pipe = try makePipe()
    let reading = Descriptor(owning: pipe.read)
    let writing = Descriptor(owning: pipe.write)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, writing.raw, STDOUT_FILENO)
    let own = Host.executablePath
    let program = own[..<(own.lastIndex(of: "/") ?? own.endIndex)] + "/event-appender"
    var arguments = [program, folder[...], prefix[...]].map { strdup(String($0)) } + [nil]
    var environment = [strdup("SWIFT_BACKTRACE=enable=no"), nil]
    defer { for text in arguments + environment { free(text) } }
    var pid = pid_t()
    let failure = posix_spawn(&pid, String(program), &actions, nil, &arguments, &environment)
    guard failure == 0 else { throw SystemError(code: failure, call: "posix_spawn \(program)") }
    close(consume writing)
    let wanted = Int.random(in: 1...40)
    var said: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    var isAlive = true
    while true {
      if isAlive, said.count(where: { $0 == 0x0A }) >= wanted {
        kill(pid, SIGKILL)
        isAlive = false
      }
      let count = read(reading.raw, &buffer, buffer.count)
      if count <= 0 { break }
      said += buffer[..<count]
    }
    kill(pid, SIGKILL)
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    guard status & 0x7F == SIGKILL else { throw TestFailure("the appender ended by itself: \(status)") }
    return String(decoding: said, as: UTF8.self)
  }

  private static func close(_ descriptor: consuming Descriptor) {}
}

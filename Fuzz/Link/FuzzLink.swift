import Formats
import FuzzDriver

@testable import Cluster

// libFuzzer target for what servers read of each other over their links: heads of streams, failures, and the directory of a backend.
//
//   ROOST_FUZZ=1 swift build -Xswiftc -sanitize=fuzzer,address --product fuzz-link
//   SWIFT_BACKTRACE=enable=no .build/debug/fuzz-link -max_len=4096 some-corpus-folder
//
// The first byte chooses what is fed. Nothing may trap, and the results are held against what must be true of them.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let data, count > 1 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data + 1, count: count - 1))
  switch data[0] % 5 {
  case 0: head(bytes)
  case 1: directory(bytes)
  case 3: failure(bytes)
  case 4: batch(bytes)
  default: changes(bytes)
  }
  return 0
}

@_cdecl("fuzz_link_main")
func start(_ count: CInt, _ arguments: ArgumentList) -> CInt { runFuzzer(count, arguments, fuzz) }

// MARK: Heads

private func head(_ bytes: [UInt8]) {
  guard let head = try? LinkHead(parsing: bytes) else { return }
  let written = head.encoded()
  // Escapes may make it longer than it was; then it is refused, but never read as something else.
  guard written.count <= LinkHead.maximumBytes else { return }
  let again = try? LinkHead(parsing: written)
  precondition(again == head, "a head that is written is read as the same")
}

private func failure(_ bytes: [UInt8]) {
  guard let failure = RemoteFailure(parsing: bytes) else { return }
  precondition(RemoteFailure(parsing: failure.encoded()) == failure, "a failure that is written is read as the same")
}

/// Batches of frames, control messages, hellos and what answers them.
private func batch(_ bytes: [UInt8]) {
  var reader = LinkBatchReader(bytes[...])
  var count = 0
  while let frame = try? reader.next() {
    count += 1
    if case .data(_, _, _, _, let payload) = frame { precondition(payload.count <= LinkFrame.maximumPayload) }
  }
  precondition(count * LinkFrame.headerBytes <= bytes.count, "every frame has a header of its own")
  if let control = LinkControl(parsing: bytes[...]) {
    precondition(LinkControl(parsing: control.encoded[...]) == control)
  }
  if let hello = LinkHello(parsing: bytes) { precondition(LinkHello(parsing: hello.encoded()) == hello) }
  if let reply = LinkReply(parsing: bytes) { precondition(LinkReply(parsing: reply.encoded()) == reply) }
}

// MARK: Directories

private let serverID = "11111111-2222-4333-8444-555555555555"

/// Messages, one a line, from the beginning of a stream.
private func directory(_ bytes: [UInt8]) {
  let copy = DirectoryCopy()
  copy.linkIsUp(serverID: serverID)
  for line in bytes.split(separator: 0x0A) { guard receive(Array(line), copy) else { return } }
}

/// The same on a stream that has told of a session already.
private func changes(_ bytes: [UInt8]) {
  let copy = DirectoryCopy()
  copy.linkIsUp(serverID: serverID)
  for message in [
    #"{"reset":{"server_id":"\#(serverID)"}}"#, #"{"sessions":[{"id":"1","name":"a","last_activity_ms":1}]}"#,
    #"{"ready":true}"#,
  ] { precondition(receive(Array(message.utf8), copy)) }
  for line in bytes.split(separator: 0x0A) { guard receive(Array(line), copy) else { return } }
}

private func receive(_ message: [UInt8], _ copy: DirectoryCopy) -> Bool {
  let before = copy.snapshot.records.map(\.key)
  do throws(DirectoryFault) { try copy.receive(message) } catch {
    precondition(copy.snapshot.records.map(\.key) == before, "a message that is refused changes nothing")
    return false
  }
  let records = copy.snapshot.records
  precondition(Set(records.map(\.key)).count == records.count, "a session is there once")
  for record in records { check(record) }
  return true
}

private func check(_ record: DirectoryRecord) {
  precondition(Label.isName(record.name))
  var json = JSONWriter()
  record.write(to: &json, origin: Array(#""server":"x""#.utf8), ending: Array(#","stale":true"#.utf8), now: .now)
  let text = json.finish()
  guard let members = JSONText.members(of: text[...]) else { preconditionFailure("a record is written as an object") }
  precondition(Set(members.map(\.name)).count == members.count, "no member is there twice")
  precondition(
    members.first?.name == "server" && members.last?.name == "stale", "the hub's word is the one that counts")
  precondition(!text.contains(0x0A), "a record is one line")
}

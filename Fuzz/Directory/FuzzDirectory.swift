import Formats

@testable import Cluster

// libFuzzer target for what a hub reads of a backend's sessions: the messages of the directory stream.
//
//   ROOST_FUZZ=1 swift build -Xswiftc -sanitize=fuzzer,address --product fuzz-directory
//   SWIFT_BACKTRACE=enable=no .build/debug/fuzz-directory -max_len=4096 some-corpus-folder
//
// The first byte chooses what the stream has told before. Nothing may trap, and the results are held against what must be true of them.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let data, count > 1 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data + 1, count: count - 1))
  if data[0] & 1 == 0 { directory(bytes) } else { changes(bytes) }
  return 0
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The package manager gives the entry point of an executable this name and defines `main` as it, so libFuzzer's own
/// `main` does not take effect.
@_cdecl("fuzz_directory_main")
func start(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
  var count = count
  var arguments = arguments
  return runDriver(&count, &arguments, fuzz)
}

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

import Formats
import FuzzDriver
import Sys

@testable import Events

// libFuzzer target for what the event log makes of bytes of strangers: subjects and patterns, stored lines, publications, JSON, times, audit
// lines.
//
//   ROOST_FUZZ=1 swift build -Xswiftc -sanitize=fuzzer,address --product fuzz-events
//   SWIFT_BACKTRACE=enable=no .build/debug/fuzz-events -max_len=4096 some-corpus-folder
//
// The first byte chooses what is fed. Nothing may trap, and the results are held against what must be true of them.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let data, count > 2 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data + 2, count: count - 2))
  switch data[0] % 7 {
  case 0: subjects(bytes)
  case 1: lines(bytes)
  case 2: stored(bytes, flipping: Int(data[1]))
  case 3: publications(bytes)
  case 4: json(bytes)
  case 5: times(bytes, ahead: Int64(data[1]) * 3600 - 400_000)
  default: auditLines(bytes)
  }
  return 0
}

@_cdecl("fuzz_events_main")
func start(_ count: CInt, _ arguments: ArgumentList) -> CInt { runFuzzer(count, arguments, fuzz) }

/// The parts of the input, which a line feed separates, as text.
private func parts(_ bytes: [UInt8], _ count: Int) -> [String] {
  let parts = bytes.split(separator: 0x0A, maxSplits: count - 1, omittingEmptySubsequences: false)
  return (0..<count).map { $0 < parts.count ? String(decoding: parts[$0], as: UTF8.self) : "" }
}

// MARK: Subjects

private func subjects(_ bytes: [UInt8]) {
  let texts = parts(bytes, 2)
  let (pattern, subject) = (try? SubjectPattern(texts[0]), try? Subject(texts[1]))
  if let subject {
    precondition(subject.text.utf8.count <= Subject.maximumBytes)
    let own = try? SubjectPattern(subject.text)
    precondition(own?.matches(subject) == true, "a subject is the pattern of itself: \(subject)")
    precondition((try? SubjectPattern(">"))?.matches(subject) == true)
  }
  guard let pattern, let subject else { return }
  let expected = naive(tokens(pattern.text)[...], tokens(subject.text)[...])
  precondition(pattern.matches(subject) == expected, "\(pattern) and \(subject)")
}

private func tokens(_ text: String) -> [[UInt8]] {
  let tokens = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false).map { Array($0) }
  precondition(tokens.allSatisfy { !$0.isEmpty } && tokens.count <= Subject.maximumTokens, text)
  return tokens
}

private func naive(_ pattern: ArraySlice<[UInt8]>, _ subject: ArraySlice<[UInt8]>) -> Bool {
  guard let first = pattern.first else { return subject.isEmpty }
  if first == [0x3E] { return !subject.isEmpty }
  guard let token = subject.first, first == [0x2A] || first == token else { return false }
  return naive(pattern.dropFirst(), subject.dropFirst())
}

// MARK: Stored lines

private func read(_ line: [UInt8], checkingSum: Bool = true) -> StoredEvent? {
  let read = line.withUnsafeBytes { EventLine($0, checkingSum: checkingSum) }
  return read.map { StoredEvent(chunk: EventChunk(bytes: line, starts: [0], lines: [$0]), index: 0) }
}

/// Everything that an event is asked for.
private func use(_ event: StoredEvent) {
  _ = (event.id, event.type, event.subject, event.serverID, event.originKind, event.originID, event.correlationID)
  _ = (event.causationID, event.principal, event.data, event.time.description)
  precondition(event.document.count == event.documentBytes)
  for form in EventForm.allCases { _ = event.document(as: form) }
  var filter = EventFilter()
  filter.id = event.id
  filter.originID = "x"
  filter.types = [try? SubjectPattern("*.>")].compactMap { $0 }
  _ = filter.matches(event)
}

/// Any bytes, as they are and between a good beginning and a good end.
private func lines(_ bytes: [UInt8]) {
  for line in [bytes, Array("{\"id\":\"".utf8) + bytes, bytes + Array(",\"crc\":\"00000000\"}".utf8)] {
    _ = read(line)
    if let event = read(line, checkingSum: false) { use(event) }
    if let event = read(sealed(line), checkingSum: true) { use(event) }
  }
  bytes.withUnsafeBytes { forEachLine($0) { line, _ in EventLine(line) == nil || true } }
}

private func sealed(_ document: [UInt8]) -> [UInt8] {
  let sum = String(document.withUnsafeBytes { crc32c($0) }, radix: 16)
  return document + Array(",\"crc\":\"\(String(repeating: "0", count: 8 - sum.count))\(sum)\"}".utf8)
}

/// What the encoder lets through reads back as it was, and no flipped bit goes unnoticed.
private func stored(_ bytes: [UInt8], flipping place: Int) {
  let texts = parts(bytes, 8)
  guard let subject = try? Subject(texts[0]) else { return }
  let draft = EventDraft(
    id: texts[1], type: texts[2], subject: subject, origin: EventOrigin(kind: texts[3], id: texts[4]),
    correlationID: texts[5], causationID: texts[6].isEmpty ? nil : texts[6],
    principal: texts[7].isEmpty ? nil : texts[7], data: JSONText.compact(bytes[...]) ?? Array("null".utf8),
    maker: EventMaker(of: subject))
  guard let encoded = try? EventEncoder.encode(draft, serverID: "server-1") else { return }
  let time = EventTime(microseconds: Int64(place) * 86_400_000_000_123)
  var line = encoded.bytes[..<encoded.seqAt] + Array("42".utf8) + encoded.bytes[encoded.seqAt..<encoded.timeAt]
  line += Array(time.description.utf8) + encoded.bytes[encoded.timeAt...]
  var whole = sealed(Array(line))
  guard let event = read(whole) else { preconditionFailure("an encoded event does not read back") }
  use(event)
  precondition(event.seq == 42 && event.time == time && event.id == draft.id && event.type == draft.type)
  precondition(event.subject.utf8.elementsEqual(subject.text.utf8) && event.originKind == draft.origin.kind)
  precondition(event.originID.utf8.elementsEqual(draft.origin.id.utf8) && event.correlationID == draft.correlationID)
  precondition(event.causationID == draft.causationID && event.principal == draft.principal)
  precondition(event.data.elementsEqual(draft.data) && !whole.contains(0x0A))
  precondition(JSONText.isValid(event.document[...]), "a document is no JSON")
  let flipped = (place * 7919) % whole.count
  whole[flipped] ^= 1 << UInt8(place % 8)
  precondition(read(whole) == nil, "a flipped bit goes unnoticed")
}

// MARK: What is published

private func publications(_ bytes: [UInt8]) {
  guard let all = try? Publication.all(in: bytes[...]) else { return }
  precondition((1...Publication.maximumBatch).contains(all.count))
  for one in all {
    precondition(JSONText.isValid(one.data[...]) && !one.data.contains(0x0A))
    let draft = EventDraft(
      id: one.id ?? "id", type: one.type, subject: one.subject, origin: one.origin ?? EventOrigin(kind: "x", id: "x"),
      correlationID: one.correlationID ?? "c", causationID: one.causationID, data: one.data,
      maker: EventMaker(of: one.subject))
    do throws(EventError) {
      _ = try EventEncoder.encode(draft, serverID: "server-1")
    } catch {
      precondition(error.code == .eventTooLarge, "what was taken cannot be stored: \(error.message)")
    }
  }
}

private func json(_ bytes: [UInt8]) {
  let compact = JSONText.compact(bytes[...])
  if let compact {
    precondition(
      JSONText.isValid(compact[...]) && JSONText.compact(compact[...]) == compact && compact.count <= bytes.count)
    precondition(!compact.contains(0x0A) && !compact.contains(0x0D))
  } else {
    precondition(!JSONText.isValid(bytes[...]) || String(validating: bytes, as: UTF8.self) == nil)
  }
  for member in JSONText.members(of: bytes[...]) ?? [] { precondition(JSONText.isValid(member.value)) }
  for element in JSONText.elements(of: bytes[...]) ?? [] { precondition(JSONText.isValid(element)) }
}

// MARK: Times and audit lines

private func times(_ bytes: [UInt8], ahead: Int64) {
  let text = String(decoding: bytes, as: UTF8.self)
  for now in [0, 1_795_261_501_123_456, TimeExpression.latest] {
    do throws(EventError) {
      // A zone that changes once.
      let moment = try TimeExpression.parse(text, now: now) { $0 < 1_700_000_000 ? ahead : ahead / 2 }
      precondition((0...TimeExpression.latest).contains(moment))
    } catch {
      precondition(error.code == .invalidTime && error.message.utf8.allSatisfy { $0 >= 0x20 }, error.message)
    }
  }
}

private func auditLines(_ bytes: [UInt8]) {
  let texts = parts(bytes, 4)
  var data = JSONWriter()
  data.beginObject()
  for (name, value) in [("operation", texts[0]), ("target", texts[1]), ("address", texts[2])] {
    data.key(text: name)
    data.string(value)
  }
  data.endObject()
  for data in [data.finish(), bytes] {
    let draft = EventDraft(
      id: "id", type: "audit.refused", subject: Subject(own: "hub", "x", "audit"),
      origin: EventOrigin(kind: "server", id: "x"), correlationID: "c", principal: texts[3], data: data,
      maker: .server)
    guard let line = AuditLine.text(of: draft, at: "2026-11-21T11:45:01.123456Z") else { continue }
    precondition(line.hasPrefix("time=2026-11-21T11:45:01.123456Z outcome="), line)
    precondition(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }, line)
    // Outside of quotation marks there is nothing but plain pairs, and every quotation ends.
    var (isQuoted, isEscaped) = (false, false)
    for scalar in line.unicodeScalars {
      if isEscaped {
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else if scalar == "\"" {
        isQuoted.toggle()
      }
      precondition(isQuoted || scalar.isASCII, line)
    }
    precondition(!isQuoted && !isEscaped, line)
  }
}

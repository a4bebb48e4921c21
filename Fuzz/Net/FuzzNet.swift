import FuzzDriver

@testable import Net

// libFuzzer target for everything that reads bytes of strangers: HTTP requests and responses, WebSocket frames.
//
//   ROOST_FUZZ=1 swift build -Xswiftc -sanitize=fuzzer,address --product fuzz-net
//   SWIFT_BACKTRACE=enable=no .build/debug/fuzz-net -max_len=4096 some-corpus-folder
//
// The first byte chooses the decoder, the second how the rest is cut. Each input is decoded whole and cut, and the
// results must agree: a parser whose answer depends on packet boundaries is one that can be tricked.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let data, count > 2 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data + 2, count: count - 2))
  let cut = Int(data[1] & 31) + 1
  switch data[0] % 4 {
  case 0: compare(requests(bytes, cut: Int.max), requests(bytes, cut: cut))
  case 1: compare(responses(bytes, cut: Int.max), responses(bytes, cut: cut))
  case 2: compare(frames(bytes, .server, cut: Int.max), frames(bytes, .server, cut: cut))
  default: compare(frames(bytes, .client, cut: Int.max), frames(bytes, .client, cut: cut))
  }
  return 0
}

@_cdecl("fuzz_net_main")
func start(_ count: CInt, _ arguments: ArgumentList) -> CInt { runFuzzer(count, arguments, fuzz) }

private func compare(_ whole: [String], _ cut: [String]) {
  precondition(whole == cut, "the result depends on the cut:\n\(whole)\n\(cut)")
}

private func pieces(_ bytes: [UInt8], _ cut: Int, _ take: (inout UnsafeRawBufferPointer) -> Bool) {
  var at = 0
  while at < bytes.count {
    // A copy of its own, so that the address sanitizer sees every byte read beyond the piece.
    let piece = Array(bytes[at..<(at + min(cut, bytes.count - at))])
    at += piece.count
    let goesOn = piece.withUnsafeBytes { raw in
      var input = raw
      return take(&input)
    }
    if !goesOn { return }
  }
}

private func limits() -> HTTPLimits {
  var limits = HTTPLimits()
  limits.maxHeaderBytes = 1024
  limits.maxTargetBytes = 128
  limits.maxBodyBytes = 512
  return limits
}

private func requests(_ bytes: [UInt8], cut: Int) -> [String] {
  var decoder = HTTPRequestDecoder(limits: limits())
  var seen: [String] = []
  pieces(bytes, cut) { input in
    do throws(HTTPFault) {
      while let event = try decoder.next(&input) {
        guard case .request(let parsed) = event else { continue }
        let request = HTTPRequest(
          method: parsed.method, target: parsed.target, headers: parsed.headers, body: parsed.body)
        seen.append(
          "\(request.method) \(request.path) \(request.query ?? "-") \(request.headers.pairs) \(request.body)")
        precondition(request.body.count <= 512)
      }
      return true
    } catch {
      // Which of two limits is hit first may depend on the cut.
      seen.append("\(error.status == 431 || error.status == 414 ? 431 : error.status)")
      return false
    }
  }
  return seen
}

private func responses(_ bytes: [UInt8], cut: Int) -> [String] {
  var decoder = HTTPResponseDecoder(limits: limits())
  var seen: [String] = []
  var failed = false
  pieces(bytes, cut) { input in
    do throws(HTTPFault) {
      while let parsed = try decoder.next(&input) {
        seen.append("\(parsed.response) \(parsed.keepsAlive)")
        if parsed.response.status == 101 {
          failed = true
          return false
        }
      }
      return true
    } catch {
      failed = true
      seen.append("\(error.status == 414 ? 431 : error.status)")
      return false
    }
  }
  if !failed, let last = decoder.end() { seen.append("\(last.response)") }
  return seen
}

private func frames(_ bytes: [UInt8], _ role: WebSocketDecoder.Role, cut: Int) -> [String] {
  var decoder = WebSocketDecoder(role: role, maxMessageBytes: 1024)
  var seen: [String] = []
  pieces(bytes, cut) { input in
    do throws(WebSocketFault) {
      while let event = try decoder.next(&input) {
        seen.append("\(event)")
        if case .close = event { return false }
      }
      return true
    } catch {
      seen.append("\(error)")
      return false
    }
  }
  return seen
}

import Cluster
import Formats
import FuzzDriver

// libFuzzer target for what a user, or who sends an address, can write: the configuration file, and addresses alone.
//
//   Tools/fuzz-smoke.sh 60 fuzz-config
//
// Nothing may trap, and what is taken must hold: an address is its own normal form, and what its text says is read again as the same.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let data, count > 0 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  check(String(decoding: bytes, as: UTF8.self))
  // Without a home of its own: a token file that the bytes name is opened at most, and never repeated.
  if let configuration = try? ClusterConfiguration(parsing: bytes, folder: "/nonexistent", home: "/nonexistent") {
    for server in configuration.servers { check(server.address.text) }
    precondition(Set(configuration.servers.map(\.address)).count == configuration.servers.count)
    precondition(configuration.timings.deadline > configuration.timings.ping)
  }
  return 0
}

private func check(_ text: String) {
  if let address = try? BackendAddress(text) {
    precondition((try? BackendAddress(address.text)) == address, "\(address) is not its own normal form")
    precondition((1...65535).contains(address.port) && !address.host.isEmpty)
  }
  if let range = IPRange(text) {
    precondition(IPRange(range.description) == range, "\(range) is not read again as itself")
  }
  _ = IPAccess(blocklist: [IPRange("10.0.0.0/8"), IPRange("fd00::/8")].compactMap { $0 }).allows(text)
}

@_cdecl("fuzz_config_main")
func start(_ count: CInt, _ arguments: ArgumentList) -> CInt { runFuzzer(count, arguments, fuzz) }

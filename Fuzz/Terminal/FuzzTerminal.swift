import FuzzDriver
import TerminalEngine
import TerminalInvariants

@_cdecl("fuzz_terminal_main")
func start(_ count: CInt, _ arguments: ArgumentList) -> CInt { runFuzzer(count, arguments, fuzz) }

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let scenario = Scenario(fuzzInput: UnsafeBufferPointer(start: data, count: count))
  if let violation = Invariants.firstViolation(scenario) {
    fatalError("\(violation)\n\(scenario)")
  }
  return 0
}

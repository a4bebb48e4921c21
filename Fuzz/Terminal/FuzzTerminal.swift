import TerminalEngine
import TerminalInvariants

/// libFuzzer's own entry (compiler-rt, FuzzerDriver.cpp). Called from here because the package manager gives an
/// executable's `main` another name and would not find the one in libFuzzer.
@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

@_cdecl("fuzz_terminal_main")
func fuzzTerminalMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var count = count
  var arguments = arguments
  return runFuzzer(&count, &arguments, fuzzTerminal)
}

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzTerminal(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let scenario = Scenario(fuzzInput: UnsafeBufferPointer(start: start, count: count))
  if let violation = Invariants.firstViolation(scenario) {
    fatalError("\(violation)\n\(scenario)")
  }
  return 0
}

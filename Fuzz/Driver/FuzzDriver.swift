/// libFuzzer's own entry (compiler-rt, FuzzerDriver.cpp).
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<ArgumentList>, _ one: FuzzBody
) -> CInt

/// As C's `main` is given it.
package typealias ArgumentList = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

/// What is done with one input; answers 0.
package typealias FuzzBody = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

/// The whole of a fuzzer's `main`. The package manager gives the entry point of an executable a name of its own (`fuzz_net_main`) and
/// defines `main` as it, so that libFuzzer's does not take effect: a fuzzer has a function of that name, which calls this.
package func runFuzzer(_ count: CInt, _ arguments: ArgumentList, _ one: FuzzBody) -> CInt {
  var (count, arguments) = (count, arguments)
  return runDriver(&count, &arguments, one)
}

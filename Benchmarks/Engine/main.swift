// Compares the terminal engine with libvterm on the streams of Benchmarks/streams.py and prints Markdown tables.
//
//     engine-bench FOLDER [runs]
//     engine-bench FOLDER --only STREAM [times]     only ours, for a profiler
//     engine-bench FOLDER --costs                   what single sequences cost on a screen of 1000 x 1000
import CVTerm
import CZstd
import Glibc
import TerminalEngine

let streams = [
  ("ascii", "ASCII lines"), ("color", "coloured lines"), ("indexed", "every cell its own palette colour"),
  ("rgb", "every cell its own RGB"), ("unicode", "CJK, emoji, combining"), ("region", "scroll region traffic"),
  ("alternate", "alternate-screen redraw"), ("capture", "a real capture"),
]
/// What one read of a busy PTY brings at most when several are gathered.
let chunkSize = 64 << 10
let historyLines = 10_000

func cpuSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func load(_ path: String) -> [UInt8] {
  guard let file = fopen(path, "r") else { fatalError("cannot read \(path): make it with Benchmarks/streams.py") }
  defer { fclose(file) }
  fseek(file, 0, SEEK_END)
  let size = ftell(file)
  rewind(file)
  return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in count = fread(buffer.baseAddress, 1, size, file)
  }
}

func inChunks(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
  bytes.withUnsafeBytes { whole in
    var start = 0
    while start < whole.count {
      let end = min(start + chunkSize, whole.count)
      body(UnsafeRawBufferPointer(rebasing: whole[start..<end]))
      start = end
    }
  }
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

func rounded(_ value: Double, _ digits: Int) -> String {
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let whole = Int((value * scale).rounded())
  guard digits > 0 else { return "\(whole)" }
  let fraction = String(whole % Int(scale))
  return "\(whole / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
}

/// The engine as a session drives it: the change counter set before each piece, replies and events taken after it.
final class Session {
  var terminal: Terminal

  init(rows: Int = 24, columns: Int = 80) {
    var options = TerminalOptions()
    options.historyLines = historyLines
    terminal = Terminal(size: TerminalSize(rows: rows, columns: columns), options: options)
  }

  func feed(_ bytes: [UInt8]) {
    inChunks(bytes) { piece in
      terminal.stamp += 1
      terminal.feed(piece)
      if terminal.hasReplies { _ = terminal.takeReplies() }
      if terminal.hasEvents { _ = terminal.takeEvents() }
    }
  }

  func seal() -> Int { terminal.sealHistory(compress).saved }
}

func compress(_ page: UnsafeRawBufferPointer) -> [UInt8]? {
  let bound = ZSTD_compressBound(page.count)
  let packed = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
    let size = ZSTD_compress(buffer.baseAddress, bound, page.baseAddress, page.count, 1)
    count = ZSTD_isError(size) != 0 ? 0 : size
  }
  return packed.isEmpty ? nil : packed
}

func secondsOfOurs(_ bytes: [UInt8]) -> Double {
  let session = Session()
  let start = cpuSeconds()
  session.feed(bytes)
  return cpuSeconds() - start
}

func secondsOfReference(_ bytes: [UInt8]) -> Double {
  let reference = reference_new(24, 80, historyLines)
  defer { reference_free(reference) }
  let start = cpuSeconds()
  inChunks(bytes) { reference_feed(reference, $0.baseAddress, $0.count) }
  return cpuSeconds() - start
}

func compareSpeed(_ folder: String, runs: Int) {
  print("MB per CPU second, 80×24, \(historyLines) lines of history, median of \(runs) runs:\n")
  print("| stream | roost | libvterm | ratio |")
  print("|---|---|---|---|")
  var ratios: [Double] = []
  for (name, title) in streams {
    let bytes = load("\(folder)/\(name)")
    let megabytes = Double(bytes.count) / 1e6
    var ours: [Double] = []
    var theirs: [Double] = []
    for _ in 0..<runs {
      ours.append(megabytes / secondsOfOurs(bytes))
      theirs.append(megabytes / secondsOfReference(bytes))
    }
    let ratio = median(ours) / median(theirs)
    ratios.append(ratio)
    print("| \(title) | \(rounded(median(ours), 0)) | \(rounded(median(theirs), 1)) | \(rounded(ratio, 1)) |")
  }
  print("| **median** | | | **\(rounded(median(ratios), 1))** |\n")
}

/// As much of a stream as fills the history and the screen.
func tenThousandLines(_ bytes: [UInt8]) -> [UInt8] {
  var lines = 0
  for (index, byte) in bytes.enumerated() where byte == 0x0A {
    lines += 1
    if lines == historyLines + 24 { return Array(bytes[...index]) }
  }
  return bytes
}

func measureMemory(_ folder: String) {
  print("Memory of \(historyLines) lines of history (heap in use, KiB) and bytes a line:\n")
  print("| lines | roost | bytes a line | sealed with zstd-1 | bytes a line | libvterm, compact history |")
  print("|---|---|---|---|---|---|")
  for name in ["ascii", "color", "unicode", "capture"] {
    let bytes = tenThousandLines(load("\(folder)/\(name)"))
    let before = heap_in_use()
    let session = Session()
    session.feed(bytes)
    let ours = heap_in_use() - before
    let lines = max(1, session.terminal.screenTop - session.terminal.firstLine)
    _ = session.seal()
    let sealed = heap_in_use() - before
    let referenceBefore = heap_in_use()
    let reference = reference_new(24, 80, historyLines)
    inChunks(bytes) { reference_feed(reference, $0.baseAddress, $0.count) }
    let theirs = heap_in_use() - referenceBefore
    reference_free(reference)
    print(
      "| \(name), \(lines) | \(ours >> 10) | \(rounded(Double(ours) / Double(lines), 0)) | \(sealed >> 10) | "
        + "\(rounded(Double(sealed) / Double(lines), 0)) | \(theirs >> 10) |")
    // Given back any earlier they would be subtracted from what is measured.
    withExtendedLifetime((session, bytes)) {}
  }
  print("")
}

func measureIdle() {
  let count = 200
  let prompt = [UInt8](
    "\u{1B}]0;user@host: ~\u{07}\u{1B}[01;32muser@host\u{1B}[00m:\u{1B}[01;34m~\u{1B}[00m$ ls\r\n".utf8)
  let before = heap_in_use()
  var sessions: [Session] = []
  sessions.reserveCapacity(count)
  for _ in 0..<count {
    let session = Session()
    session.feed(prompt)
    sessions.append(session)
  }
  let ours = (heap_in_use() - before) / count
  let accounted = sessions.reduce(0) { $0 + $1.terminal.bytesHeld } / count
  let referenceBefore = heap_in_use()
  var references: [UnsafeMutablePointer<ReferenceTerminal>] = []
  for _ in 0..<count {
    guard let reference = reference_new(24, 80, historyLines) else { continue }
    prompt.withUnsafeBytes { reference_feed(reference, $0.baseAddress, $0.count) }
    references.append(reference)
  }
  let theirs = (heap_in_use() - referenceBefore) / count
  print("An idle terminal of 80×24 (heap, KiB, mean of \(count)):\n")
  print("| roost | of it accounted for by `bytesHeld` | libvterm |")
  print("|---|---|---|")
  print(
    "| \(rounded(Double(ours) / 1024, 1)) | \(rounded(Double(accounted) / 1024, 1)) | \(rounded(Double(theirs) / 1024, 1)) |\n"
  )
  for reference in references { reference_free(reference) }
}

/// What a viewer and an agent ask for: the screen as text, and as one stream that rebuilds it.
func measureReading(_ folder: String) {
  print("Reading a screen of 80×24 (µs CPU):\n")
  print("| screen of | text | repaint | bytes of the repaint |")
  print("|---|---|---|---|")
  for name in ["ascii", "rgb", "unicode", "capture"] {
    let session = Session()
    session.feed(Array(load("\(folder)/\(name)").prefix(1 << 20)))
    let times = 300
    var start = cpuSeconds()
    var text = 0
    for _ in 0..<times { text += session.terminal.screenText().utf8.count }
    let reading = (cpuSeconds() - start) / Double(times)
    start = cpuSeconds()
    var size = 0
    for _ in 0..<times { size = session.terminal.repaint().count }
    let repainting = (cpuSeconds() - start) / Double(times)
    print("| \(name) | \(rounded(reading * 1e6, 1)) | \(rounded(repainting * 1e6, 1)) | \(size) |")
    precondition(text >= 0)
  }
  print("")
}

/// What one sequence costs at most, however few its bytes are.
func measureCosts() {
  let escape = "\u{1B}"
  let fill = escape + "#8"
  // Every cell with a style other than its neighbours', of so many.
  func colorful(_ styles: Int) -> String {
    var text = ""
    for cell in 0..<1_000_000 {
      let number = cell * 7 % styles
      text += "\(escape)[48;2;\(number >> 16);\(number >> 8 & 255);\(number & 255)mx"
    }
    return text + "\(escape)[m"
  }
  let accents = String(repeating: "e\u{301}", count: 1_000_000)
  let cases: [(String, String, String)] = [
    ("DECALN", "", fill), ("SL", fill, escape + "[1 @"), ("ED with a colour", fill + escape + "[41m", escape + "[2J"),
    ("DECFRA", "", escape + "[65;1;1;1000;1000$x"), ("DECCRA", fill, escape + "[1;1;1000;1000;1;2;2$v"),
    ("DECCARA, 2 styles", colorful(2), escape + "[1;1;1000;1000;1$r"),
    ("DECRARA, 60 000 styles", colorful(60_000), escape + "[1;1;1000;1000;1$t"),
    ("DECRQCRA", fill, escape + "[1;1;1;1;1000;1000*y"),
    ("DECRQCRA, accents", accents, escape + "[1;1;1;1;1000;1000*y"),
    ("DECRQCRA, 60 000 styles", colorful(60_000), escape + "[1;1;1;1;1000;1000*y"),
    ("SU into the history", fill, escape + "[1000S"),
    ("SU into the history, 60 000 styles", colorful(60_000), escape + "[1000S"),
    ("SU in columns", fill + escape + "[?69h" + escape + "[2;999s", escape + "[1S"), ("1049", fill, escape + "[?1049h"),
    ("1049 left", escape + "[?1049h" + fill, escape + "[?1049l"), ("RIS", fill, escape + "c"),
    (
      "DECCOLM 32 times, coloured", escape + "[41m",
      escape + "[?" + Array(repeating: "3", count: 32).joined(separator: ";") + "h"
    ),
    ("REP", fill, "a" + escape + "[65535b"),
    ("REP in two columns", fill + escape + "[?69h" + escape + "[1;2s" + escape + "[1000;1H", "a" + escape + "[65535b"),
    ("REP that inserts", fill + escape + "[4h", "a" + escape + "[65535b"),
  ]
  print("| sequence | ms |\n|---|--:|")
  for (name, before, sequence) in cases {
    var times: [Double] = []
    for _ in 0..<3 {
      let terminal = Session(rows: 1000, columns: 1000)
      terminal.feed(Array(before.utf8))
      let start = cpuSeconds()
      terminal.feed(Array(sequence.utf8))
      times.append(cpuSeconds() - start)
    }
    print("| \(name) | \(rounded(median(times) * 1e3, 1)) |")
  }
  for (name, before, size) in [
    ("reflow to 999 columns", fill, TerminalSize(rows: 1000, columns: 999)),
    ("reflow to 1 column", fill, TerminalSize(rows: 1000, columns: 1)),
    ("reflow to 999, 60 000 styles", colorful(60_000), TerminalSize(rows: 1000, columns: 999)),
  ] {
    let terminal = Session(rows: 1000, columns: 1000)
    terminal.feed(Array(before.utf8))
    var start = cpuSeconds()
    terminal.terminal.resize(size)
    print("| \(name) | \(rounded((cpuSeconds() - start) * 1e3, 1)) |")
    start = cpuSeconds()
    terminal.terminal.resize(TerminalSize(rows: 1000, columns: 1000))
    print("| and back | \(rounded((cpuSeconds() - start) * 1e3, 1)) |")
  }
}

let arguments = CommandLine.arguments
guard arguments.count > 1 else { fatalError("usage: engine-bench FOLDER [runs | --only STREAM [times]]") }
if arguments.count > 2, arguments[2] == "--costs" {
  measureCosts()
} else if arguments.count > 3, arguments[2] == "--only" {
  let bytes = load("\(arguments[1])/\(arguments[3])")
  let times = arguments.count > 4 ? Int(arguments[4]) ?? 10 : 10
  var seconds = 0.0
  for _ in 0..<times { seconds += secondsOfOurs(bytes) }
  print("\(arguments[3]): \(rounded(Double(bytes.count * times) / seconds / 1e6, 0)) MB per CPU second")
} else {
  compareSpeed(arguments[1], runs: arguments.count > 2 ? max(5, Int(arguments[2]) ?? 5) : 5)
  measureMemory(arguments[1])
  measureIdle()
  measureReading(arguments[1])
}

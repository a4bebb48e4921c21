import Events
import Formats
import Glibc
import Store

/// `roost events verify`
func verifyEvents(_ invocation: Invocation) throws(CommandFailure) -> ExitCode {
  let folder = try logFolder(invocation)
  let output = Output(environment: invocation.environment, usesJSON: invocation.has(Options.json))
  let showsProgress = !invocation.has(Options.json) && output.isTerminal
  let files: [EventLogVerifier.File]
  do {
    files = try EventLogVerifier.verify(folder: folder) { file in
      // A file that is in order is said in one line at once: a large log takes a while.
      if showsProgress { output.write("\r\u{1B}[K\(file.path)") }
    }
  } catch {
    throw CommandFailure(.failed, "\(printable(folder)) cannot be read: \(error)")
  }
  if showsProgress { output.write("\r\u{1B}[K") }
  let problems = files.reduce(0) { $0 + $1.problemCount }
  if invocation.has(Options.json) {
    output.json(verificationDocument(files, folder: folder))
  } else {
    output.write(verificationText(files, output))
    let events = files.reduce(0) { $0 + $1.events }
    let style = output.style
    output.line(
      "\(files.count) \(files.count == 1 ? "file" : "files"), \(events) \(events == 1 ? "event" : "events"), "
        + (problems == 0
          ? style.green("no problem") : style.red("\(problems) \(problems == 1 ? "problem" : "problems")")))
  }
  return problems == 0 ? .ok : .failed
}

/// The folder `events`, or the state folder that it is in.
private func logFolder(_ invocation: Invocation) throws(CommandFailure) -> String {
  func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
  if let given = invocation.text(Options.folder) {
    guard isFolder(given) else { throw CommandFailure(.notFound, "there is no folder \(printable(given))") }
    return isFolder("\(given)/events") ? "\(given)/events" : given
  }
  let environment = invocation.environment
  let paths: Paths
  do {
    paths = try Paths(serverName: try checkedServerName(invocation)) { name in
      environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
  } catch let error as StoreError {
    throw CommandFailure(.usage, error.message)
  } catch {
    throw (error as? CommandFailure) ?? CommandFailure(.failed, "\(error)")
  }
  guard isFolder(paths.events) else {
    throw CommandFailure(
      .notFound, "there is no event log at \(printable(paths.events))",
      hint: "--folder says where it is, -L which server's.")
  }
  return paths.events
}

private func verificationText(_ files: [EventLogVerifier.File], _ output: Output) -> String {
  var table = Table(["FILE", "EVENTS", "NUMBERS", "BYTES", "RESULT"], style: output.style)
  for file in files {
    let numbers = file.firstSeq.map { "\($0)–\(file.lastSeq ?? $0)" } ?? "none"
    let isGood = file.problemCount == 0
    let clock =
      file.stepsBack == 0 ? "" : ", clock set back \(file.stepsBack == 1 ? "once" : "\(file.stepsBack) times")"
    let result = (isGood ? "ok" : "\(file.problemCount) \(file.problemCount == 1 ? "problem" : "problems")") + clock
    table.add([
      .init(file.path), .init(String(file.events)), .init(numbers), .init(String(file.bytes)),
      .init(result) { isGood ? output.style.green($0) : output.style.red($0) },
    ])
  }
  var text = files.isEmpty ? "" : table.text(width: output.width)
  for file in files {
    for problem in file.problems {
      text += "\(output.style.red(file.path)) at \(problem.offset): \(problem.message)\n"
    }
    let more = file.problemCount - file.problems.count
    if more > 0 { text += "\(file.path): \(more) more\n" }
  }
  return text
}

private func verificationDocument(_ files: [EventLogVerifier.File], folder: String) -> JSON {
  .object([
    "folder": .string(folder), "ok": .bool(files.allSatisfy { $0.problemCount == 0 }),
    "events": .integer(files.reduce(0) { $0 + $1.events }),
    "files": .array(
      files.map { file in
        .object([
          "path": .string(file.path), "ok": .bool(file.problemCount == 0), "bytes": .integer(file.bytes),
          "events": .integer(file.events), "first_seq": file.firstSeq.map { .integer(Int(clamping: $0)) },
          "last_seq": file.lastSeq.map { .integer(Int(clamping: $0)) },
          "first_time": file.firstTime.map { .string($0.description) },
          "last_time": file.lastTime.map { .string($0.description) }, "clock_set_back": .integer(file.stepsBack),
          "problem_count": .integer(file.problemCount),
          "problems": .array(
            file.problems.map { problem in
              [
                "kind": .string(problem.kind.rawValue), "offset": .integer(problem.offset),
                "message": .string(problem.message),
              ]
            }),
        ])
      }),
  ])
}

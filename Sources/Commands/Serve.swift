import Sessions

/// `roost serve`: runs a server until it is told to stop.
func serve(_ options: ServeOptions) async -> ExitCode {
  .failed
}

/// `roost keeper`: holds the sessions' terminals while servers come and go. Started by a server, never by hand.
func keeper(_ arguments: [String]) -> ExitCode {
  ExitCode(rawValue: runKeeper(arguments: arguments))
}

import Testing

@testable import Commands

@Suite("The shell and the home of sessions")
struct UserSurroundingsTests {
  private func made(
    _ environment: [String: String], shell: String? = nil, userShell: String = "/bin/sh", userHome: String? = "/tmp"
  ) -> UserSurroundings {
    UserSurroundings(shell: shell, environment: environment, userShell: userShell, userHome: userHome)
  }

  @Test("what the environment says is used where it can be, and nothing is said")
  func asTheyAre() {
    let user = made(["SHELL": "/bin/sh", "HOME": "/usr", "A": "b"])
    #expect(user.shell == "/bin/sh" && user.home == "/usr" && user.replacements.isEmpty)
    #expect(user.environment == ["SHELL": "/bin/sh", "HOME": "/usr", "A": "b"])
  }

  @Test(
    "a shell that cannot be run, or that lets nobody in, is replaced by the user's own, which is said",
    arguments: ["/bin/not-installed", "/etc/passwd", "/tmp", "sh", "/usr/sbin/nologin", "/bin/false"])
  func shells(named: String) {
    let user = made(["SHELL": named, "HOME": "/usr"])
    #expect(user.shell == "/bin/sh")
    #expect(user.environment["SHELL"] == "/bin/sh")
    #expect(user.replacements == ["the shell \(named) cannot be run; using /bin/sh"])
  }

  @Test("a service's account has a shell too; one that was asked for is taken as it is")
  func others() {
    #expect(["/bin/bash", "/bin/sh"].contains(made([:], userShell: "/usr/sbin/nologin").shell))
    let asked = made(["SHELL": "/bin/sh", "HOME": "/usr"], shell: "/bin/not-installed")
    #expect(asked.shell == "/bin/not-installed" && asked.replacements.isEmpty)
  }

  @Test("sessions begin at a home that can be entered")
  func homes() {
    #expect(made([:]).home == "/tmp" && made([:]).environment["HOME"] == "/tmp")
    let none = made(["HOME": "/nonexistent", "SHELL": "/bin/sh"])
    #expect(none.home == "/" && none.environment["HOME"] == "/nonexistent")
    #expect(none.replacements == ["the home /nonexistent cannot be entered; sessions start in /"])
    #expect(made(["SHELL": "/bin/sh"], userHome: nil).home == "/")
  }
}

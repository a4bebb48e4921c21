import Formats
import Glibc
import Testing

@testable import Cluster

@Suite("The configuration file")
struct ClusterConfigurationTests {
  private let harness: RegistryHarness

  init() throws { harness = try RegistryHarness() }

  private func parse(_ text: String) throws(TOML.Failure) -> ClusterConfiguration {
    try ClusterConfiguration(parsing: Array(text.utf8), folder: harness.folder, home: harness.folder)
  }

  private func failure(_ text: String) -> TOML.Failure? {
    do throws(TOML.Failure) {
      _ = try parse(text)
      return nil
    } catch {
      return error
    }
  }

  @Test("everything that it can say")
  func everything() throws {
    try harness.write("secret\n", to: "web.token")
    let configuration = try parse(
      """
      [server]
      hostname = "hub-1"

      [link]
      ping_ms = 1000
      deadline_ms = 4000
      answer_ms = 9000

      [ip_access]
      blocklist = ["169.254.0.0/16"]
      allowlist = ["10.0.0.0/8", "::1"]

      [[servers]]
      address = "https://web1:7070/p/"
      token_file = "~/web.token"
      role = "member"
      tags = ["gpu", "eu"]
      transitive = true
      fingerprint = "SHA256:\(Array(repeating: "AB", count: 32).joined(separator: ":"))"

      [[servers]]
      address = "http://web2"
      identity = "address"
      """)
    #expect(configuration.hostname == "hub-1")
    #expect(configuration.timings == LinkTimings(ping: .seconds(1), deadline: .seconds(4), answer: .seconds(9)))
    #expect(configuration.access.allows("10.1.1.1") && !configuration.access.allows("192.168.1.1"))
    let first = configuration.servers[0]
    #expect(first.address.text == "https://web1:7070/p")
    #expect(first.terms == BackendTerms(role: .member, tags: ["eu", "gpu"], transitive: true))
    #expect(first.fingerprint == String(repeating: "ab", count: 32))
    #expect(first.tokenFile == "\(harness.folder)/web.token" && first.tokenDigest?.count == 32)
    #expect(configuration.servers[1].terms == BackendTerms(identity: .address) && configuration.servers[1].line == 21)
  }

  @Test("no file is an empty one")
  func missing() throws {
    #expect(try ClusterConfiguration.load("\(harness.folder)/none.toml") == ClusterConfiguration())
  }

  @Test(
    "what is wrong is refused with its line and what to do",
    arguments: [
      ("\nnonsense = 1", 2, "unknown key 'nonsense'"),
      ("[server]\nhostnam = \"a\"", 2, "unknown key 'hostnam' in [server]"),
      ("[[servers]]\naddress = \"http://a\"\nidentity = \"name\"", 3, "known by server_id or address"),
      ("[server]\nhostname = 7", 2, "must be a string"), ("[server]\nhostname = \"a/b\"", 2, "'hostname'"),
      ("server = 1", 1, "must be a table"), ("[servers]\naddress = \"http://a\"", 1, "[[servers]]"),
      ("servers = [1]", 1, "table"),
      ("[[servers]]\nrole = \"member\"", 1, "'address'"), ("[[servers]]\naddress = \"web1\"", 2, "http://web1"),
      ("[[servers]]\naddress = \"http://a\"\nrole = \"boss\"", 3, "observer"),
      ("[[servers]]\naddress = \"http://a\"\ntoken = \"secret\"", 3, "chmod 600"),
      ("[[servers]]\naddress = \"http://a\"\ntags = \"x\"", 3, "list of strings"),
      ("[[servers]]\naddress = \"http://a\"\ntags = [\"a b\"]", 3, "tag"),
      ("[[servers]]\naddress = \"http://a\"\ntransitive = \"yes\"", 3, "true or false"),
      ("[[servers]]\naddress = \"http://a\"\nfingerprint = \"00\"", 3, "https"),
      ("[[servers]]\naddress = \"https://a\"\nfingerprint = \"00\"", 3, "64"),
      ("[[servers]]\naddress = \"http://a\"\ntoken_file = \"none\"", 3, "cannot be opened"),
      ("[[servers]]\naddress = \"http://a\"\ntoken_file = \"/dev/zero\"", 3, "ordinary"),
      ("[[servers]]\naddress = \"http://a\"\n[[servers]]\naddress = \"http://A:80/\"", 3, "line 1"),
      ("[ip_access]\nblocklist = [\n\"10.0.0.0/8\",\n\"10.0.0.300\"]", 4, "10.0.0.0/8"),
      ("[link]\nping_ms = 0", 2, "'ping_ms'"), ("[link]\nanswer_ms = 10", 2, "'answer_ms'"),
      ("[link]\nping_ms = 5000\ndeadline_ms = 1000", 3, "greater"),
      ("a = [", 1, ""),
    ])
  func faults(text: String, line: Int, reason: String) {
    let failure = failure(text)
    #expect(failure?.line == line, "\(failure?.description ?? "")")
    #expect(reason.isEmpty || failure?.reason.contains(reason) == true, "\(failure?.reason ?? "")")
    #expect(failure?.reason.contains("secret") != true)
  }

  @Test("a token file that others can read is refused", arguments: [0o644, 0o640, 0o604, 0o660, 0o610] as [mode_t])
  func readableToken(mode: mode_t) throws {
    try harness.write("secret", to: "t", mode: mode)
    let failure = failure("[[servers]]\naddress = \"http://a\"\ntoken_file = \"t\"")
    #expect(failure?.reason.contains("chmod 600 \(harness.folder)/t") == true, "\(failure?.reason ?? "")")
  }

  @Test(
    "a token file that holds no token is refused, and nothing of it is repeated",
    arguments: ["", "\n", "two words", "two\nlines", "\u{1b}[2J"])
  func noToken(text: String) throws {
    try harness.write(text, to: "t")
    let failure = failure("[[servers]]\naddress = \"http://a\"\ntoken_file = \"t\"")
    #expect(failure?.reason.contains("must hold one token") == true, "\(failure?.reason ?? "")")
  }

  @Test("a key that would write into a terminal is not printed as it is")
  func hostileKey() { #expect(failure("\"\\u001b[2J\" = 1")?.reason.contains("\u{1b}") == false) }

  @Test("more servers than the registry takes are refused")
  func tooMany() {
    let text = (0...1000).map { "[[servers]]\naddress = \"http://a\($0)x\"\n" }.joined()
    #expect(failure(text)?.reason.contains("more than 1000") == true)
  }
}

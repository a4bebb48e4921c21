import Net
import Operations
import Store
import Testing

@testable import Surfaces

/// One token that is good.
struct OneToken: TokenVerifying {
  var secret = "good-token"
  var access = Access(scopes: [.sessionsRead])
  func verify(_ secret: String) async -> (Principal, Access)? {
    secret == self.secret ? (.token(id: "t1", name: "ci"), access) : nil
  }
  func holder(ofToken id: String) async -> (Principal, Access)? {
    id == "t1" ? (.token(id: "t1", name: "ci"), access) : nil
  }
}

@Suite("Authentication")
struct AuthenticatorTests {
  private let tickets = Tickets(accounts: Accounts())
  private func authenticator(noAuth: Bool = false) -> Authenticator {
    Authenticator(ownUID: 1000, tokens: OneToken(), noAuth: noAuth, tickets: tickets, accounts: Accounts())
  }

  private func request(_ authorization: String? = nil, peer: PeerAddress = .ip(address: "127.0.0.1", port: 5))
    -> HTTPRequest
  {
    var headers = HTTPHeaders()
    if let authorization { headers.append("Authorization", authorization) }
    return HTTPRequest(method: "GET", target: "/sessions?token=good-token&ticket=x", headers: headers, peer: peer)
  }

  private func refusal(_ authenticator: Authenticator, _ request: HTTPRequest, ticket: String? = nil) async
    -> ErrorCode?
  {
    do {
      _ = try await authenticator.authenticate(request, ticket: ticket)
      return nil
    } catch { return error.code }
  }

  @Test("the Unix socket lets in its owner and root, and nobody else") func unix() async throws {
    for uid: UInt32 in [1000, 0] {
      let call = try await authenticator().authenticate(request(peer: .unix(uid: uid, pid: 1)))
      #expect(call.principal == .localUser(uid: uid))
      #expect(call.access == .everything)
      #expect(call.peer == "unix")
    }
    #expect(
      await refusal(authenticator(), request("Bearer good-token", peer: .unix(uid: 1001, pid: 1))) == .authInvalid)
  }

  @Test("over TCP a token is needed, on the loopback interface too") func tcp() async throws {
    #expect(await refusal(authenticator(), request()) == .authRequired)
    #expect(await refusal(authenticator(), request("Basic Z29vZA==")) == .authRequired)
    #expect(await refusal(authenticator(), request("Bearer")) == .authRequired)
    #expect(await refusal(authenticator(), request("Bearer wrong")) == .authInvalid)
    #expect(await refusal(authenticator(), request("Bearer " + String(repeating: "a", count: 10_000))) == .authInvalid)
    let call = try await authenticator().authenticate(request("bearer  good-token"))
    #expect(call.principal == .token(id: "t1", name: "ci"))
    #expect(call.access == Access(scopes: [.sessionsRead]))
    #expect(call.peer == "127.0.0.1:5")
  }

  @Test("without authentication everybody is anonymous and may do everything") func noAuth() async throws {
    let call = try await authenticator(noAuth: true).authenticate(request())
    #expect(call.principal == .anonymous)
    #expect(call.access == .everything)
  }

  @Test("a ticket opens one socket, with the access of the one who asked for it") func ticket() async throws {
    let access = Access(scopes: [.sessionsRead], sessions: ["dev"])
    let text = try tickets.issue(to: .token(id: "t1", name: "ci"), access, now: .now)
    #expect(text.utf8.count == 32)
    #expect(
      text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) })
    let call = try await authenticator().authenticate(request(), ticket: text)
    #expect(call.access == access)
    #expect(await refusal(authenticator(), request(), ticket: text) == .authInvalid)
    #expect(await refusal(authenticator(), request(), ticket: "") == .authInvalid)
  }

  @Test("a ticket is good for half a minute, and only so many may wait") func ticketLimits() throws {
    let now = ContinuousClock.now
    let old = try tickets.issue(to: .anonymous, .everything, now: now)
    #expect(tickets.redeem(old, now: now + .seconds(31)) == nil)
    for _ in 0..<Share.tickets.limits.each { _ = try tickets.issue(to: .anonymous, .everything, now: now) }
    #expect(throws: OperationError.self) { try tickets.issue(to: .anonymous, .everything, now: now + .seconds(29)) }
    _ = try tickets.issue(to: .anonymous, .everything, now: now + .seconds(31))
  }

  @Test("who guesses is told to wait, and nobody else at his address is") func throttle() async {
    let authenticator = authenticator()
    for _ in 0..<FailureThrottle.failures {
      #expect(await refusal(authenticator, request("Bearer guess")) == .authInvalid)
    }
    #expect(await refusal(authenticator, request("Bearer guess")) == .resourceLimitReached)
    #expect(await refusal(authenticator, request(), ticket: "guess") == .resourceLimitReached)
    // Seen for the first time, too.
    #expect(await refusal(authenticator, request("Bearer good-token")) == nil)
    #expect(await refusal(authenticator, request()) == .authRequired)
    #expect(
      await refusal(authenticator, request("Bearer guess", peer: .ip(address: "10.0.0.1", port: 1))) == .authInvalid)
  }

  @Test("a block ends with its minute, and a network of IPv6 counts as one") func window() {
    let throttle = FailureThrottle()
    let now = ContinuousClock.now
    for host in 0..<FailureThrottle.failures { #expect(throttle.failed("2001:db8::\(host)", now: now) == nil) }
    #expect(throttle.failed("2001:db8:0:1::1", now: now) == nil)
    #expect(throttle.failed("2001:db8::ffff", now: now + .seconds(58)) == .seconds(2))
    #expect(throttle.failed("2001:db8::ffff", now: now + .seconds(61)) == nil)
    for _ in 0..<FailureThrottle.failures { _ = throttle.failed("::ffff:10.0.0.1", now: now) }
    #expect(throttle.failed("::ffff:10.0.0.2", now: now) == nil)
    #expect(throttle.failed("10.0.0.1", now: now) != nil)
  }

  @Test("a million addresses cost no more memory than thousands") func bounded() {
    let throttle = FailureThrottle()
    for number in 0..<10_000 {
      _ = throttle.failed("10.0.\(number / 250).\(number % 250)", now: .now)
      #expect(throttle.addressCount <= FailureThrottle.maximumAddresses)
    }
    // And who guesses after all of them is stopped as before.
    let now = ContinuousClock.now
    for _ in 0..<FailureThrottle.failures { #expect(throttle.failed("10.1.0.1", now: now) == nil) }
    #expect(throttle.failed("10.1.0.1", now: now) != nil)
  }
}

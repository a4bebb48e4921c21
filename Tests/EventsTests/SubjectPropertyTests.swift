import Events
import Testing

/// Subjects and patterns against the plainest matcher that there is.
@Suite("Subjects at random")
struct SubjectPropertyTests {
  /// Multiplicative congruential, so that a seed says all (Steele and Vigna, "Computationally easy, spectrally good multipliers").
  private struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 0xD134_2543_DE82_EF95 &+ 1
      return (state ^ state >> 32) &* 0x9E37_79B9_7F4A_7C15
    }
  }

  /// Token by token, as the documentation of NATS says it.
  private func naive(_ pattern: [Substring], _ subject: [Substring]) -> Bool {
    guard let first = pattern.first else { return subject.isEmpty }
    if first == ">" { return !subject.isEmpty }
    guard let token = subject.first, first == "*" || first == token else { return false }
    return naive(Array(pattern.dropFirst()), Array(subject.dropFirst()))
  }

  private func text(_ tokens: [String], _ dice: inout Dice, atMost count: Int) -> String {
    (0..<Int.random(in: 1...count, using: &dice)).map { _ in tokens.randomElement(using: &dice) ?? "" }
      .joined(separator: ".")
  }

  @Test("any pattern and any subject agree with the naive matcher", arguments: [1, UInt64.random(in: 2...UInt64.max)])
  func agrees(seed: UInt64) throws {
    var dice = Dice(state: seed)
    let plain = ["a", "b", "ab", "ba", "日", "a*", "*a", ">a", "a>", "**", ">>", "é"]
    var (matched, refused) = (0, 0)
    for _ in 0..<20_000 {
      let subject = text(plain, &dice, atMost: 5)
      var tokens = subject.split(separator: ".").map(String.init)
      // Half of the patterns are made of the subject, so that many match.
      if Bool.random(using: &dice) {
        tokens = text(plain, &dice, atMost: 5).split(separator: ".").map(String.init)
      }
      for index in tokens.indices where Int.random(in: 0..<3, using: &dice) == 0 { tokens[index] = "*" }
      if Int.random(in: 0..<3, using: &dice) == 0 {
        tokens = Array(tokens.prefix(Int.random(in: 0...tokens.count, using: &dice))) + [">"]
      }
      let pattern = tokens.joined(separator: ".")
      let expected = naive(pattern.split(separator: "."), subject.split(separator: "."))
      let found = try SubjectPattern(pattern).matches(try Subject(subject))
      #expect(found == expected, "seed \(seed): \(pattern) and \(subject)")
      if found { matched += 1 } else { refused += 1 }
    }
    #expect(matched > 2000 && refused > 2000, "seed \(seed): \(matched) matched, \(refused) did not")
  }

  @Test(
    "what is a subject and what is a pattern is as the rules say", arguments: [1, UInt64.random(in: 2...UInt64.max)])
  func rules(seed: UInt64) {
    var dice = Dice(state: seed)
    let pieces = ["a", "b", ".", ".", "*", ">", " ", "\t", "\"", "\\", "\u{0}", "\u{85}", "\u{2028}", "\u{301}", "é"]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...8, using: &dice)).map { _ in pieces.randomElement(using: &dice) ?? "" }
        .joined()
      // By scalars: a mark that joins with the dot before it does not hide the dot.
      let tokens = text.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
      let isClean = tokens.allSatisfy { token in
        !token.isEmpty
          && token.unicodeScalars.allSatisfy {
            ![" ", "\t", "\"", "\\", "\u{0}", "\u{85}", "\u{2028}"].contains($0)
          }
      }
      let isSubject = isClean && !tokens.contains("*") && !tokens.contains(">")
      let isPattern = isClean && !tokens.dropLast().contains(">")
      #expect(((try? Subject(text)) != nil) == isSubject, "seed \(seed): \(text.debugDescription)")
      #expect(((try? SubjectPattern(text)) != nil) == isPattern, "seed \(seed): \(text.debugDescription)")
    }
  }
}

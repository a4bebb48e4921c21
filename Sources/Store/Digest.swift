import CCrypto

/// Hashes, and the comparison that goes with secrets.
package enum Digest {
  /// FIPS 180-4; 32 bytes.
  package static func sha256(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha256()) }

  /// FIPS 180-4; 20 bytes. For protocols that name it (RFC 6455), never for secrets.
  package static func sha1(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha1()) }

  /// Equality in a time that depends on the lengths only.
  package static func constantTimeEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
    first.count == second.count && CRYPTO_memcmp(first, second, first.count) == 0
  }

  private static func digest(_ bytes: [UInt8], _ algorithm: OpaquePointer?) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    // Fails only when the algorithm is missing from the library, and these two never are.
    let worked = EVP_Digest(bytes, bytes.count, &result, &count, algorithm, nil)
    precondition(worked == 1, "libcrypto lacks a hash")
    result.removeLast(result.count - Int(count))
    return result
  }
}

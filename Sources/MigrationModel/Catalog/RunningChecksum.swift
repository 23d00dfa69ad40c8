import CCrypto

/// A SHA-256 over bytes that come piece by piece.
public struct RunningChecksum: Sendable {
  private var context: [UInt8]

  public init() {
    context = [UInt8](repeating: 0, count: ls_sha256_size())
    context.withUnsafeMutableBytes { ls_sha256_start($0.baseAddress) }
  }

  /// Adds the next bytes.
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    context.withUnsafeMutableBytes { ls_sha256_add($0.baseAddress, bytes.baseAddress, bytes.count) }
  }

  /// The digest of everything that was added.
  public var checksum: Checksum {
    var copy = context
    var digest = [UInt8](repeating: 0, count: Checksum.Algorithm.sha256.byteCount)
    copy.withUnsafeMutableBytes { ls_sha256_end($0.baseAddress, &digest) }
    return Checksum(algorithm: .sha256, bytes: digest)
  }
}

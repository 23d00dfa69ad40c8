import CCrypto

/// What a history table records of a file's content.
public struct Checksum: Sendable, Hashable {
  public enum Algorithm: String, Sendable, Hashable {
    case sha256, sha384
  }

  public let algorithm: Algorithm
  /// The digest's bytes in memory order, zero behind its end; a folder has thousands of these, so that
  /// none of them has storage of its own.
  private var words: Words = (0, 0, 0, 0, 0, 0)

  private typealias Words = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  /// - Precondition: As many bytes as the algorithm gives.
  public init(algorithm: Algorithm, bytes: [UInt8]) {
    precondition(bytes.count == algorithm.byteCount, "not the length of a digest")
    self.algorithm = algorithm
    withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
  }

  /// Computes the digest of exactly these bytes.
  public init(_ algorithm: Algorithm, of content: [UInt8]) {
    self.algorithm = algorithm
    withUnsafeMutableBytes(of: &words) { digest in
      let target = digest.assumingMemoryBound(to: UInt8.self).baseAddress
      content.withUnsafeBytes { content in
        switch algorithm {
        case .sha256: ls_sha256(content.baseAddress, content.count, target)
        case .sha384: ls_sha384(content.baseAddress, content.count, target)
        }
      }
    }
  }

  /// Reads lower-case or upper-case hexadecimal; `nil` when it is none or of the wrong length.
  public init?(_ algorithm: Algorithm, hexadecimal text: String) {
    var text = text
    guard
      let checksum = text.withUTF8({
        Checksum(algorithm, hexadecimal: UnsafeRawBufferPointer($0))
      })
    else { return nil }
    self = checksum
  }

  /// Reads hexadecimal digits as they come from the server; `nil` when they are none or of the wrong
  /// length.
  init?(_ algorithm: Algorithm, hexadecimal digits: UnsafeRawBufferPointer) {
    guard digits.count == algorithm.byteCount * 2 else { return nil }
    self.algorithm = algorithm
    let isHexadecimal = withUnsafeMutableBytes(of: &words) { bytes in
      for i in 0..<algorithm.byteCount {
        let high = hexadecimalValue(digits[2 * i])
        let low = hexadecimalValue(digits[2 * i + 1])
        guard high | low < 16 else { return false }
        bytes[i] = high << 4 | low
      }
      return true
    }
    guard isHexadecimal else { return nil }
  }

  /// 32 bytes for SHA-256, 48 for SHA-384.
  public var bytes: [UInt8] {
    withUnsafeBytes(of: words) { Array($0.prefix(algorithm.byteCount)) }
  }

  /// Lower-case hexadecimal.
  public var hexadecimal: String {
    let count = algorithm.byteCount
    return withUnsafeBytes(of: words) { bytes in
      String(unsafeUninitializedCapacity: count * 2) { buffer in
        for i in 0..<count {
          buffer[2 * i] = hexadecimalDigit(bytes[i] >> 4)
          buffer[2 * i + 1] = hexadecimalDigit(bytes[i] & 15)
        }
        return count * 2
      }
    }
  }

  public static func == (a: Checksum, b: Checksum) -> Bool {
    a.algorithm == b.algorithm && a.words == b.words
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(algorithm)
    withUnsafeBytes(of: words) { hasher.combine(bytes: $0) }
  }
}

extension Checksum.Algorithm {
  public var byteCount: Int { self == .sha256 ? 32 : 48 }
}

/// The value of a digit; 255 for what is none.
private func hexadecimalValue(_ digit: UInt8) -> UInt8 {
  switch digit {
  case 0x30...0x39: digit - 0x30
  case 0x41...0x46: digit - 0x37
  case 0x61...0x66: digit - 0x57
  default: 255
  }
}

private func hexadecimalDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? 0x30 + value : 0x57 + value
}

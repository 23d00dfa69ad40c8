import CCrypto

/// What a history table records of a file's content.
public struct Checksum: Sendable, Hashable {
  public enum Algorithm: String, Sendable, Hashable {
    case sha256, sha384
  }

  public let algorithm: Algorithm
  /// 32 bytes for SHA-256, 48 for SHA-384.
  public let bytes: [UInt8]

  public init(algorithm: Algorithm, bytes: [UInt8]) {
    self.algorithm = algorithm
    self.bytes = bytes
  }

  /// Computes the digest of exactly these bytes.
  public init(_ algorithm: Algorithm, of content: [UInt8]) {
    self.algorithm = algorithm
    self.bytes = content.withUnsafeBytes { Checksum.digest($0, algorithm) }
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
    var bytes: [UInt8] = []
    bytes.reserveCapacity(algorithm.byteCount)
    for i in stride(from: 0, to: digits.count, by: 2) {
      guard let high = hexadecimalValue(digits[i]), let low = hexadecimalValue(digits[i + 1])
      else { return nil }
      bytes.append(high << 4 | low)
    }
    self.algorithm = algorithm
    self.bytes = bytes
  }

  /// Lower-case hexadecimal.
  public var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
      for (i, byte) in bytes.enumerated() {
        buffer[2 * i] = digits[Int(byte >> 4)]
        buffer[2 * i + 1] = digits[Int(byte & 15)]
      }
      return bytes.count * 2
    }
  }

  private static func digest(_ content: UnsafeRawBufferPointer, _ algorithm: Algorithm) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: algorithm.byteCount) { buffer, count in
      var length: UInt32 = 0
      let method = algorithm == .sha256 ? EVP_sha256() : EVP_sha384()
      let done = EVP_Digest(
        content.baseAddress ?? UnsafeRawPointer(buffer.baseAddress!), content.count,
        buffer.baseAddress, &length, method, nil)
      precondition(done == 1 && Int(length) == algorithm.byteCount, "libcrypto has no \(algorithm)")
      count = algorithm.byteCount
    }
  }
}

extension Checksum.Algorithm {
  public var byteCount: Int { self == .sha256 ? 32 : 48 }
}

private func hexadecimalValue(_ digit: UInt8) -> UInt8? {
  switch digit {
  case 0x30...0x39: digit - 0x30
  case 0x41...0x46: digit - 0x37
  case 0x61...0x66: digit - 0x57
  default: nil
  }
}

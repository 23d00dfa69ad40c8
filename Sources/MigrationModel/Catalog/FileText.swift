import Diagnostics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The lines of a file's bytes, one after the other, without copies.
struct LineCursor {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position: Int
  private var isDone = false

  /// - Parameter bytes: Outlive the cursor.
  init(_ bytes: UnsafeBufferPointer<UInt8>, from position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  /// Returns the offsets of the next line without its line feed (a carriage return stays); `nil` behind
  /// the last one.
  mutating func next() -> Range<Int>? {
    guard !isDone, position < bytes.count, let base = bytes.baseAddress else { return nil }
    let start = position
    guard let feed = memchr(base + start, 0x0A, bytes.count - start) else {
      isDone = true
      return start..<bytes.count
    }
    let end = UnsafeRawPointer(feed) - UnsafeRawPointer(base)
    position = end + 1
    return start..<end
  }
}

extension UInt8 {
  var isASCIIDigit: Bool { self >= 0x30 && self <= 0x39 }
  var isASCIILetter: Bool { asciiLowercased >= 0x61 && asciiLowercased <= 0x7A }
  /// Space or tab.
  var isBlank: Bool { self == 0x20 || self == 0x09 }
  /// What `\s` is in Go's regular expressions: tab, line feed, form feed, carriage return, space.
  var isGoSpace: Bool {
    self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0C || self == 0x0D
  }
  var asciiLowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self + 0x20 : self }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether the bytes of `text` stand at `offset`.
  func matches(_ text: StaticString, at offset: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    guard offset >= 0, offset + count <= self.count, let base = baseAddress else { return false }
    return memcmp(base + offset, text.utf8Start, count) == 0
  }

  /// As `matches(_:at:)`, whatever the case; `text` is in lower case.
  func matchesIgnoringCase(_ text: StaticString, at offset: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    guard offset >= 0, offset + count <= self.count else { return false }
    for i in 0..<count where self[offset + i].asciiLowercased != text.utf8Start[i] { return false }
    return true
  }

  /// The offset of the first occurrence of `text` in `range`, whatever the case; `text` is in lower case.
  func firstIgnoringCase(_ text: StaticString, in range: Range<Int>) -> Int? {
    guard range.count >= text.utf8CodeUnitCount else { return nil }
    for offset in range.lowerBound...(range.upperBound - text.utf8CodeUnitCount)
    where matchesIgnoringCase(text, at: offset) {
      return offset
    }
    return nil
  }

  /// The offset behind blanks.
  func skippingBlanks(_ offset: Int, to end: Int) -> Int {
    var offset = offset
    while offset < end, self[offset].isBlank { offset += 1 }
    return offset
  }

  /// The offset of the first byte that is no part of valid UTF-8; `nil` where all is valid.
  ///
  /// Source: The Unicode Standard 15.0, table 3-7, "Well-Formed UTF-8 Byte Sequences".
  func firstInvalidUTF8() -> Int? {
    var i = 0
    let raw = UnsafeRawBufferPointer(self)
    while i < count {
      let lead = self[i]
      if lead < 0x80 {
        i += 1
        // Most SQL is ASCII: eight bytes at a time, as long as no high bit is set.
        while i + 8 <= count,
          raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
        {
          i += 8
        }
        continue
      }
      let length: Int
      var low: UInt8 = 0x80
      var high: UInt8 = 0xBF
      switch lead {
      case 0xC2...0xDF: length = 2
      case 0xE0: (length, low) = (3, 0xA0)
      case 0xE1...0xEC, 0xEE...0xEF: length = 3
      case 0xED: (length, high) = (3, 0x9F)
      case 0xF0: (length, low) = (4, 0x90)
      case 0xF1...0xF3: length = 4
      case 0xF4: (length, high) = (4, 0x8F)
      default: return i
      }
      guard i + length <= count, self[i + 1] >= low, self[i + 1] <= high else { return i }
      if length > 2, self[i + 2] & 0xC0 != 0x80 { return i }
      if length > 3, self[i + 3] & 0xC0 != 0x80 { return i }
      i += length
    }
    return nil
  }
}

extension SourceFile {
  /// The reason that stands in `Content.unreadable` for a folder; tools pass folders over.
  public static let directoryReason = "is a folder"

  var isDirectory: Bool { unreadableReason == SourceFile.directoryReason }

  var startsWithByteOrderMark: Bool { bytes.starts(with: [0xEF, 0xBB, 0xBF]) }

  /// The 1-based line in which a byte stands.
  func line(ofByte offset: Int) -> Int {
    guard case .bytes(let bytes) = content else { return 1 }
    return 1 + bytes.prefix(offset).count { $0 == 0x0A }
  }

  /// The place of a byte, with its column in characters.
  public func location(ofByte offset: Int) -> SourceLocation {
    guard case .bytes(let bytes) = content else { return SourceLocation(file: path) }
    let offset = min(max(0, offset), bytes.count)
    let start = bytes[..<offset].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let before = String(decoding: bytes[start..<offset], as: UTF8.self)
    return SourceLocation(file: path, line: line(ofByte: offset), column: before.count + 1)
  }

  /// What keeps this content from being run by any tool: it cannot be read, or is no text.
  ///
  /// The server takes UTF-8 from every client of ours, and no text type of it holds a NUL.
  func contentFaults() -> [Diagnostic] {
    if case .summary(let summary) = content { return summary.faults }
    guard case .bytes(let bytes) = content else {
      return [
        .error(
          code: "unreadable", "\(path) cannot be read: \(unreadableReason ?? "no reason given")",
          at: SourceLocation(file: path),
          next: "put a readable file in its place, or take it out of the folder; nothing was run")
      ]
    }
    return bytes.withUnsafeBufferPointer { buffer in
      if let offset = buffer.firstInvalidUTF8() {
        let found = String(bytes[offset], radix: 16)
        return [
          .error(
            code: "not_utf8", "\(path) is not UTF-8: byte 0x\(found) at offset \(offset)",
            at: location(ofByte: offset),
            next: "save the file as UTF-8; nothing was run")
        ]
      }
      if let base = buffer.baseAddress, let nul = memchr(base, 0, buffer.count) {
        let offset = UnsafeRawPointer(nul) - UnsafeRawPointer(base)
        return [
          .error(
            code: "nul_byte", "\(path) holds a NUL byte, which no SQL may",
            at: location(ofByte: offset), next: "take the byte out; nothing was run")
        ]
      }
      return []
    }
  }
}

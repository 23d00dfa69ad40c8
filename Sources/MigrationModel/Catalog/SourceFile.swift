import Diagnostics

/// An entry of a migrations folder, read once.
public struct SourceFile: Sendable, Hashable {
  /// The path as it is shown: the folder as the user named it, a slash, and the name.
  public var path: String
  /// The last part of the path.
  public var name: String
  /// Index of the folder among the project's folders.
  public var directory: Int
  public var content: Content
  /// The content's digest where whoever read it has computed one already; says nothing that `content`
  /// does not, so it does not count in comparisons.
  public var digest: Checksum?

  public enum Content: Sendable, Hashable {
    case bytes([UInt8])
    /// Not a regular file, or not readable; the reason in words: `is a folder`, `permission denied`.
    case unreadable(String)
  }

  public init(
    path: String, name: String, directory: Int = 0, content: Content, digest: Checksum? = nil
  ) {
    self.path = path
    self.name = name
    self.directory = directory
    self.content = content
    self.digest = digest
  }

  public static func == (a: SourceFile, b: SourceFile) -> Bool {
    a.directory == b.directory && a.path == b.path && a.content == b.content
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(path)
    hasher.combine(content)
  }

  /// The digest of the content.
  public func checksum(_ algorithm: Checksum.Algorithm) -> Checksum {
    if let digest, digest.algorithm == algorithm { return digest }
    return Checksum(algorithm, of: bytes)
  }

  /// The bytes, empty where the file could not be read.
  public var bytes: [UInt8] {
    if case .bytes(let bytes) = content { bytes } else { [] }
  }

  /// Why the file could not be read.
  public var unreadableReason: String? {
    if case .unreadable(let reason) = content { reason } else { nil }
  }
}

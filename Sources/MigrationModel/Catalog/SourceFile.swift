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

  public enum Content: Sendable, Hashable {
    case bytes([UInt8])
    /// Not a regular file, or not readable; the reason in words: `is a directory`, `permission denied`.
    case unreadable(String)
  }

  public init(path: String, name: String, directory: Int = 0, content: Content) {
    self.path = path
    self.name = name
    self.directory = directory
    self.content = content
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

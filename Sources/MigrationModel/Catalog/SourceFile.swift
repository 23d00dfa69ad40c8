import Diagnostics

/// An entry of a migrations folder, read once.
///
/// A reference to what was read, which never changes: catalog, plan and screen hold the same text.
public struct SourceFile: Sendable, Hashable {
  private let facts: Facts

  // Unchecked: nothing of it changes, here or in the class below.
  private class Facts: @unchecked Sendable {
    let prefix: String
    let name: String
    let directory: Int
    let content: Content
    let rawExamination: RawLayout.Examination?
    let stamp: FileStamp?
    var digest: Checksum? { nil }

    init(
      prefix: String, name: String, directory: Int, content: Content,
      rawExamination: RawLayout.Examination?, stamp: FileStamp?
    ) {
      self.prefix = prefix
      self.name = name
      self.directory = directory
      self.content = content
      self.rawExamination = rawExamination
      self.stamp = stamp
    }
  }

  /// Half of the files of a folder with pairs have no digest, and need no room for one.
  private final class FactsWithDigest: Facts, @unchecked Sendable {
    private let known: Checksum
    override var digest: Checksum? { known }

    init(
      prefix: String, name: String, directory: Int, content: Content, digest: Checksum,
      rawExamination: RawLayout.Examination?, stamp: FileStamp?
    ) {
      known = digest
      super.init(
        prefix: prefix, name: name, directory: directory, content: content,
        rawExamination: rawExamination, stamp: stamp)
    }
  }

  public enum Content: Sendable, Hashable {
    case bytes([UInt8])
    /// Read, but not kept: what a catalog asks of a text that is one whole script.
    case summary(TextSummary)
    /// Not a regular file, or not readable; the reason in words: `is a folder`, `permission denied`.
    case unreadable(String)
  }

  /// - Parameter path: As it is shown: the folder as the user named it, a slash, and the name.
  public init(
    path: String, name: String, directory: Int = 0, content: Content, digest: Checksum? = nil
  ) {
    precondition(
      path.utf8.reversed().starts(with: name.utf8.reversed()), "a path ends with its name")
    let folder = String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self)
    self.init(
      in: folder, name: name, directory: directory, content: content, digest: digest)
  }

  /// - Parameter folder: As the user named it, with a slash at its end; all files of a folder share it.
  public init(
    in folder: String, name: String, directory: Int, content: Content, digest: Checksum? = nil,
    stamp: FileStamp? = nil
  ) {
    self.init(
      in: folder, name: name, directory: directory, content: content, digest: digest,
      rawExamination: nil, stamp: stamp)
  }

  private init(
    in folder: String, name: String, directory: Int, content: Content, digest: Checksum?,
    rawExamination: RawLayout.Examination?, stamp: FileStamp?
  ) {
    if let digest {
      facts = FactsWithDigest(
        prefix: folder, name: name, directory: directory, content: content, digest: digest,
        rawExamination: rawExamination, stamp: stamp)
    } else {
      facts = Facts(
        prefix: folder, name: name, directory: directory, content: content,
        rawExamination: rawExamination, stamp: stamp)
    }
  }

  private init(_ other: Facts, content: Content, rawExamination: RawLayout.Examination?) {
    self.init(
      in: other.prefix, name: other.name, directory: other.directory, content: content,
      digest: other.digest, rawExamination: rawExamination, stamp: other.stamp)
  }

  /// The path as it is shown: the folder as the user named it, a slash, and the name.
  public var path: String { facts.prefix + facts.name }
  /// The last part of the path.
  public var name: String { facts.name }
  /// Index of the folder among the project's folders.
  public var directory: Int { facts.directory }
  public var content: Content { facts.content }
  /// The content's digest where whoever read it has computed one already; says nothing that `content`
  /// does not, so it does not count in comparisons.
  public var digest: Checksum? { facts.digest }

  /// By what a later reading knows that nothing has changed; it does not count in comparisons.
  public var stamp: FileStamp? { facts.stamp }

  /// Whether both are one reading of one file, which costs nothing to ask.
  public func isSameReading(as other: SourceFile) -> Bool { facts === other.facts }

  public static func == (a: SourceFile, b: SourceFile) -> Bool {
    a.facts === b.facts
      || a.directory == b.directory && a.name == b.name && a.facts.prefix == b.facts.prefix
        && a.content == b.content
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(content)
  }

  /// The digest of the content.
  public func checksum(_ algorithm: Checksum.Algorithm) -> Checksum {
    if let digest, digest.algorithm == algorithm { return digest }
    return Checksum(algorithm, of: bytes)
  }

  /// The bytes, empty where the file could not be read.
  ///
  /// - Precondition: The text was kept.
  public var bytes: [UInt8] {
    switch content {
    case .bytes(let bytes): return bytes
    case .summary: preconditionFailure("the text of \(path) was not kept")
    case .unreadable: return []
    }
  }

  /// How many bytes it holds; 0 where it could not be read.
  public var byteCount: Int {
    switch content {
    case .bytes(let bytes): bytes.count
    case .summary(let summary): summary.byteCount
    case .unreadable: 0
    }
  }

  /// Whether the text can be asked for; only a reader that was told so does not keep it.
  public var isKept: Bool {
    if case .summary = content { false } else { true }
  }

  /// What the raw layout has found in it, where it was asked for; as with `digest`, it says nothing that
  /// `content` does not.
  var rawExamination: RawLayout.Examination? { facts.rawExamination }

  /// Without its text.
  func replacing(content summary: TextSummary) -> SourceFile {
    SourceFile(
      facts, content: .summary(summary), rawExamination: rawExamination?.summarised)
  }

  func with(_ examination: RawLayout.Examination) -> SourceFile {
    SourceFile(facts, content: content, rawExamination: examination)
  }

  /// Why the file could not be read.
  public var unreadableReason: String? {
    if case .unreadable(let reason) = content { reason } else { nil }
  }
}

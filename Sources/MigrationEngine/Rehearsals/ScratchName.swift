import MigrationModel

/// The name of a scratch database: random, and sealed for the database that it is a copy of and for its owner.
///
/// A database can be marked by a comment only once it is there. One that was left between the two is known
/// by its name: nobody hits a seal by chance, and what merely begins alike is none of ours.
enum ScratchName {
  static let prefix = "lockstep_scratch_"
  private static let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
  private static let tagLength = 12

  /// A name that nobody has.
  ///
  /// - Parameters:
  ///   - source: The database that it will be a copy of.
  ///   - owner: The role that makes it.
  static func make(of source: String, owner: String) -> String {
    let tag = String((0..<tagLength).map { _ in letters.randomElement() ?? "x" })
    return prefix + tag + "_" + seal(tag, source, owner)
  }

  /// Whether it is the name of a copy of this database that this role has made.
  static func isSealed(_ name: String, of source: String, owner: String) -> Bool {
    guard name.hasPrefix(prefix) else { return false }
    let tag = String(name.dropFirst(prefix.count).prefix(tagLength))
    guard tag.count == tagLength, tag.allSatisfy(letters.contains) else { return false }
    return name == prefix + tag + "_" + seal(tag, source, owner)
  }

  private static func seal(_ tag: String, _ source: String, _ owner: String) -> String {
    let text = ["scratch database of lockstep", tag, source, owner].joined(separator: "\0")
    return String(Checksum(.sha256, of: Array(text.utf8)).hexadecimal.prefix(16))
  }
}

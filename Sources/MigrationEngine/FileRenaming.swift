import Diagnostics
import MigrationModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Renaming {
  /// Renames the files: all of them, or none.
  ///
  /// - Throws: `Refusal` where a file of the new name is there already, or the folder cannot be written.
  public func carryOut() throws(Refusal) {
    for move in moves {
      var status = stat()
      guard lstat(move.to, &status) == 0 else { continue }
      throw Refusal(
        .error(
          code: "file_exists", "there is a file of that name already",
          at: SourceLocation(file: move.to), next: "rename it by hand; nothing was renamed"))
    }
    for (index, move) in moves.enumerated() where rename(move.from, move.to) != 0 {
      let reason = String(cString: strerror(errno)).lowercased()
      let isUndone = moves[..<index].allSatisfy { rename($0.to, $0.from) == 0 }
      throw Refusal(
        .error(
          code: "cannot_write", "the file cannot be renamed: \(reason)",
          at: SourceLocation(file: move.from),
          next: isUndone
            ? "check the folder; nothing was renamed"
            : "check the folder; \(moves[..<index].map(\.to).joined(separator: ", ")) stayed renamed"
        ))
    }
  }
}

import Canvas
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Compares `frame` with `Tests/Golden/<name>.screen`, and shows which lines differ.
///
/// With `LOCKSTEP_RECORD=1` in the environment the file is written instead; the difference is then
/// to be read before it is committed.
///
/// - Parameter name: The pane and the scene: `locks/queue-behind-us`.
public func expectGolden(
  _ frame: Frame, _ name: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
) {
  let folder = Golden.folder(of: #filePath)
  do {
    try Golden.compare(frame.dump, with: "\(folder)/\(name).screen", isRecording: Golden.isAsked)
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
}

/// Texts that were looked at once and are kept beside the tests.
public enum Golden {
  /// Why a text is not the golden one, with all there is to say about it.
  public struct Mismatch: Error, Hashable, CustomStringConvertible {
    public var description: String
  }

  static var isAsked: Bool { getenv("LOCKSTEP_RECORD").map { $0[0] == 0x31 } ?? false }

  /// Returns the folder of the golden screens, beside that of the source file at `path`.
  static func folder(of path: String) -> String {
    let tests = path.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    return tests.joined(separator: "/") + "/Golden"
  }

  /// Compares `text` with the file at `path`, or writes it there when recording.
  ///
  /// - Throws: A mismatch when the file is missing, differs, or cannot be written.
  public static func compare(
    _ text: String, with path: String, isRecording: Bool
  ) throws(Mismatch) {
    let golden = contents(of: path)
    if golden == text { return }
    if isRecording { return try record(text, at: path) }
    guard let golden else {
      throw Mismatch(
        description: "there is no golden screen at \(path); record it with LOCKSTEP_RECORD=1:\n"
          + text)
    }
    throw Mismatch(
      description: "the screen differs from \(path) (record anew with LOCKSTEP_RECORD=1):\n"
        + difference(from: golden, to: text))
  }

  /// Returns the lines in which two texts differ, with their numbers: `-` the golden one, `+` the
  /// other.
  static func difference(from golden: String, to text: String) -> String {
    let old = golden.split(separator: "\n", omittingEmptySubsequences: false)
    let new = text.split(separator: "\n", omittingEmptySubsequences: false)
    var lines: [String] = []
    for index in 0..<max(old.count, new.count) {
      let before = index < old.count ? old[index] : nil
      let after = index < new.count ? new[index] : nil
      if before == after { continue }
      if let before { lines.append("\(index + 1)- \(before)") }
      if let after { lines.append("\(index + 1)+ \(after)") }
    }
    return lines.joined(separator: "\n")
  }

  private static func contents(of path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(contentsOf: buffer[..<count])
    }
  }

  private static func record(_ text: String, at path: String) throws(Mismatch) {
    var folder = ""
    for part in path.split(separator: "/").dropLast() {
      folder += "/" + part
      mkdir(folder, 0o777)
    }
    guard let file = fopen(path, "w") else {
      throw Mismatch(description: "cannot write \(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    let bytes = Array(text.utf8)
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
      throw Mismatch(description: "cannot write all of \(path)")
    }
  }
}

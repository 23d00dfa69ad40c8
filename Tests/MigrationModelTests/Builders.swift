import Diagnostics
import MigrationModel
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file of a migrations folder with this text.
func file(_ name: String, _ text: String = "SELECT 1;\n", directory: Int = 0) -> SourceFile {
  file(name, bytes: Array(text.utf8), directory: directory)
}

func file(_ name: String, bytes: [UInt8], directory: Int = 0) -> SourceFile {
  SourceFile(
    path: "migrations/\(name)", name: name, directory: directory, content: .bytes(bytes))
}

func folder(_ name: String) -> SourceFile {
  SourceFile(
    path: "migrations/\(name)", name: name, content: .unreadable(SourceFile.directoryReason))
}

func unreadable(_ name: String) -> SourceFile {
  SourceFile(
    path: "migrations/\(name)", name: name, content: .unreadable("permission denied"))
}

/// The repository's folder of fixtures.
enum Fixtures {
  static let root = #filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" }

  static func bytes(_ path: String) throws -> [UInt8] { try readFile("\(root)/Fixtures/\(path)") }

  static func readFile(_ path: String) throws -> [UInt8] {
    guard let handle = fopen(path, "rb") else { throw MissingFixture(path: path) }
    defer { fclose(handle) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&buffer, 1, buffer.count, handle), count > 0 {
      bytes += buffer[..<count]
    }
    return bytes
  }

  /// The names in a folder, sorted.
  static func names(in path: String) throws -> [String] {
    guard let handle = opendir(path) else { throw MissingFixture(path: path) }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The files of a fixture's folder as the engine would read them.
  static func files(_ path: String) throws -> [SourceFile] {
    try names(in: "\(root)/Fixtures/\(path)").map { name in
      let bytes = try bytes("\(path)/\(name)")
      return SourceFile(path: "\(path)/\(name)", name: name, content: .bytes(bytes))
    }
  }

  static func vectors(_ name: String) throws -> [ParseTree] {
    let json = String(decoding: try bytes("interop/\(name)"), as: UTF8.self)
    guard let tree = ParseTree(json: json) else { throw MissingFixture(path: name) }
    return tree["vectors"].items
  }

  struct MissingFixture: Error { var path: String }
}

/// Decodes base64 with padding, as the vectors hold it.
func decodedBase64(_ text: String) -> [UInt8] {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var bytes: [UInt8] = []
  var bits = 0
  var count = 0
  for digit in text.utf8 {
    guard let value = alphabet.firstIndex(of: digit) else { continue }
    bits = bits << 6 | value
    count += 6
    if count >= 8 {
      count -= 8
      bytes.append(UInt8(bits >> count & 0xFF))
    }
  }
  return bytes
}

/// Decodes one row of an answer with these columns.
func decoded<Row>(_ query: Query<Row>, _ columns: [String?]) throws -> Row {
  var text: [[UInt8]?] = columns.map { $0.map { Array($0.utf8) } }
  let cells = text.indices.map { index -> UnsafeRawBufferPointer? in
    guard let bytes = text[index] else { return nil }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
    copy.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(rebasing: copy[..<bytes.count])
  }
  defer { for cell in cells { cell?.deallocate() } }
  text.removeAll()
  return try query.decode(ResultRow(cells))
}

extension Migration {
  /// The scripts of the way back; none where there is none.
  var downScripts: [Script] {
    if case .scripts(let scripts, _) = down { scripts } else { [] }
  }

  var downWarnings: [String] {
    if case .scripts(_, let warnings) = down { warnings } else { [] }
  }

  var reasonAgainstDown: String? {
    if case .none(let reason, _) = down { reason } else { nil }
  }
}

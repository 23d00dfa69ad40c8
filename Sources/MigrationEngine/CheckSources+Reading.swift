import Diagnostics
import EventLoop
import MigrationModel
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What stands in a project's files that checks are made with.
struct CheckTexts: Sendable {
  var keyQueries: [KeyQuery] = []
  var assertions: [Assertion] = []
  var cachedQueries: [CachedQuery] = []
  /// `nil` where none is named; its text is `nil` where there is no such file.
  var schemaFile: (path: String, text: String?)?
  var diagramFile: (path: String, text: String?)?

  /// What there is something to try with for.
  var configured: Set<CheckProof> {
    var proofs: Set<CheckProof> = []
    if !keyQueries.isEmpty { proofs.insert(.performance) }
    if !assertions.isEmpty { proofs.insert(.assertions) }
    if !cachedQueries.isEmpty { proofs.insert(.queryCache) }
    if schemaFile != nil || diagramFile != nil { proofs.insert(.documentation) }
    return proofs
  }
}

extension CheckSources {
  /// Reads all of it.
  ///
  /// - Throws: `DirectoryReader.Failure` where a folder cannot be read, `Refusal` where a file in it is
  ///   not what it has to be.
  func read() async throws -> CheckTexts {
    var texts = CheckTexts()
    if let keyQueries {
      for file in try await Self.files(in: keyQueries, ending: ".sql") {
        texts.keyQueries.append(try KeyQuery(file.text, file: file.path))
      }
    }
    if let assertions {
      for file in try await Self.files(in: assertions, ending: ".sql") {
        texts.assertions += Assertion.all(in: file.text, file: file.path)
      }
    }
    if let sqlxFolder {
      for file in try await Self.files(in: sqlxFolder, ending: ".json") {
        guard let query = CachedQuery(json: file.text, file: file.path) else { continue }
        texts.cachedQueries.append(query)
      }
    }
    if let schemaFile { texts.schemaFile = (schemaFile, await Self.text(of: schemaFile)) }
    if let diagramFile { texts.diagramFile = (diagramFile, await Self.text(of: diagramFile)) }
    return texts
  }

  /// The files of a folder by name, or the one file that the path names.
  private static func files(
    in path: String, ending: String
  ) async throws -> [(path: String, text: String)] {
    do throws(DirectoryReader.Failure) {
      return try await DirectoryReader([path]).read().compactMap { file in
        guard file.name.hasSuffix(ending), case .bytes(let bytes) = file.content else { return nil }
        return (file.path, String(decoding: bytes, as: UTF8.self))
      }
    } catch {
      guard error.errno == ENOTDIR, let text = await text(of: path) else {
        throw Refusal(
          .error(
            code: "configuration",
            "\"\(path)\" cannot be read: \(String(cString: strerror(error.errno)))",
            next: "make it, or name another in lockstep.json; nothing was checked"))
      }
      return [(path, text)]
    }
  }

  private static let largest = 16 << 20

  /// The text of a file; `nil` where it cannot be read, or is larger than anybody writes.
  private static func text(of path: String) async -> String? {
    await BlockingWork.run { () -> String? in
      let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      guard file >= 0 else { return nil }
      defer { close(file) }
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while bytes.count <= largest {
        let count = readSome(file, &buffer, buffer.count)
        guard count >= 0 else { return nil }
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += buffer[..<count]
      }
      return nil
    }
  }
}

/// `read(2)`, out of reach of the methods named so.
private func readSome(_ file: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
  read(file, buffer, count)
}

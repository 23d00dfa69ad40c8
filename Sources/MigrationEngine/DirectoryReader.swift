import Diagnostics
import EventLoop
import MigrationModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Reads migrations folders into values.
public struct DirectoryReader: Sendable {
  /// The folders, as the user named them.
  public var directories: [String]

  /// A folder that cannot be read.
  public struct Failure: Explainable, Hashable {
    public var directory: String
    /// As `errno` names it.
    public var errno: Int32

    private var way: String {
      switch errno {
      case ENOENT:
        "name the folder with --dir, or make the first migration there with `lockstep new NAME`"
      case ENOTDIR: "name the folder that it is in with --dir"
      default: "check the folder's permissions"
      }
    }

    public var diagnostic: Diagnostic {
      .error(
        code: errno == ENOENT ? "no_directory" : "unreadable_directory",
        "the migrations folder \"\(directory)\" cannot be read: \(String(cString: strerror(errno)))",
        next: way)
    }
  }

  public init(_ directories: [String]) { self.directories = directories }

  /// What is done with a file as soon as it has been read, on the thread that reads it.
  public struct Preparation: Sendable {
    /// The digest that will be asked for.
    public var digest: Checksum.Algorithm?
    /// Whether it will be asked for of a file of this name.
    var isDigested: @Sendable (String) -> Bool = { _ in true }
    /// Whether the text is held; a summary of it otherwise.
    public var keepsTexts: Bool
    /// Finds in it what will be asked for.
    var examine: @Sendable (SourceFile) -> SourceFile
    /// Files that were read already, each so far from the one before; their texts are held.
    var sample: (files: [SourceFile], step: Int)?
    /// An earlier reading of the folders: a file that is at its place with the same content is not held
    /// twice.
    var earlier: [SourceFile] = []

    public init(
      digest: Checksum.Algorithm? = nil, keepsTexts: Bool = true,
      examine: @escaping @Sendable (SourceFile) -> SourceFile = { $0 }
    ) {
      self.digest = digest
      self.keepsTexts = keepsTexts
      self.examine = examine
    }
  }

  /// Reads every entry of the folders, on a thread of its own.
  ///
  /// Links are followed only inside the project's folders. What cannot be read is an entry with its
  /// reason, never left out.
  ///
  /// - Parameters:
  ///   - known: What to do with each file, where that is told beforehand.
  ///   - preparing: Tells it from some of the files, whose texts are held in any case; asked only where
  ///     there are many.
  ///   - earlier: All files of an earlier reading, in its order; each is read again unless the file system
  ///     says that it is as it was a moment ago.
  /// - Returns: The entries by folder and then by name, compared byte by byte.
  /// - Throws: `Failure` where a folder itself cannot be read.
  public func read(
    _ known: Preparation? = nil,
    preparing: @Sendable @escaping ([SourceFile]) -> Preparation = { _ in Preparation() },
    after earlier: [SourceFile] = []
  ) async throws(Failure) -> [SourceFile] {
    let listed = await BlockingWork.run { () -> Result<[Entry], Failure> in
      do throws(Failure) { return .success(try list()) } catch { return .failure(error) }
    }
    let entries = try listed.get()
    guard entries.count >= DirectoryReader.worthTwoThreads else {
      var preparation = Preparation()
      preparation.earlier = earlier
      return await BlockingWork.run { [preparation] in files(entries[...], preparation) }
    }
    var preparation: Preparation
    if let known {
      preparation = known
    } else {
      preparation = await sampled(of: entries, preparing)
    }
    preparation.earlier = earlier
    // Opening a file costs more than reading it, and the kernel serves two threads at once.
    let middle = entries.count / 2
    async let first = BlockingWork.run { [preparation] in files(entries[..<middle], preparation) }
    async let second = BlockingWork.run { [preparation] in files(entries[middle...], preparation) }
    var all = await first
    all.append(contentsOf: await second)
    return all
  }

  /// Recognising the layout looks into some files of a long list; their texts have to be there.
  private func sampled(
    of entries: [Entry], _ preparing: @Sendable @escaping ([SourceFile]) -> Preparation
  ) async -> Preparation {
    let step = Layouts.sampleStep(ofFiles: entries.count)
    let sample =
      step == 1
      ? Array(entries[..<DirectoryReader.sampleSize])
      : stride(from: 0, to: entries.count, by: step).map { entries[$0] }
    return await BlockingWork.run {
      let files = files(sample[...], Preparation())
      var preparation = preparing(files)
      if step == 1 {
        preparation.keepsTexts = true
      } else {
        preparation.sample = (files, step)
      }
      return preparation
    }
  }

  /// The names in the folders, nothing of which is read.
  ///
  /// - Throws: `Failure` where a folder cannot be read.
  public func names() async throws(Failure) -> [String] {
    let listed = await BlockingWork.run { () -> Result<[String], Failure> in
      do throws(Failure) { return .success(try list().map(\.name)) } catch {
        return .failure(error)
      }
    }
    return try listed.get()
  }

  private static let worthTwoThreads = 256
  private static let sampleSize = 8

  /// A name in a folder that is still to be read.
  private struct Entry: Sendable {
    var name: String
    var directory: Int
  }

  /// Lists the folders, each sorted by name, byte by byte.
  private func list() throws(Failure) -> [Entry] {
    var entries: [Entry] = []
    for (index, directory) in directories.enumerated() {
      guard let stream = opendir(directory) else {
        throw Failure(directory: directory, errno: errno)
      }
      defer { closedir(stream) }
      var names: [String] = []
      var keys: [SortingKey] = []
      while let entry = readdir(stream) {
        let name = DirectoryReader.name(of: entry)
        guard name != ".", name != ".." else { continue }
        keys.append(SortingKey(name, index: names.count))
        names.append(name)
      }
      keys.sort { a, b in
        if a.first != b.first { return a.first < b.first }
        if a.second != b.second { return a.second < b.second }
        return names[a.index].utf8.lexicographicallyPrecedes(names[b.index].utf8)
      }
      entries.reserveCapacity(entries.count + names.count)
      for key in keys { entries.append(Entry(name: names[key.index], directory: index)) }
    }
    return entries
  }

  /// The first bytes of a name as numbers, which nearly always settle which of two comes first; the name
  /// itself would have to be counted wherever it is moved.
  private struct SortingKey {
    var first: UInt64 = 0
    var second: UInt64 = 0
    /// Of the name.
    var index: Int

    init(_ name: String, index: Int) {
      self.index = index
      var name = name
      name.withUTF8 { bytes in
        var words: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &words) { words in
          words.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes).prefix(16)))
        }
        (first, second) = (UInt64(bigEndian: words.0), UInt64(bigEndian: words.1))
      }
    }
  }

  static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
    withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
  }

  private func files(
    _ entries: ArraySlice<Entry>, _ preparation: Preparation
  ) -> [SourceFile] {
    var files: [SourceFile] = []
    files.reserveCapacity(entries.count)
    var folder: (index: Int, descriptor: Int32, prefix: String) = (-1, -1, "")
    let earlier = preparation.earlier
    let (now, began) = (FileStamp.now, ContinuousClock.now)
    defer { if folder.descriptor >= 0 { close(folder.descriptor) } }
    for (index, entry) in zip(entries.indices, entries) {
      if entry.directory != folder.index {
        if folder.descriptor >= 0 { close(folder.descriptor) }
        let path = directories[entry.directory]
        folder = (
          entry.directory, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
          path.hasSuffix("/") ? path : path + "/"
        )
      }
      let sampled = preparation.sample.flatMap { sample in
        index % sample.step == 0 ? sample.files[index / sample.step].content : nil
      }
      var known = earlier.indices.contains(index) ? earlier[index] : nil
      if known?.name != entry.name || known?.directory != entry.directory { known = nil }
      if let known, let stamp = known.stamp,
        let found = FileStamp(of: entry.name, in: folder.descriptor, at: began),
        stamp.answers(for: found)
      {
        files.append(known)
        continue
      }
      var stamp: FileStamp?
      let content =
        sampled
        ?? content(of: entry.name, in: folder.descriptor, folder.prefix, at: began, &stamp)
      if let known, known.content == content {
        files.append(known)
        continue
      }
      // What holds no text is not read again.
      if !preparation.keepsTexts || stamp?.tellsChanges(after: now) == false { stamp = nil }
      var checksum: Checksum?
      if let digest = preparation.digest, case .bytes(let bytes) = content,
        preparation.isDigested(entry.name)
      {
        checksum = Checksum(digest, of: bytes)
      }
      let file = preparation.examine(
        SourceFile(
          in: folder.prefix, name: entry.name, directory: entry.directory, content: content,
          digest: checksum, stamp: stamp))
      files.append(preparation.keepsTexts || sampled != nil ? file : file.summarised)
    }
    return files
  }

  private func content(
    of name: String, in folder: Int32, _ prefix: String, at moment: ContinuousClock.Instant,
    _ stamp: inout FileStamp?
  ) -> SourceFile.Content {
    // Not blocking: a named pipe would wait for a writer.
    var file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    if file < 0 && errno == ELOOP {
      guard let target = resolved(prefix + name) else { return .unreadable(words(for: errno)) }
      guard isInside(target) else {
        return .unreadable("is a link that leads out of the migrations folders")
      }
      file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    guard file >= 0 else { return .unreadable(words(for: errno)) }
    defer { close(file) }
    var facts = stat()
    guard fstat(file, &facts) == 0 else { return .unreadable(words(for: errno)) }
    switch facts.st_mode & S_IFMT {
    case S_IFREG: stamp = FileStamp(facts, at: moment)
    case S_IFDIR: return .unreadable(SourceFile.directoryReason)
    default: return .unreadable("is not a regular file")
    }
    return bytes(of: file, expecting: Int(facts.st_size))
  }

  private func bytes(of file: Int32, expecting size: Int) -> SourceFile.Content {
    var failure: Int32 = 0
    var bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let part = readSome(file, buffer.baseAddress.map { $0 + count }, size - count)
        if part < 0 && errno == EINTR { continue }
        if part < 0 { failure = errno }
        guard part > 0 else { break }
        count += part
      }
    }
    // A file of the kernel's own file systems has no size and yet a content.
    var more = [UInt8](repeating: 0, count: failure == 0 && size == 0 ? 4096 : 0)
    while !more.isEmpty {
      let part = readSome(file, &more, more.count)
      guard part > 0 else { break }
      bytes += more[..<part]
    }
    return failure == 0 ? .bytes(bytes) : .unreadable(words(for: failure))
  }

  /// Whether a link's target lies in one of the project's folders.
  private func isInside(_ target: String) -> Bool {
    directories.contains { directory in
      resolved(directory).map { target.hasPrefix($0 + "/") } ?? false
    }
  }

  private func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  private func words(for errno: Int32) -> String {
    switch errno {
    case EACCES: "permission denied"
    case ENOENT: "is a link to nothing, or was removed meanwhile"
    default: String(cString: strerror(errno))
    }
  }
}

/// `read(2)`, out of reach of the methods named so.
private func readSome(_ file: Int32, _ target: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  read(file, target, count)
}

extension FileStamp {
  fileprivate convenience init(_ facts: stat, at moment: ContinuousClock.Instant) {
    #if canImport(Glibc)
      let (modified, changed) = (facts.st_mtim, facts.st_ctim)
    #else
      let (modified, changed) = (facts.st_mtimespec, facts.st_ctimespec)
    #endif
    self.init(
      device: UInt64(truncatingIfNeeded: facts.st_dev), inode: UInt64(facts.st_ino),
      size: Int64(facts.st_size), modified: modified.nanoseconds, changed: changed.nanoseconds,
      takenAt: moment)
  }

  /// `nil` for anything but a file that lies there itself.
  fileprivate convenience init?(
    of name: String, in folder: Int32, at moment: ContinuousClock.Instant
  ) {
    var facts = stat()
    guard fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0,
      facts.st_mode & S_IFMT == S_IFREG
    else { return nil }
    self.init(facts, at: moment)
  }

  /// By the clock that stamps files.
  fileprivate static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time.nanoseconds
  }
}

extension timespec {
  fileprivate var nanoseconds: Int64 { Int64(tv_sec) * 1_000_000_000 + Int64(tv_nsec) }
}

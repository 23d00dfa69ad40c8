import Diagnostics
import MigrationModel
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The files of a listing, read by several threads, each of which takes the next few until none is left:
/// a thread that the system holds up holds nothing up.
final class SharedReading: Sendable {
  private let directories: [String]
  private let listing: DirectoryListing
  private let preparation: DirectoryReader.Preparation
  /// The first entry that nobody has taken.
  private let next = Atomic(0)

  private static let shareSize = 128

  struct Part: Sendable {
    /// Index of the first among all entries.
    var start: Int
    var files: [SourceFile]
  }

  init(
    _ directories: [String], _ listing: DirectoryListing, _ preparation: DirectoryReader.Preparation
  ) {
    self.directories = directories
    self.listing = listing
    self.preparation = preparation
  }

  /// Reads until nothing is left.
  func readShare() -> [Part] {
    var reading = FileReading(directories, listing, preparation)
    var parts: [Part] = []
    let count = listing.entries.count
    while true {
      let start = next.add(SharedReading.shareSize, ordering: .relaxed).oldValue
      guard start < count else { return parts }
      let end = min(start + SharedReading.shareSize, count)
      parts.append(Part(start: start, files: reading.files(start..<end)))
    }
  }
}

/// Reads files of a listing one after the other; each thread has one of its own.
struct FileReading: ~Copyable {
  private let directories: [String]
  private let listing: DirectoryListing
  private let preparation: DirectoryReader.Preparation
  private let now = FileStamp.now
  private let began = ContinuousClock.now
  /// The folder of the file before; its prefix is this thread's own text, since two threads that count the
  /// references to one text wait for each other.
  private var folder: (index: Int, descriptor: Int32, prefix: String) = (-1, -1, "")
  private var buffer: [UInt8]

  init(
    _ directories: [String], _ listing: DirectoryListing, _ preparation: DirectoryReader.Preparation
  ) {
    self.directories = directories
    self.listing = listing
    self.preparation = preparation
    buffer = [UInt8](repeating: 0, count: preparation.keepsTexts ? 0 : 65_536)
  }

  deinit {
    if folder.descriptor >= 0 { close(folder.descriptor) }
  }

  /// - Parameter places: Indices of the listing's entries.
  mutating func files(_ places: some Collection<Int>) -> [SourceFile] {
    var files: [SourceFile] = []
    files.reserveCapacity(places.count)
    let listing = listing
    let preparation = preparation
    listing.withNames { names in
      for place in places {
        let entry = listing.entries[place]
        enter(listing.directory(of: place))
        files.append(
          file(place, entry, listing.name(of: entry), opening: names(entry), preparation))
      }
    }
    return files
  }

  private mutating func enter(_ directory: Int) {
    guard directory != folder.index else { return }
    if folder.descriptor >= 0 { close(folder.descriptor) }
    let path = directories[directory]
    let prefix = path.hasSuffix("/") ? path : path + "/"
    folder = (
      directory, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
      String(decoding: prefix.utf8, as: UTF8.self)
    )
  }

  private mutating func file(
    _ place: Int, _ entry: DirectoryListing.Entry, _ name: String,
    opening link: UnsafePointer<CChar>, _ preparation: borrowing DirectoryReader.Preparation
  ) -> SourceFile {
    let known = earlier(place, name, preparation)
    if let known, let stamp = known.stamp,
      let found = FileStamp(of: link, in: folder.descriptor, at: began), stamp.answers(for: found)
    {
      return known
    }
    var stamp: FileStamp?
    let sampled = sampled(place, preparation)
    let content = sampled ?? content(of: entry, opening: link, name, &stamp)
    if let known, known.content == content { return known }
    if stamp?.tellsChanges(after: now) == false { stamp = nil }
    var checksum: Checksum?
    if let digest = preparation.digest, case .bytes(let bytes) = content,
      preparation.isDigested(name)
    {
      checksum = Checksum(digest, of: bytes)
    }
    let file = preparation.examine(
      SourceFile(
        in: folder.prefix, name: name, directory: folder.index, content: content,
        digest: checksum, stamp: stamp))
    return preparation.keepsTexts || sampled != nil ? file : file.summarised
  }

  /// The file at its place in an earlier reading.
  private func earlier(
    _ place: Int, _ name: String, _ preparation: borrowing DirectoryReader.Preparation
  ) -> SourceFile? {
    guard place < preparation.earlier.count else { return nil }
    let known = preparation.earlier[place]
    return known.name == name && known.directory == folder.index ? known : nil
  }

  private func sampled(
    _ place: Int, _ preparation: borrowing DirectoryReader.Preparation
  ) -> SourceFile.Content? {
    guard let step = preparation.sample?.step, place % step == 0 else { return nil }
    return preparation.sample?.files[place / step].content
  }

  // MARK: Contents

  /// - Parameter stamp: Set where the content may be held, so that it need not be read again.
  private mutating func content(
    of entry: DirectoryListing.Entry, opening link: UnsafePointer<CChar>, _ name: String,
    _ stamp: inout FileStamp?
  ) -> SourceFile.Content {
    if entry.isRegular, !buffer.isEmpty, let bytes = smallContent(opening: link) {
      return .bytes(bytes)
    }
    // Not blocking: a named pipe would wait for a writer.
    var file = openat(folder.descriptor, link, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    if file < 0 && errno == ELOOP {
      guard let target = resolved(folder.prefix + name) else {
        return .unreadable(words(for: errno))
      }
      guard isInside(target) else {
        return .unreadable("is a link that leads out of the migrations folders")
      }
      file = openat(folder.descriptor, link, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    guard file >= 0 else { return .unreadable(words(for: errno)) }
    defer { close(file) }
    var facts = stat()
    guard fstat(file, &facts) == 0 else { return .unreadable(words(for: errno)) }
    switch facts.st_mode & S_IFMT {
    // What holds no text is not read again.
    case S_IFREG: if buffer.isEmpty { stamp = FileStamp(facts, at: began) }
    case S_IFDIR: return .unreadable(SourceFile.directoryReason)
    default: return .unreadable("is not a regular file")
    }
    return bytes(of: file, expecting: Int(facts.st_size))
  }

  /// What fits into the buffer, of a file whose kind the folder has told: the file system is asked nothing
  /// else about it. A regular file gives less than was asked for only at its end.
  ///
  /// - Returns: `nil` for what has to be read in the long way, an error among it.
  private mutating func smallContent(opening link: UnsafePointer<CChar>) -> [UInt8]? {
    let file = openat(folder.descriptor, link, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    return buffer.withUnsafeMutableBytes { buffer in
      let count = readSome(file, buffer.baseAddress, buffer.count)
      guard count >= 0, count < buffer.count else { return nil }
      return Array(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
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
    of name: UnsafePointer<CChar>, in folder: Int32, at moment: ContinuousClock.Instant
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

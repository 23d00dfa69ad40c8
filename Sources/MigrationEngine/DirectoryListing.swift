#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The names in some folders, folder by folder and each folder sorted byte by byte.
///
/// All names lie in one piece of memory: a folder has thousands of them, and sorting moves entries about.
struct DirectoryListing: Sendable {
  /// A name, and what the folder says of it without its being opened.
  struct Entry: Sendable {
    /// Of its first byte among all names.
    fileprivate var start: UInt32
    /// In bytes.
    fileprivate var length: UInt16
    /// Whether it is a regular file; `false` also where the file system does not tell.
    var isRegular: Bool
  }

  private(set) var entries: [Entry] = []
  /// Index of the first entry of each folder.
  private var firsts: [Int] = []
  /// Each followed by a zero.
  private var names: [UInt8] = []

  /// Lists folders.
  ///
  /// - Throws: Where one cannot be read, its path and the reason.
  init(of directories: [String]) throws(DirectoryReader.Failure) {
    for directory in directories { try list(directory) }
  }

  private mutating func list(_ directory: String) throws(DirectoryReader.Failure) {
    guard let stream = opendir(directory) else {
      throw DirectoryReader.Failure(directory: directory, errno: errno)
    }
    defer { closedir(stream) }
    firsts.append(entries.count)
    var keys: [SortingKey] = []
    while let entry = readdir(stream) {
      withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: UInt8.self, capacity: 256) { name in
          let isRegular = Int32(entry.pointee.d_type) == Int32(DT_REG)
          if let key = append(name, isRegular: isRegular) { keys.append(key) }
        }
      }
    }
    names.withUnsafeBytes { names in
      keys.sort { a, b in
        if a.first != b.first { return a.first < b.first }
        if a.second != b.second { return a.second < b.second }
        let (a, b) = (a.entry, b.entry)
        // To the zero that follows each name and is in none.
        let length = Int(min(a.length, b.length)) + 1
        return memcmp(
          names.baseAddress! + Int(a.start), names.baseAddress! + Int(b.start), length) < 0
      }
    }
    entries.reserveCapacity(entries.count + keys.count)
    for key in keys { entries.append(key.entry) }
  }

  /// The first bytes of a name as numbers, which nearly always settle which of two comes first.
  private struct SortingKey {
    var first: UInt64
    var second: UInt64
    var entry: Entry
  }

  private mutating func append(
    _ name: UnsafePointer<UInt8>, isRegular: Bool
  ) -> SortingKey? {
    let length = strlen(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
    let dot = UInt8(ascii: ".")
    if name[0] == dot && (length == 1 || length == 2 && name[1] == dot) { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    withUnsafeMutableBytes(of: &words) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: name, count: min(length, 16)))
    }
    let entry = Entry(
      start: UInt32(names.count), length: UInt16(length), isRegular: isRegular)
    names.append(contentsOf: UnsafeBufferPointer(start: name, count: length + 1))
    return SortingKey(
      first: UInt64(bigEndian: words.0), second: UInt64(bigEndian: words.1), entry: entry)
  }

  /// Index of the folder in which an entry stands.
  ///
  /// - Parameter place: Index of the entry.
  func directory(of place: Int) -> Int {
    var directory = firsts.count - 1
    while firsts[directory] > place { directory -= 1 }
    return directory
  }

  /// The name of an entry as text; what is not UTF-8 is replaced in it.
  func name(of entry: Entry) -> String {
    names.withUnsafeBufferPointer {
      let start = Int(entry.start)
      return String(decoding: $0[start..<start + Int(entry.length)], as: UTF8.self)
    }
  }

  /// The names as the file system has them, to open them by.
  func withNames<Result>(_ body: (Names) -> Result) -> Result {
    names.withUnsafeBytes { body(Names(all: $0)) }
  }

  struct Names {
    fileprivate let all: UnsafeRawBufferPointer

    /// Ends with a zero; lives as long as the listing's memory is lent.
    func callAsFunction(_ entry: Entry) -> UnsafePointer<CChar> {
      all.baseAddress!.advanced(by: Int(entry.start)).assumingMemoryBound(to: CChar.self)
    }
  }
}

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Tells whether anything in some folders has changed since it was last asked.
///
/// On Linux the kernel keeps the account (inotify), which costs nothing while nothing happens;
/// elsewhere, and where that is not to be had, names, sizes and times of the files are compared.
final class FolderWatch {
  private let folders: [String]
  private var descriptor: Int32 = -1
  private var known: Set<Entry> = []

  private struct Entry: Hashable {
    var folder: Int
    var name: String
    var size: Int64
    var seconds: Int
    var nanoseconds: Int
    var inode: UInt64
  }

  init(_ folders: [String]) {
    self.folders = folders
    #if canImport(Glibc)
      descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
      let events =
        IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB
        | IN_DELETE_SELF | IN_MOVE_SELF
      for folder in folders
      where descriptor >= 0 && inotify_add_watch(descriptor, folder, UInt32(events)) < 0 {
        // A folder that is not there yet is looked for by its entries.
        close(descriptor)
        descriptor = -1
      }
    #endif
    if descriptor < 0 { known = entries() }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Whether something has changed; each change is told once.
  func hasChanged() -> Bool {
    guard descriptor >= 0 else {
      let now = entries()
      defer { known = now }
      return now != known
    }
    var isChanged = false
    var buffer = [UInt8](repeating: 0, count: 4096)
    while read(descriptor, &buffer, buffer.count) > 0 { isChanged = true }
    return isChanged
  }

  private func entries() -> Set<Entry> {
    var found: Set<Entry> = []
    for (index, folder) in folders.enumerated() {
      guard let stream = opendir(folder) else { continue }
      defer { closedir(stream) }
      while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        var facts = stat()
        guard lstat("\(folder)/\(name)", &facts) == 0 else { continue }
        #if canImport(Glibc)
          let time = facts.st_mtim
        #else
          let time = facts.st_mtimespec
        #endif
        found.insert(
          Entry(
            folder: index, name: name, size: Int64(facts.st_size), seconds: time.tv_sec,
            nanoseconds: time.tv_nsec, inode: UInt64(facts.st_ino)))
      }
    }
    return found
  }
}

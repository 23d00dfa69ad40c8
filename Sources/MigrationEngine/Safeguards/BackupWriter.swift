import Diagnostics
import MigrationModel
import PostgresModel
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The file of a backup while it is being written, with its digest.
final class BackupWriter: Sendable {
  /// As it is named until it is whole.
  let temporaryPath: String
  private let path: String
  private let state: Mutex<State>

  private struct State {
    var file: Int32
    var checksum = RunningChecksum()
    var bytes: Int64 = 0
    var failure: String?
  }

  /// The folder or the file cannot be written.
  struct Failure: Error {
    var reason: String

    init(_ path: String) { reason = "\(path): \(String(cString: strerror(errno)))" }
  }

  /// Makes the folder where it is not there, and in it a file that only its owner can read.
  init(in directory: String, database: String) throws(Failure) {
    guard makeFolders(directory) else { throw Failure(directory) }
    BackupWriter.removeLeftovers(in: directory)
    let name = String(database.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let stamp = Instant(microseconds: Int64(time.tv_sec) * 1_000_000).versionText
    // Two of one second bear the process's number to tell them apart.
    let base = "\(directory)/\(name)-\(stamp)"
    let isTaken = access("\(base).dump", F_OK) == 0
    path = isTaken ? "\(base)-\(getpid()).dump" : "\(base).dump"
    temporaryPath = "\(base)-\(getpid()).part"
    let file = open(
      temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw Failure(temporaryPath) }
    // Held while it is written: by this others know that it is not left over.
    flock(file, LOCK_EX | LOCK_NB)
    state = Mutex(State(file: file))
  }

  deinit { state.withLock { if $0.file >= 0 { close($0.file) } } }

  /// Takes the next bytes; `false` where they cannot be written.
  func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      var written = 0
      while written < bytes.count {
        let count = write(
          state.file, bytes.baseAddress.map { $0 + written }, bytes.count - written)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          state.failure = "\(temporaryPath): \(String(cString: strerror(errno)))"
          return false
        }
        written += count
      }
      state.checksum.add(bytes)
      state.bytes += Int64(bytes.count)
      return true
    }
  }

  var failure: String? { state.withLock { $0.failure } }

  /// Whether something was written, and all of it.
  var isComplete: Bool { state.withLock { $0.failure == nil && $0.bytes > 0 } }

  /// Gives it its name, once it has been read again and is on the disk.
  func keep(entries: Int) throws(Failure) -> BackupFile {
    let state = state.withLock { state in
      (state.file, state.bytes, state.checksum.checksum.hexadecimal)
    }
    guard fsync(state.0) == 0, rename(temporaryPath, path) == 0 else { throw Failure(path) }
    return BackupFile(path: path, bytes: state.1, sha256: state.2, entries: entries)
  }

  /// Removes it.
  func discard() { unlink(temporaryPath) }

  /// Removes halves that were left by a process that was killed: nobody holds them any more.
  private static func removeLeftovers(in directory: String) {
    guard let stream = opendir(directory) else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = DirectoryReader.name(of: entry)
      guard name.hasSuffix(".part") else { continue }
      let file = open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
      guard file >= 0 else { continue }
      if flock(file, LOCK_EX | LOCK_NB) == 0 { unlink("\(directory)/\(name)") }
      close(file)
    }
  }
}

/// Makes a folder and those above it; what is made keeps itself out of version control.
private func makeFolders(_ directory: String) -> Bool {
  var path = directory.hasPrefix("/") ? "" : "."
  var isNew = false
  for part in directory.split(separator: "/" as Character) where part != "." {
    path += "/\(part)"
    if mkdir(path, 0o700) == 0 {
      isNew = true
    } else if errno != EEXIST {
      return false
    }
  }
  guard isNew else { return true }
  let file = open("\(directory)/.gitignore", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
  if file >= 0 {
    _ = write(file, "*\n", 2)
    close(file)
  }
  return true
}

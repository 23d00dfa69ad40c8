import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The file to which lines are added, held open from one of them to the next: finding and opening it anew
/// for each would cost a small migration more than writing them.
final class OpenJournal: Sendable {
  private struct Held {
    /// Since 1970.
    var day: Int64
    var descriptor: Int32
  }

  private let held = Mutex<Held?>(nil)

  deinit { held.withLock { OpenJournal.close($0) } }

  /// Adds bytes with a single `write`, so that writers at the same time do not mix their lines.
  ///
  /// - Parameters:
  ///   - day: Since 1970; a new one closes the file that was held.
  ///   - path: Of the day's file.
  /// - Returns: 0, or why they could not be written, as `errno` names it.
  func add(_ bytes: [UInt8], of day: Int64, to path: () -> String) -> Int32 {
    held.withLock { held in
      if held.map({ $0.day != day || OpenJournal.isGone($0.descriptor) }) ?? true {
        OpenJournal.close(held)
        held = nil
        let descriptor = open(
          path(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { return errno }
        held = Held(day: day, descriptor: descriptor)
      }
      guard let descriptor = held?.descriptor else { return EBADF }
      let count = write(descriptor, bytes, bytes.count)
      guard count != bytes.count else { return 0 }
      let reason = count < 0 ? errno : ENOSPC
      // The next line is not to be lost with this one.
      _ = write(descriptor, "\n", 1)
      return reason
    }
  }

  /// Whether nobody can find the file any more: somebody has tidied up since it was opened.
  private static func isGone(_ descriptor: Int32) -> Bool {
    var facts = stat()
    return fstat(descriptor, &facts) != 0 || facts.st_nlink == 0
  }

  private static func close(_ held: Held?) {
    guard let held else { return }
    #if canImport(Glibc)
      _ = Glibc.close(held.descriptor)
    #else
      _ = Darwin.close(held.descriptor)
    #endif
  }
}

/// What the file system said of a file when it was read: as long as it says the same, the content is the
/// same.
///
/// A reference, since of most files none is kept.
public final class FileStamp: Sendable {
  public let device: UInt64
  public let inode: UInt64
  /// In bytes.
  public let size: Int64
  /// When the content was last changed, in nanoseconds since 1970.
  public let modified: Int64
  /// When content or anything else of it was last changed, which nobody can set; nanoseconds since 1970.
  public let changed: Int64
  /// Before it was read.
  public let takenAt: ContinuousClock.Instant

  public init(
    device: UInt64, inode: UInt64, size: Int64, modified: Int64, changed: Int64,
    takenAt: ContinuousClock.Instant
  ) {
    self.device = device
    self.inode = inode
    self.size = size
    self.modified = modified
    self.changed = changed
    self.takenAt = takenAt
  }

  /// Whether a change after a moment would have been given another time.
  ///
  /// The clock of a file system moves in steps of some milliseconds, that of others in whole seconds: what
  /// was changed just before it was read may change once more within the same step.
  ///
  /// - Parameter moment: In nanoseconds since 1970.
  public func tellsChanges(after moment: Int64) -> Bool { changed < moment - 2_000_000_000 }

  /// Whether the file is, by a later stamp, as it was by this one.
  ///
  /// Only for a while: the file system of a network may be late with what others have changed.
  public func answers(for later: FileStamp) -> Bool {
    device == later.device && inode == later.inode && size == later.size
      && modified == later.modified && changed == later.changed
      && takenAt.duration(to: later.takenAt) < .seconds(2)
  }
}

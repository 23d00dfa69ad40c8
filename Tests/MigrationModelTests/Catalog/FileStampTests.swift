import MigrationModel
import Testing

struct FileStampTests {
  private static let now = ContinuousClock.now

  private static func stamp(after seconds: Int = 0) -> FileStamp {
    FileStamp(
      device: 1, inode: 2, size: 3, modified: 4, changed: 5,
      takenAt: now.advanced(by: .seconds(seconds)))
  }

  @Test func `a later stamp of the same file says that nothing has changed`() {
    #expect(Self.stamp().answers(for: Self.stamp(after: 1)))
  }

  @Test(
    arguments: [
      { (stamp: inout FileStamp) in stamp.device += 1 }, { stamp in stamp.inode += 1 },
      { stamp in stamp.size += 1 }, { stamp in stamp.modified += 1 },
      // By setting the time back, a program may hide when it wrote; not when it set the time.
      { stamp in stamp.changed += 1 },
    ] as [@Sendable (inout FileStamp) -> Void])
  func `a change of anything is a change`(_ change: @Sendable (inout FileStamp) -> Void) {
    var later = Self.stamp(after: 1)
    change(&later)
    #expect(!Self.stamp().answers(for: later))
  }

  @Test func `after a while the file itself is asked`() {
    #expect(!Self.stamp().answers(for: Self.stamp(after: 2)))
  }

  @Test func `what was changed just before it was read may change unseen`() {
    var stamp = Self.stamp()
    stamp.changed = 10_000_000_000
    #expect(!stamp.tellsChanges(after: 10_000_000_000))
    #expect(!stamp.tellsChanges(after: 12_000_000_000))
    #expect(stamp.tellsChanges(after: 12_000_000_001))
  }
}

import MigrationModel
import Testing

struct FileStampTests {
  private static let now = ContinuousClock.now

  private static func stamp(
    device: UInt64 = 1, inode: UInt64 = 2, size: Int64 = 3, modified: Int64 = 4,
    changed: Int64 = 5, after seconds: Int = 0
  ) -> FileStamp {
    FileStamp(
      device: device, inode: inode, size: size, modified: modified, changed: changed,
      takenAt: now.advanced(by: .seconds(seconds)))
  }

  @Test func `a later stamp of the same file says that nothing has changed`() {
    #expect(Self.stamp().answers(for: Self.stamp(after: 1)))
  }

  @Test(arguments: [
    stamp(device: 7), stamp(inode: 7), stamp(size: 7), stamp(modified: 7),
    // A program may set back when a file was written, but not when it did that.
    stamp(changed: 7),
  ])
  func `a change of anything is a change`(_ later: FileStamp) {
    #expect(!Self.stamp().answers(for: later))
  }

  @Test func `after a while the file itself is asked`() {
    #expect(!Self.stamp().answers(for: Self.stamp(after: 2)))
  }

  @Test func `what was changed just before it was read may change unseen`() {
    let stamp = Self.stamp(changed: 10_000_000_000)
    #expect(!stamp.tellsChanges(after: 10_000_000_000))
    #expect(!stamp.tellsChanges(after: 12_000_000_000))
    #expect(stamp.tellsChanges(after: 12_000_000_001))
  }
}

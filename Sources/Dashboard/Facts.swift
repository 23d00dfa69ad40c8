import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// What more than one pane reads.
public struct Facts: Sendable {
  /// The moment of the last message that told it.
  public var now: Instant
  public var target: Target
  public var connection: ConnectionState
  public var access: Access
  public private(set) var picture: Picture = .reading
  /// Counts the pictures, so that whoever derives something from one can tell whether it is the last.
  public private(set) var pictureNumber = 0
  public private(set) var counts = Counts()
  /// Why the last attempt to read anew failed, while an older picture is shown.
  public var pictureProblem: Diagnostic?
  public var run: RunLog?
  /// How long a run may wait for locks.
  public var lockBudget = LockBudget.off
  /// What was kept of the runs on this database; `nil` until it was read.
  public var archive: RunArchive?
  public var checks = CheckPicture()
  public var locks = LockPicture()
  var tables = TableSizes()
  /// The migration that all panes follow.
  public private(set) var selected: MigrationKey?
  /// Where it was found last, which spares a search in long lists.
  private var selectedIndex = 0
  public var look: Look
  /// How often the server is asked while nothing waits.
  public var intervalMilliseconds = 1000
  /// The moment since which nothing new is shown.
  public var frozenAt: Instant?
  var readings = ReadingCache()
  /// The panes with a place of their own at this size.
  public var placedPanes: Set<Int> = []
  /// The pane that keys go to.
  public var focusedPane = 0

  public init(
    now: Instant, target: Target, connection: ConnectionState = .connecting,
    access: Access = .readOnly(.start), look: Look = Look()
  ) {
    self.now = now
    self.target = target
    self.connection = connection
    self.access = access
    self.look = look
  }

  /// Takes over a new picture and counts it.
  public mutating func show(_ picture: Picture) {
    self.picture = picture
    pictureNumber += 1
    counts = picture.status.map { Counts($0) } ?? Counts()
    if picture.status != nil { pictureProblem = nil }
  }

  /// Selects the migration at an index of the picture; `nil` selects none.
  public mutating func select(_ index: Int?) {
    guard let index, let migrations = picture.status?.migrations, migrations.indices.contains(index)
    else {
      selected = nil
      return
    }
    selectedIndex = index
    let key = MigrationKey(migrations[index])
    if key != selected { selected = key }
  }

  /// The migration that is selected, as the picture has it.
  public var selectedMigration: MigrationStatus? {
    guard let selected, let migrations = picture.status?.migrations else { return nil }
    if migrations.indices.contains(selectedIndex),
      MigrationKey(migrations[selectedIndex]) == selected
    {
      return migrations[selectedIndex]
    }
    return migrations.first { MigrationKey($0) == selected }
  }

  public var isRunning: Bool { run?.isRunning ?? false }

  /// Whether a migration holds or wants its locks at this moment: what stands in its way is then seen,
  /// and no longer forecast.
  func isUnderWay(_ version: Version) -> Bool {
    run?.current?.version == version && run?.restLeft(at: now) == nil
  }
  public var isFrozen: Bool { frozenAt != nil }
}

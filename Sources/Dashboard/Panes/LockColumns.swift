import Canvas

/// The columns of the lock table at a width: what is worth least gives way first.
///
/// Statements go before all else, then columns in which nothing stands, then the age of the transactions
/// of those who wait, since how long they wait says more. Names and places are cut last.
struct LockColumns: Sendable {
  enum Column: Sendable, Hashable {
    case pid, who, state, wait, transaction
    /// How long it has waited; how old its transaction is where it does not wait.
    case time
    case lock, on, blocks, query

    var title: String {
      switch self {
      case .pid: "   PID"
      case .who: "WHO"
      case .state: "STATE"
      case .wait: "WAIT"
      case .transaction: "XACT"
      case .time: "FOR"
      case .lock: "LOCK"
      case .on: "ON"
      case .blocks: "BLOCKS"
      case .query: "QUERY"
      }
    }
  }

  let columns: [Column]
  let table: Table
  /// Whether lock modes are written in short.
  let isShort: Bool

  init(for lines: [LockLine], width: Int) {
    // Modes in short say the same, so that they go before any column does.
    let manners: [(isShort: Bool, gap: Int)] =
      width < 100 ? [(true, 1)] : [(false, 2), (false, 1), (true, 1)]
    let wants = [true: Wants(lines, isShort: true), false: Wants(lines, isShort: false)]
    func room(_ columns: [Column], isShort: Bool, gap: Int) -> Int {
      columns.reduce(width - gap * (columns.count - 1)) { $0 - (wants[isShort]?[$1] ?? 0) }
    }
    let choices = Self.choices(for: lines, width: width)
    let fitting = choices.lazy.flatMap { columns in manners.map { (columns, $0) } }
      .first { room($0.0, isShort: $0.1.isShort, gap: $0.1.gap) >= 0 }
    let (columns, manner) = fitting ?? (choices.last ?? [], (true, 1))
    let want = Wants(lines, isShort: manner.isShort)
    // Where both cannot be read whole, a place gets what a name leaves, and two fifths at least.
    let lacking = max(0, -room(columns, isShort: manner.isShort, gap: manner.gap))
    let shared = max(0, want.who + want.on - lacking)
    let place = min(want.on, max(shared * 2 / 5, shared - want.who))
    // A statement is never too long for what is left; without one names and places share it.
    let hasQuery = columns.contains(.query)
    isShort = manner.isShort
    self.columns = columns
    table = Table(
      columns: columns.map { column in
        let length: Length =
          switch column {
          case .who where !hasQuery: .share(weight: 3, minimum: shared - place)
          case .on where !hasQuery: .share(weight: 2, minimum: place)
          case .query: .share(weight: 1, minimum: want.query)
          default: .fixed(want[column])
          }
        return Table.Column(column.title, length)
      }, gap: manner.gap)
  }

  /// The columns that may be shown, the most of them first.
  private static func choices(for lines: [LockLine], width: Int) -> [[Column]] {
    let all: [Column] = [.pid, .who, .state, .wait, .transaction, .lock, .on, .blocks]
    let isWaiting = lines.contains(where: \.isWaiting)
    let isBlocking = lines.contains { !$0.blocks.isEmpty }
    let telling = all.filter {
      switch $0 {
      case .wait: isWaiting
      case .blocks: isBlocking
      default: true
      }
    }
    let merged = telling.compactMap { column -> Column? in
      column == .transaction ? nil : column == .wait ? .time : column
    }
    return (width >= 110 ? [all + [.query], telling + [.query]] : [])
      + (width >= 100 ? [all] : []) + [telling] + (isWaiting ? [merged] : [])
  }

  /// The cells in which all that stands in a column can be read.
  private struct Wants {
    var who = 14
    var lock = 8
    var on = 8
    var blocks: Int
    let query = 10

    init(_ lines: [LockLine], isShort: Bool) {
      blocks = isShort ? 6 : 7
      for line in lines {
        who = max(who, line.whoWidth)
        lock = max(lock, (isShort ? line.shortLock : line.lock).utf8.count)
        on = max(on, TextWidth.of(line.on))
        blocks = max(blocks, line.blocks.utf8.count)
      }
    }

    subscript(_ column: Column) -> Int {
      switch column {
      case .pid, .wait, .transaction, .time: 6
      case .state: 11
      case .who: who
      case .lock: lock
      case .on: on
      case .blocks: blocks
      case .query: query
      }
    }
  }
}

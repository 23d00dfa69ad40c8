import MigrationModel
import PostgresModel

/// The sizes of the tables that looked-at migrations lock.
struct TableSizes: Sendable {
  private var sizes: [QualifiedName: (size: TableSize?, at: Instant)] = [:]
  private var isUnderWay = false
  /// What was looked for last, so that a key that changes nothing costs nothing.
  private var basis: Basis?
  /// Counts the answers.
  private(set) var number = 0

  private static let mostTables = 500
  /// A size is asked again after this long, in microseconds.
  private static let lifetime: Int64 = 60_000_000
  /// So many at once: nobody reads more, and the monitor's session is needed for the locks.
  private static let mostAtOnce = 24

  private struct Basis: Hashable {
    var migration: MigrationKey?
    var picture: Int
    var minute: Int64
  }

  /// Whether there may be something to ask that there was not when this was asked last.
  mutating func isNew(_ migration: MigrationKey?, picture: Int, at now: Instant) -> Bool {
    let basis = Basis(
      migration: migration, picture: picture, minute: now.microseconds / Self.lifetime)
    guard basis != self.basis else { return false }
    self.basis = basis
    return true
  }

  /// What is known of a table; `nil` where it is unknown.
  subscript(name: QualifiedName) -> TableSize? { sizes[name]?.size }

  /// The tables to be asked about now; empty while an answer is on its way.
  mutating func due(_ wanted: some Sequence<QualifiedName>, at now: Instant) -> [QualifiedName] {
    guard !isUnderWay else { return [] }
    let names = wanted.filter { name in
      guard let known = sizes[name] else { return true }
      return now.microseconds(since: known.at) > Self.lifetime
    }
    guard !names.isEmpty else { return [] }
    isUnderWay = true
    return Array(names.sorted { $0.description < $1.description }.prefix(Self.mostAtOnce))
  }

  /// Takes over an answer; what was asked about and is not in it is unknown until asked again.
  mutating func take(_ found: [QualifiedName: TableSize], asked: [QualifiedName], at now: Instant) {
    isUnderWay = false
    basis = nil
    number += 1
    if sizes.count > Self.mostTables { sizes.removeAll(keepingCapacity: true) }
    for name in asked { sizes[name] = (found[name], now) }
  }

  /// Lets another server be asked anew.
  mutating func forget() { self = TableSizes() }
}

extension TableSize {
  /// `12.4 M rows, 3.1 GB`; `?` for what is not known.
  var words: String {
    let count = rows.map { Words.many($0) } ?? "?"
    let size =
      bytes.map { Words.bytes($0) + (isMeasured ? "" : " when last analysed") } ?? "? bytes"
    return "\(count) rows, \(size)"
  }
}

extension Facts {
  /// Asks for the sizes of the tables that the selected migration would lock, where they are not known.
  mutating func measureTables() -> [Effect] {
    guard connection.server != nil, !isRunning, !isFrozen,
      tables.isNew(selected, picture: pictureNumber, at: now),
      let selected = selectedMigration, selected.state == .pending,
      let reading = reading(of: selected)
    else { return [] }
    let wanted = reading.strongestLocks.filter { $0.value > .rowExclusive }.keys
    let names = tables.due(wanted, at: now)
    return names.isEmpty ? [] : [.measureTables(names)]
  }
}

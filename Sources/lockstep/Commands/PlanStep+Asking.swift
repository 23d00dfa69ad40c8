import MigrationModel
import PostgresModel

/// What is told of a step where somebody is asked about it.
extension PlanStep {
  /// The locks that keep others from writing, a line each; nothing of one that goes on in the middle,
  /// whose text says more than is left.
  var strongLocks: [String] {
    guard resumption == nil else { return [] }
    var lines: [String] = []
    for unit in units {
      for effect in StatementLocks().effects(in: unit.sql).compactMap(\.effect) {
        for (lock, line) in effect.lockLines
        where lock.isAlwaysTold && lock.mode.blocksWrites && !lines.contains(line) {
          lines.append(line)
        }
      }
    }
    return lines.count > 5 ? lines.prefix(4) + ["and \(lines.count - 4) more"] : lines
  }

  /// The text of one of its statements, as far as a person reads it before an answer.
  func lines(ofStatement index: Int) -> [String] {
    guard units.count == 1, let unit = units.first, unit.statements.indices.contains(index) else {
      return []
    }
    let bytes = Array(unit.sql.utf8)
    let range = unit.statements[index].range.clamped(to: 0..<bytes.count)
    let lines = String(decoding: bytes[range], as: UTF8.self)
      .split(separator: "\n" as Character, omittingEmptySubsequences: false).map(String.init)
    return lines.count > 12 ? lines.prefix(11) + ["… \(lines.count - 11) lines more"] : lines
  }
}

import Canvas
import MigrationModel
import PostgresModel

extension Model {
  /// Lets the open plan answer a key.
  mutating func press(_ key: Key, in sheet: PlanSheet) -> [Effect] {
    var sheet = sheet
    switch sheet.handle(key, facts) {
    case .stays:
      overlay = .plan(sheet)
      return []
    case .dropped:
      overlay = nil
      return []
    case .confirmed:
      if sheet.arms(facts) {
        facts.access = .armed(
          until: Instant(
            microseconds: facts.now.microseconds + PlanSheet.armingMicroseconds))
      }
      return run(sheet.plan, pace: sheet.pace)
    }
  }
}

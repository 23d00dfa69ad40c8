import MigrationModel
import PostgresModel
import Testing

@testable import Dashboard

/// A rehearsal is told in the dashboard with the words of every other report.
@Suite struct CheckWordsTests {
  private func rehearsed(_ rollBack: RollBack, reapplies: Bool = true) -> RehearsedMigration {
    RehearsedMigration(
      version: Version("1"), name: "a", applies: true, rollBack: rollBack, reapplies: reapplies)
  }

  @Test func `a way back that loses rows is not called exact, and not good`() {
    let loss = DataLoss(.gone, QualifiedName(schema: "public", "orders"), rows: 3, written: .before)
    let lossy = rehearsed(
      RollBack(hasScript: true, runs: true, differences: [], lostData: [loss]))
    let told = CheckWords.verdict(lossy)
    #expect(told.text == "applies, rolls back without its rows, applies again")
    #expect(told.tone == .warning)
    let exact = rehearsed(RollBack(hasScript: true, runs: true, differences: []))
    #expect(CheckWords.verdict(exact).text == "applies, rolls back exactly, applies again")
    #expect(CheckWords.verdict(exact).tone == .good)
  }

  @Test func `one that cannot be applied again is told as such`() {
    let told = CheckWords.verdict(
      rehearsed(RollBack(hasScript: true, runs: true, differences: []), reapplies: false))
    #expect(told.text == "cannot be applied again after rolling back")
    #expect(told.tone == .danger)
  }
}

import MigrationModel
import PostgresModel
import Testing

@testable import lockstep

/// What `check` prints for people.
@Suite struct CheckReportTests {
  private func lines(
    _ verdict: CheckStatus, _ evidence: [CheckFinding.Evidence], isVerbose: Bool = false
  ) -> [String] {
    let item = CheckedItem(
      ChecklistItem(id: "constraints", title: "Constraints", proof: .constraints), verdict,
      evidence: evidence)
    let report = ChecklistReport(
      title: "Staging",
      migrations: [
        CheckedMigration(
          version: Version("001"), name: "a", checksum: "", environment: nil, items: [item])
      ], database: "shop", environment: nil, at: Instant(microseconds: 0), by: "ada")
    return report.lines(isVerbose: isVerbose).map { $0.map(\.text).joined() }
      .filter { $0.hasPrefix("           ") }.map { String($0.drop { $0 == " " }) }
  }

  private func trial(_ name: String, _ outcome: Trial.Outcome) -> Trial {
    let weight: CheckFinding.Evidence.Weight = outcome == .refuted ? .refutes : .supports
    return Trial(.constraints, name, outcome, [.init("a null", weight), .init("asked")])
  }

  @Test func `what is proven is folded, what is not is whole, and -v shows all`() {
    let some = CheckFinding(
      [trial("a", .proven), trial("b", .refuted), trial("c", .proven)]
    ).evidence
    #expect(
      lines(.failed, some) == [
        "+ a: proven", "! b: refuted", "!   a null", "asked",
        "+ c: proven",
      ])
    let many = CheckFinding(
      ["a", "b", "c", "d"].map { trial($0, .proven) } + [trial("e", .notProven)]
    ).evidence
    #expect(
      lines(.open, many) == [
        "? e: not proven", "+   a null", "asked", "+ 4 proven, which -v shows",
      ])
    #expect(lines(.open, many, isVerbose: true).count == 15)
    #expect(lines(.passed, many) == [])
  }
}

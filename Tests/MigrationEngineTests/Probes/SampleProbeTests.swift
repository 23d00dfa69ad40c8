import MigrationEngine
import MigrationModel
import Postgres
import TestSupport
import Testing

@Suite struct SampleProbeTests {
  @Test func `nothing of the samples is refuted, and nearly all of it is proven`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let parts = #filePath.split(separator: "/" as Character)
    let root = "/" + parts.dropLast(4).joined(separator: "/")
    let url = database.url
    let report = try await onLoop { loop in
      var rehearsal = Rehearsal(
        project: Project(directories: ["\(root)/migrations"], layout: "sqlx"),
        target: try ConnectionString(url), loop: loop)
      rehearsal.probes = Rehearsal.standardProbes
      return try await rehearsal.run { _ in }
    }
    let trials = report.migrations.flatMap { $0.trials ?? [] }.filter { $0.proof != .rollback }
    #expect(report.migrations.allSatisfy { $0.applies == true })
    #expect(trials.filter { $0.outcome == .refuted } == [], "\(trials.words)")
    let open = trials.filter { $0.outcome == .notProven }.map(\.subject)
    #expect(open == [], "\(trials.filter { $0.outcome == .notProven }.words)")
    #expect(trials.count { $0.proof == .constraints } > 80)
    #expect(trials.count { $0.proof == .indexes } > 25)
    #expect(trials.count { $0.proof == .triggers } > 4)
  }
}

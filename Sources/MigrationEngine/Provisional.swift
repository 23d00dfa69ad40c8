// Stands in until MigrationModel recognises layouts and plans runs; then this file goes.
import Diagnostics
import MigrationModel
import PostgresModel

extension Layouts {
  public enum Recognised {
    case layout(any Layout)
    case ambiguous([String], Diagnostic)
    case unknown(Diagnostic)
  }
  public static func recognise(files: [SourceFile], tables: [RecognisedTable]) -> Recognised {
    let best = all.map { ($0, $0.recognise(files)) }.max { $0.1 < $1.1 }
    if let best, best.1 > .possible { return .layout(best.0) }
    return .unknown(
      .error(code: "unknown_layout", "the layout cannot be told", next: "use --layout"))
  }
}

public struct RecognisedTable: Sendable, Hashable {
  public var name: QualifiedName
  public var columns: [String: String]
  public init(name: QualifiedName, columns: [String: String]) {
    self.name = name
    self.columns = columns
  }
}

public struct PlanContext: Sendable, Hashable {
  public var runBy: String?
  public init(runBy: String? = nil) { self.runBy = runBy }
}

extension Plan {
  public static func make(
    _ request: PlanRequest, status: ProjectStatus, layout: any Layout, context: PlanContext
  ) -> Plan {
    let pending = status.migrations.filter { $0.state == .pending }.prefix(8)
    let table = status.table
    let steps = pending.compactMap { status -> PlanStep? in
      guard let migration = status.migration else { return nil }
      return PlanStep(
        version: migration.version, name: migration.name, direction: .up,
        units: migration.up.map {
          RunUnit(
            script: $0, sql: $0.text, statements: SQLScript.statements(in: $0.text),
            form: .transaction)
        },
        write: layout.record(
          HistoryChange(
            version: migration.version, name: migration.name, checksum: migration.checksum,
            kind: .applied, runBy: context.runBy), in: table),
        risk: .reversible)
    }
    return Plan(
      request: request, layout: layout.name, table: status.table, steps: steps,
      basis: status.migrations.compactMap(\.row))
  }
}

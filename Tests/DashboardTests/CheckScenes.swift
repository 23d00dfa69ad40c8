import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

@testable import Dashboard

/// Builders of checklists and of what was found for them.
enum CheckScenes {
  static let checklist = Checklist(
    title: "Staging validation",
    items: [
      ChecklistItem(id: "applied", title: "Applied on staging", proof: .applied),
      ChecklistItem(
        id: "indexes", title: "Every index is there and can be used", proof: .indexes),
      ChecklistItem(
        id: "constraints", title: "Every constraint refuses invalid data", proof: .constraints),
      ChecklistItem(id: "triggers", title: "Every trigger fires", proof: .triggers),
      ChecklistItem(
        id: "performance", title: "Key queries are as fast as before", proof: .performance),
      ChecklistItem(id: "rollback", title: "Rolls back, and was seen to", proof: .rollback),
      ChecklistItem(
        id: "contract", title: "Nothing that others rely on has changed", proof: .contract),
      ChecklistItem(id: "window", title: "A window was agreed with support"),
    ])

  static let checksum = Scenes.addOrderChannel.contentChecksum.hexadecimal

  static func record(
    _ item: String, _ act: CheckRecord.Act, minutesAgo: Int64 = 14, by: String = "ada@build-7",
    version: String = "0042", checksum: String = checksum, environment: String? = "production"
  ) -> CheckRecord {
    CheckRecord(
      at: Instant(microseconds: Scenes.now.microseconds - minutesAgo * 60_000_000), by: by,
      version: Version(version), checksum: checksum, environment: environment, item: item, act: act)
  }

  static func passed(_ lines: String...) -> CheckRecord.Act {
    .proven(CheckFinding(.passed, lines.map { .init($0, .supports) }))
  }

  static let refused = CheckRecord.Act.proven(
    CheckFinding(
      .failed,
      [
        .init("constraint orders_channel_check of public.orders: refuted", .refutes),
        .init("  a valid row was taken", .plain),
        .init("  channel = 'x' was taken too, where 23514 was expected", .refutes),
        .init("index orders_channel_idx of public.orders: proven", .supports),
      ]))

  static let unproven = CheckRecord.Act.proven(
    CheckFinding(
      .notProven,
      [.init("the project names no key queries: db/key_queries is not there", .unclear)]))

  /// One of every kind.
  static let mixed = [
    record("applied", passed("applied in 0.8 s by ada, and its history row is there")),
    record(
      "indexes",
      passed(
        "index orders_channel_idx of public.orders: proven", "  valid, ready and live",
        "index orders_pkey of public.orders: proven", "  used by a matching query")),
    record("constraints", refused, minutesAgo: 12),
    record(
      "triggers", .proven(CheckFinding(.notApplicable, [.init("it makes no trigger")])),
      minutesAgo: 12),
    record("performance", unproven, minutesAgo: 12),
    record(
      "rollback",
      passed("up, down: schema equal before and after (312 facts)", "up again: the same"),
      minutesAgo: 11),
    record("contract", .waived(reason: "the old web client is gone since May"), minutesAgo: 9),
    record("window", .signed(note: "Tuesday 22:00, ticket 4711"), minutesAgo: 180, by: "grace"),
    record("window", .noted("support asks for a call before"), minutesAgo: 170, by: "grace"),
  ]

  static func archive(_ records: [CheckRecord]) -> RunArchive {
    let identity = DatabaseIdentity(database: "orders", server: "db1:5432")
    return RunArchive(records.map { .check($0, identity) }, of: identity)
  }

  /// A dashboard that knows the checklist and what was kept of it.
  static func model(
    _ columns: Int = 80, _ rows: Int = 24, _ records: [CheckRecord] = [],
    target: Target = Scenes.production, look: Look = Look(), access: Access = .readOnly(.start),
    checklist: Checklist = checklist, status: ProjectStatus = Scenes.status(),
    locks: LockSample? = Scenes.quiet
  ) -> Model {
    var model = Scenes.ready(
      columns, rows, target: target, look: look, access: access, status: status, locks: locks)
    model.tell(.checksRead(checklist), .runsRead(archive(records)))
    return model
  }

  /// With the checklist in the focus.
  static func focused(
    _ columns: Int = 80, _ rows: Int = 24, _ records: [CheckRecord] = mixed, look: Look = Look()
  ) -> Model {
    var model = model(columns, rows, records, look: look)
    model.press(.character("5"))
    return model
  }
}

import JSON
import MigrationModel
import PostgresModel

extension CheckedMigration {
  /// One line of `check --json`.
  public var json: JSONValue {
    [
      "version": .string(version.text), "name": .string(name), "checksum": .string(checksum),
      "environment": JSONValue(environment), "verdict": .string(verdict.rawValue),
      "items": .array(items.map(\.json)),
    ]
  }
}

extension CheckedItem {
  fileprivate var json: JSONValue {
    [
      "id": .string(item.id), "title": .string(item.title), "section": JSONValue(item.section),
      "proof": JSONValue(item.proof?.rawValue), "status": .string(status.rawValue),
      "evidence": .array(evidence.map(\.json)), "by": JSONValue(by),
      "at": JSONValue(at?.iso8601), "reason": JSONValue(reason), "notes": JSONValue(notes),
      "rehearsal": copy?.json ?? .null,
    ]
  }
}

extension ChecklistReport {
  /// The whole report as one object, each migration as `check --json` has it.
  public var json: JSONValue {
    [
      "checklist": .string(title), "verdict": .string(verdict.rawValue),
      "database": .string(database), "environment": JSONValue(environment),
      "at": .string(at.iso8601), "by": .string(by),
      "migrations": .array(migrations.map(\.json)),
    ]
  }
}

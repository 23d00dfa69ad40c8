import JSON
import MigrationModel
import PostgresModel

extension RehearsalReport {
  /// As `rehearse --json` prints it.
  var json: JSONValue {
    [
      "scratch": .string(scratch.name), "mode": .string(scratch.mode.rawValue),
      "server_version": .string(scratch.serverVersion),
      "not_proven": JSONValue(scratch.mode.limits),
      "migrations": .array(migrations.map(\.json)),
      "batch_rollback": batch?.json ?? .null,
    ]
  }
}

extension RehearsedMigration {
  fileprivate var json: JSONValue {
    [
      "version": .string(version.text), "name": .string(name), "verdict": .string(verdict.rawValue),
      "applies": known(applies), "duration_ms": JSONValue(milliseconds: durationMilliseconds),
      "statements": .array(statements.map(\.json)),
      "changes": .array(changes.map(\.json)), "rollback": rollBack.json,
      "reapplies": known(reapplies), "error": error?.json ?? .null,
    ]
  }
}

extension RehearsedStatement {
  fileprivate var json: JSONValue {
    [
      "index": JSONValue(index), "line": JSONValue(line), "sql": .string(sql),
      "duration_ms": JSONValue(milliseconds: durationMilliseconds), "rows": JSONValue(rows),
      "locks": evidence.map { .array($0.locks.filter(\.isTold).map(\.json)) } ?? .null,
      "rewrites": names(evidence?.rewrites), "scans": names(evidence?.scans),
      "transactional": .bool(isTransactional), "observed": JSONValue(evidence?.source.rawValue),
      "wal_bytes": JSONValue(evidence?.walBytes),
      "notices": evidence.map { JSONValue($0.notices) } ?? .null,
      "dropped": evidence?.dropped.map { .array($0.map(\.json)) } ?? .null,
      "changed": evidence?.changes.map { .array($0.map { .string($0.words) }) } ?? .null,
      "forecast_differs": JSONValue(forecastDiffers),
    ]
  }
}

extension ObservedLock {
  fileprivate var json: JSONValue {
    ["mode": .string(mode.sqlName), "relation": .string(relation.description)]
  }
}

extension DroppedObject {
  fileprivate var json: JSONValue {
    ["kind": .string(kind), "object": .string(identity), "cascaded": .bool(isCascaded)]
  }
}

extension SchemaDiff.Change {
  var json: JSONValue {
    [
      "kind": .string(kind), "object": .string(object), "action": .string(action.rawValue),
      "property": property.isEmpty ? .null : .string(property), "before": JSONValue(before),
      "after": JSONValue(after), "breaking": .bool(!breaks.isEmpty), "benign": .bool(isBenign),
    ]
  }
}

extension RollBack {
  fileprivate var json: JSONValue {
    [
      "has_script": .bool(hasScript), "runs": known(runs),
      "restores_schema": known(restoresSchema),
      "differences": differences.map { .array($0.map(\.json)) } ?? .null,
    ]
  }
}

/// What is not known is `null`.
private func known(_ value: Bool?) -> JSONValue { value.map { .bool($0) } ?? .null }

private func names(_ relations: [QualifiedName]?) -> JSONValue {
  relations.map { JSONValue($0.map(\.description)) } ?? .null
}

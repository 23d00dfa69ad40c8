import JSON
import MigrationModel
import PostgresModel

extension RehearsalReport {
  /// As `rehearse --json` prints it.
  var json: JSONValue {
    [
      "scratch": .string(scratch.name), "mode": .string(scratch.mode.rawValue),
      "sample": JSONValue(scratch.sample), "notes": JSONValue(scratch.notes),
      "server_version": .string(scratch.serverVersion),
      "proves": .string(scratch.mode.proves),
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
      "not_rehearsed": JSONValue(beyondRehearsal),
      "broken_off": brokenOff.map { .array($0.map(\.json)) } ?? .null,
      "contention": contention.map { .array($0.map(\.json)) } ?? .null,
      "rolled_back_first": JSONValue(rolledBackFirst.map(\.text)),
      "trials": trials.map { .array($0.map(\.json)) } ?? .null,
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
      "wal_bytes": JSONValue(evidence?.walBytes), "buffers": evidence?.buffers?.json ?? .null,
      "temp_bytes": JSONValue(evidence?.temporaryBytes),
      "notices": evidence.map { JSONValue($0.notices) } ?? .null,
      "dropped": evidence?.dropped.map { .array($0.map(\.json)) } ?? .null,
      "changed": evidence?.changes.map { .array($0.map { .string($0.words) }) } ?? .null,
      "forecast_differs": JSONValue(forecastDiffers),
    ]
  }
}

extension BufferUse {
  fileprivate var json: JSONValue { ["hit": JSONValue(hit), "read": JSONValue(read)] }
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
      "verdict": .string(verdict.rawValue), "loses_data": known(losesData),
      "lost": lostData.map { .array($0.map(\.json)) } ?? .null,
      "statements": .array(statements.map(\.json)),
    ]
  }
}

extension DataLoss {
  fileprivate var json: JSONValue {
    [
      "table": .string(table.description), "column": JSONValue(column), "rows": JSONValue(rows),
      "what": .string(kind.rawValue), "written": .string(written.rawValue),
    ]
  }
}

extension BrokenOffTrial {
  fileprivate var json: JSONValue {
    let (converges, words): (Bool?, String?) =
      switch outcome {
      case .converges: (true, nil)
      case .differs(let words), .stuck(let words): (false, words)
      case .notTried(let words): (nil, words)
      }
    return [
      "index": JSONValue(index), "line": JSONValue(line), "converges": known(converges),
      "reason": JSONValue(words),
    ]
  }
}

extension ContentionRun {
  fileprivate var json: JSONValue {
    [
      "lock_timeout_ms": JSONValue(milliseconds: budget.timeout.map { $0 / .milliseconds(1) }),
      "attempts": JSONValue(budget.attempts), "applied": .bool(hasApplied),
      "stepped_aside": JSONValue(steppedAside),
      "duration_ms": JSONValue(milliseconds: durationMilliseconds),
      "stalls": .array(
        stalls.map {
          [
            "relation": .string($0.table.description),
            "reader_ms": JSONValue(milliseconds: $0.reader),
            "writer_ms": JSONValue(milliseconds: $0.writer),
            "idle_ms": JSONValue(milliseconds: $0.idler),
            "writes": JSONValue($0.writing.word), "written": JSONValue($0.writing.count),
            "not_written": JSONValue($0.writing.reason),
          ]
        }),
    ]
  }
}

extension ContentionRun.Writing {
  fileprivate var word: String? {
    switch self {
    case .updated: "update"
    case .inserted: "insert"
    case .nothing: nil
    }
  }

  fileprivate var count: Int? {
    switch self {
    case .updated(let count), .inserted(let count): count
    case .nothing: nil
    }
  }

  fileprivate var reason: String? {
    if case .nothing(let reason) = self { reason } else { nil }
  }
}

extension Trial {
  fileprivate var json: JSONValue {
    [
      "proof": .string(proof.rawValue), "subject": .string(subject),
      "outcome": .string(outcome.rawValue), "evidence": JSONValue(evidence.map(\.text)),
    ]
  }
}

/// What is not known is `null`.
private func known(_ value: Bool?) -> JSONValue { value.map { .bool($0) } ?? .null }

private func names(_ relations: [QualifiedName]?) -> JSONValue {
  relations.map { JSONValue($0.map(\.description)) } ?? .null
}

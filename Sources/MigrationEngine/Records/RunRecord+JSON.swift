import JSON
import MigrationModel
import PostgresModel

extension RunRecord {
  /// The word by which a line tells what it is.
  var kind: String {
    switch self {
    case .started: "run_started"
    case .lockAttempt: "lock_attempt"
    case .statement: "statement"
    case .step: "step"
    case .ended: "run_ended"
    case .audit: "audit"
    case .check: "check"
    case .approval: "approval"
    case .backup: "backup"
    case .health: "health"
    }
  }

  /// Whether a line that cannot be read as a record may be somebody's word, or what takes one back.
  static func mayBeWord(_ line: String) -> Bool {
    ["approval", "check"].contains { kind in
      // As it is written, and as PostgreSQL prints it.
      line.contains("\"kind\":\"\(kind)\"") || line.contains("\"kind\": \"\(kind)\"")
    }
  }

  /// The migration that it is about; `nil` where it is about none.
  var version: Version? {
    switch self {
    case .lockAttempt(let attempt): attempt.version
    case .statement(let statement): statement.version
    case .step(let step): step.version
    case .check(let check, _): check.version
    case .started, .ended, .audit, .approval, .backup, .health: nil
    }
  }

  /// One object; unknown is `null`, times are ISO 8601 in UTC.
  public var json: JSONValue {
    switch self {
    case .started(let start): start.json
    case .lockAttempt(let attempt):
      [
        "kind": "lock_attempt", "run": .string(attempt.run),
        "version": .string(attempt.version.text), "at": .string(attempt.at.iso8601),
        "attempt": JSONValue(attempt.attempt), "of": JSONValue(attempt.of),
        "waited_ms": JSONValue(milliseconds: attempt.waitedMilliseconds),
        "blockers": .array(attempt.blockers.map { JSONValue($0) }),
        "reason": JSONValue(attempt.reason),
      ]
    case .statement(let statement):
      [
        "kind": "statement", "run": .string(statement.run),
        "version": .string(statement.version.text), "index": JSONValue(statement.index),
        "line": JSONValue(statement.line), "command": .string(statement.command),
        "rows": JSONValue(statement.rows),
        "duration_ms": JSONValue(milliseconds: statement.durationMilliseconds),
      ]
    case .step(let step): step.json
    case .ended(let end):
      [
        "kind": "run_ended", "run": .string(end.run), "at": .string(end.at.iso8601),
        "outcome": .string(end.outcome.rawValue), "applied": JSONValue(end.applied),
        "reverted": JSONValue(end.reverted),
      ]
    case .audit(let event, let identity): event.json(on: identity)
    case .check(let check, let identity): check.json(on: identity)
    case .approval(let approval): approval.json
    case .backup(let run, let at, let backup):
      RunRecord.json("backup", of: run, at: at, backup.members)
    case .health(let run, let at, let check):
      RunRecord.json("health", of: run, at: at, check.members)
    }
  }

  /// Reads one object; `nil` for what is none of these records.
  init?(_ json: JSONValue) {
    switch json["kind"]?.text {
    case "run_started":
      guard let start = RunStart(json) else { return nil }
      self = .started(start)
    case "lock_attempt":
      guard let attempt = LockAttemptRecord(json) else { return nil }
      self = .lockAttempt(attempt)
    case "statement":
      guard let statement = StatementRecord(json) else { return nil }
      self = .statement(statement)
    case "step":
      guard let step = StepRecord(json) else { return nil }
      self = .step(step)
    case "run_ended":
      guard let end = RunEnd(json) else { return nil }
      self = .ended(end)
    case "audit":
      guard let event = AuditEvent(json), let identity = DatabaseIdentity(json) else { return nil }
      self = .audit(event, identity)
    case "check":
      guard let check = CheckRecord(json), let identity = DatabaseIdentity(json) else { return nil }
      self = .check(check, identity)
    case "approval":
      guard let approval = ApprovalRecord(json) else { return nil }
      self = .approval(approval)
    case "backup":
      guard let run = json["run"]?.text, let at = json.instant("at"), let backup = Backup(json)
      else { return nil }
      self = .backup(run: run, at: at, backup)
    case "health":
      guard let run = json["run"]?.text, let at = json.instant("at"),
        let check = HealthCheck(json)
      else { return nil }
      self = .health(run: run, at: at, check)
    default: return nil
    }
  }
}

extension DatabaseIdentity {
  init?(_ json: JSONValue) {
    guard let database = json["database"]?.text, let server = json["server"]?.text else {
      return nil
    }
    self.init(
      database: database, server: server, system: json["system"]?.text, oid: json["oid"]?.text)
  }

  var members: [JSONValue.Member] {
    [
      .init(key: "database", value: .string(database)),
      .init(key: "server", value: .string(server)),
      .init(key: "system", value: JSONValue(system)), .init(key: "oid", value: JSONValue(oid)),
    ]
  }
}

extension RunStart {
  fileprivate var json: JSONValue {
    .object(
      [
        .init(key: "kind", value: "run_started"), .init(key: "run", value: .string(id)),
        .init(key: "at", value: .string(at.iso8601)), .init(key: "by", value: .string(by)),
        .init(key: "host", value: .string(host)),
        .init(key: "lockstep", value: .string(version)),
      ] + identity.members + [
        .init(key: "user", value: .string(user)),
        .init(key: "environment", value: JSONValue(environment)),
        .init(key: "layout", value: .string(layout)),
        .init(key: "history_table", value: .string(table)),
        .init(key: "request", value: .string(request)),
        .init(key: "asks", value: JSONValue(asks)),
      ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let id = json["run"]?.text, let at = json.instant("at"), let by = json["by"]?.text,
      let identity = DatabaseIdentity(json), let layout = json["layout"]?.text,
      let table = json["history_table"]?.text
    else { return nil }
    self.init(
      id: id, at: at, by: by, host: json["host"]?.text ?? "",
      version: json["lockstep"]?.text ?? "", identity: identity, user: json["user"]?.text ?? "",
      environment: json["environment"]?.text, layout: layout, table: table,
      request: json["request"]?.text ?? "",
      asks: (json["asks"]?.elements ?? []).compactMap(\.text))
  }
}

extension LockAttemptRecord {
  fileprivate init?(_ json: JSONValue) {
    guard let run = json["run"]?.text, let version = json["version"]?.text,
      let at = json.instant("at"), let attempt = json["attempt"]?.wholeNumber,
      let of = json["of"]?.wholeNumber, let waited = json["waited_ms"]?.decimalNumber
    else { return nil }
    self.init(
      run: run, version: Version(version), at: at, attempt: Int(attempt), of: Int(of),
      waitedMilliseconds: waited,
      blockers: (json["blockers"]?.elements ?? []).compactMap { pid in
        pid.wholeNumber.map { Int32(clamping: $0) }
      }, reason: json["reason"]?.text)
  }
}

extension StatementRecord {
  fileprivate init?(_ json: JSONValue) {
    guard let run = json["run"]?.text, let version = json["version"]?.text,
      let index = json["index"]?.wholeNumber, let line = json["line"]?.wholeNumber,
      let command = json["command"]?.text, let duration = json["duration_ms"]?.decimalNumber
    else { return nil }
    self.init(
      run: run, version: Version(version), index: Int(index), line: Int(line), command: command,
      rows: json["rows"]?.wholeNumber, durationMilliseconds: duration)
  }
}

extension StepRecord {
  fileprivate var json: JSONValue {
    [
      "kind": "step", "run": .string(run), "version": .string(version.text),
      "name": .string(name), "direction": .string(direction.rawValue),
      "checksum": JSONValue(checksum), "started_at": .string(startedAt.iso8601),
      "duration_ms": JSONValue(milliseconds: durationMilliseconds),
      "outcome": .string(outcome.rawValue), "error": errorJSON, "locks": locksJSON,
    ]
  }

  /// What went wrong; `null` where nothing did.
  public var errorJSON: JSONValue {
    guard let error else { return .null }
    return [
      "code": .string(error.code), "message": .string(error.message),
      "sqlstate": JSONValue(error.sqlstate), "state_left": .string(error.left.rawValue),
    ]
  }

  /// The locks as `migration_finished` tells them; `null` where they are not known.
  public var locksJSON: JSONValue {
    guard let locks else { return .null }
    return .array(
      locks.map { lock in
        [
          "mode": .string(lock.mode), "relation": .string(lock.relation),
          "held_ms": JSONValue(milliseconds: lock.heldMilliseconds),
        ]
      })
  }

  fileprivate init?(_ json: JSONValue) {
    guard let run = json["run"]?.text, let version = json["version"]?.text,
      let direction = json["direction"]?.text.flatMap({ Direction(rawValue: $0) }),
      let startedAt = json.instant("started_at"),
      let outcome = json["outcome"]?.text.flatMap({ Outcome(rawValue: $0) })
    else { return nil }
    var failure: Failure?
    if let error = json["error"], let message = error["message"]?.text {
      failure = Failure(
        code: error["code"]?.text ?? "", message: message, sqlstate: error["sqlstate"]?.text,
        left: error["state_left"]?.text.flatMap { RunEvent.StateLeft(rawValue: $0) } ?? .partly)
    }
    let locks = json["locks"]?.elements?.compactMap { lock -> KeptLock? in
      guard let mode = lock["mode"]?.text, let relation = lock["relation"]?.text else { return nil }
      return KeptLock(
        mode: mode, relation: relation, heldMilliseconds: lock["held_ms"]?.decimalNumber)
    }
    self.init(
      run: run, version: Version(version), name: json["name"]?.text ?? "", direction: direction,
      checksum: json["checksum"]?.text, startedAt: startedAt,
      durationMilliseconds: json["duration_ms"]?.decimalNumber, outcome: outcome, error: failure,
      locks: locks)
  }
}

extension RunEnd {
  fileprivate init?(_ json: JSONValue) {
    guard let run = json["run"]?.text, let at = json.instant("at"),
      let outcome = json["outcome"]?.text.flatMap({ Outcome(rawValue: $0) })
    else { return nil }
    self.init(
      run: run, at: at, outcome: outcome, applied: Int(json["applied"]?.wholeNumber ?? 0),
      reverted: Int(json["reverted"]?.wholeNumber ?? 0))
  }
}

extension AuditEvent {
  fileprivate func json(on identity: DatabaseIdentity) -> JSONValue {
    var result = JSONValue.null
    switch outcome {
    case .signalled: result = "signalled"
    case .changed: result = "changed"
    case .failed: result = "failed"
    }
    var reason: String?
    if case .failed(let words) = outcome { reason = words }
    return .object(
      [
        .init(key: "kind", value: "audit"), .init(key: "at", value: .string(at.iso8601)),
        .init(key: "by", value: .string(by)),
        .init(key: "action", value: .string(action.rawValue)),
      ] + identity.members + [
        .init(key: "pid", value: JSONValue(pid)), .init(key: "user", value: JSONValue(user)),
        .init(key: "application", value: JSONValue(application)),
        .init(key: "backend_start", value: JSONValue(backendStart?.iso8601)),
        .init(key: "query_start", value: JSONValue(queryStart?.iso8601)),
        .init(key: "victims", value: JSONValue(victims)),
        .init(key: "outcome", value: result), .init(key: "reason", value: JSONValue(reason)),
      ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let at = json.instant("at"), let by = json["by"]?.text,
      let action = json["action"]?.text.flatMap({ Action(rawValue: $0) }),
      let pid = json["pid"]?.wholeNumber
    else { return nil }
    let outcome: Outcome
    switch json["outcome"]?.text {
    case "signalled": outcome = .signalled
    case "changed": outcome = .changed
    case "failed": outcome = .failed(json["reason"]?.text ?? "")
    default: return nil
    }
    self.init(
      at: at, by: by, action: action, pid: Int32(clamping: pid), user: json["user"]?.text,
      application: json["application"]?.text, backendStart: json.instant("backend_start"),
      queryStart: json.instant("query_start"), victims: Int(json["victims"]?.wholeNumber ?? 0),
      outcome: outcome)
  }
}

extension JSONValue {
  /// A moment in the form that `Instant.iso8601` writes; `nil` for everything else.
  func instant(_ key: String) -> Instant? {
    self[key]?.text.flatMap { Instant(iso8601: $0) }
  }
}

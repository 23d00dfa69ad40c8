import Diagnostics
import PostgresModel

/// Looks for the approvals on which the steps of a plan can lean, and says why others no longer hold.
struct ApprovalSearch {
  /// What was found, by step.
  private(set) var pairs: [(approval: Approval, migration: ApprovedMigration)] = []
  /// What no approval holds for, with the reason.
  private(set) var missing: [Diagnostic.Detail] = []
  private(set) var evidence: [String] = []

  /// The approvals that hold, without repetition.
  var approvals: [Approval] {
    pairs.reduce(into: []) { found, pair in
      if !found.contains(pair.approval) { found.append(pair.approval) }
    }
  }

  init(_ plan: Plan, _ facts: GateFacts) {
    guard facts.demands.isProtected else { return }
    let given = facts.archive.approvals.approvals.reversed().filter {
      $0.approval.isLasting && $0.approval.environment == facts.demands.environment
    }
    for step in plan.steps {
      var reasons: [String] = []
      var isFound = false
      for (approval, revocation) in given {
        guard let migration = approval.approved(step.version, step.direction) else { continue }
        if let reason = facts.reasonAgainst(
          approval, revocation, of: migration, step.direction)
        {
          reasons.append(reason)
          continue
        }
        pairs.append((approval, migration))
        evidence.append(
          "\(step.label): by \(approval.by), \(approval.at.shortText) UTC\(approval.mannerWords)")
        isFound = true
        break
      }
      if isFound { continue }
      let words = reasons.first.map { "no longer: \($0)" } ?? "nobody has approved it"
      // `redo` has both directions of it.
      let detail = Diagnostic.Detail(step.version.text, words)
      if !missing.contains(detail) { missing.append(detail) }
      evidence.append("\(step.label): \(words)")
    }
  }

  /// The refusal of a plan with steps that nobody's word holds for.
  func refusal(_ plan: Plan, _ facts: GateFacts) -> Diagnostic {
    let name = facts.demands.environment
    let down = plan.steps.count { $0.direction == .down }
    var command = "lockstep approve"
    if down > 0 { command += down > 1 ? " --down --count \(down)" : " --down" }
    var next = "have it looked at and approved: `\(command) -e \(name)`"
    if down > 0, down < plan.steps.count {
      next =
        "roll it back and apply it apart, each with its approval, beginning with"
        + " `\(command) -e \(name)`"
    }
    if facts.demands.mayBreakGlass {
      next += "; in an emergency `--break-glass REASON` passes over it and is recorded"
    }
    return .error(
      code: "not_approved", "environment \"\(name)\" is protected, and this is not approved",
      details: (facts.demands.origin.map { [.init("from", $0)] } ?? []) + missing,
      next: next + "; nothing was done")
  }
}

extension Approval {
  fileprivate var mannerWords: String {
    switch manner {
    case .typed: ""
    case .named: ", without a screen"
    case .brokeGlass(let reason): ", glass broken: \(reason)"
    }
  }
}

extension DatabaseIdentity {
  /// For people: `"app" on db1:5432`.
  public var words: String {
    "\"\(database)\" on \(server)" + (system.map { " (system \($0))" } ?? "")
  }
}

extension GateFacts {
  /// Why an approval does not hold for one of its migrations in a direction; `nil` where it does.
  func reasonAgainst(
    _ approval: Approval, _ revocation: ApprovalRecord.Revocation?,
    of approved: ApprovedMigration, _ direction: Direction
  ) -> String? {
    if let revocation {
      let reason = revocation.reason.map { ": \($0)" } ?? ""
      return "\(revocation.by) took it back \(revocation.at.shortText) UTC\(reason)"
    }
    if let reason = reasonAgainstTarget(of: approval) { return reason }
    guard let migration = migration(approved.version) else { return "its file is gone" }
    let checksum = migration.contentChecksum.hexadecimal
    guard checksum == approved.checksum else {
      return "its files have changed since: SHA-256 \(approved.checksum.prefix(12))… was approved,"
        + " it is \(checksum.prefix(12))…"
    }
    // A way back is not less right because something newer was found out about the way forward.
    guard direction == .up else { return nil }
    let earlier = approval.migrations.prefix { $0.version != approved.version }
    if let gone = earlier.first(where: { !isKnown($0.version) }) {
      return "\(gone.version), which was approved to run before it, is gone"
    }
    guard evidence(migration) == approved.evidence else {
      return "its evidence on \(environmentOfEvidence) has changed since"
    }
    let failed = archive.runs.first { run in
      run.start.at > approval.at && run.steps.contains { $0.step.version == approved.version }
        && run.health.contains { $0.outcome == .failed }
    }
    return failed.map {
      "the health check failed after it was applied \($0.start.at.shortText) UTC"
    }
  }

  /// Why an approval does not hold for what the plan would run on; `nil` where it does.
  ///
  /// What cannot be compared is not the same.
  private func reasonAgainstTarget(of approval: Approval) -> String? {
    let theirs = approval.identity
    guard theirs.isSame(as: identity) else {
      return "it was approved for \(theirs.words), and this is \(identity.words)"
    }
    if let system = theirs.system, identity.system == nil {
      return
        "it was approved for system \(system), and this role may not see which one this is: GRANT"
        + " EXECUTE ON FUNCTION pg_control_system() lets it"
    }
    if let oid = theirs.oid, oid != identity.oid {
      return "the database was made anew since: its number was \(oid), it is"
        + " \(identity.oid ?? "not known")"
    }
    if let table = approval.table, table != status.table.description {
      return "it was approved for the history in \(table), and this is \(status.table)"
    }
    return nil
  }

  /// Whether there is still something of it: a file, or a row of the history.
  private func isKnown(_ version: Version) -> Bool {
    status.migrations.contains { $0.version == version }
  }

  /// Why an approval does not hold for all of its migrations; `nil` where it does.
  public func reasonAgainst(
    _ approval: Approval, _ revocation: ApprovalRecord.Revocation?
  ) -> String? {
    for approved in approval.migrations {
      let reason = reasonAgainst(approval, revocation, of: approved, approval.direction)
      guard let reason else { continue }
      return revocation == nil && reasonAgainstTarget(of: approval) == nil
        ? "\(approved.version): \(reason)" : reason
    }
    return nil
  }
}

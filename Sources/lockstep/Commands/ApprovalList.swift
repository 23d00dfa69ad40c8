import MigrationEngine
import MigrationModel

/// The approvals of an environment, newest first, each with whether it holds.
struct ApprovalList {
  struct Entry {
    var approval: Approval
    var revocation: ApprovalRecord.Revocation?
    /// Why it does not hold for what is in the folder now; `nil` where it does.
    var void: String?
  }

  var entries: [Entry]

  init(_ facts: GateFacts) {
    entries = facts.archive.approvals.approvals.reversed()
      .filter { $0.approval.environment == facts.demands.environment }
      .map { approval, revocation in
        Entry(
          approval: approval, revocation: revocation,
          void: facts.reasonAgainst(approval, revocation))
      }
  }

  var lines: [String] {
    entries.flatMap { entry -> [String] in
      let approval = entry.approval
      var lines = [
        "\(approval.at.shortText) UTC  \(approval.words)  for \(approval.identity.words)"
      ]
      let migrations = approval.migrations.map { "\($0.version)" }.joined(separator: ", ")
      lines.append("  \(approval.direction == .up ? "apply" : "roll back") \(migrations)")
      if approval.isLasting { lines.append(entry.void.map { "  void: \($0)" } ?? "  holds") }
      return lines
    }
  }

  var json: JSONValue {
    [
      "approvals": .array(
        entries.map { entry in
          guard case .object(let members) = ApprovalRecord.given(entry.approval).json else {
            return .null
          }
          return .object(
            members + [
              .init(
                key: "holds", value: .bool(entry.approval.isLasting && entry.void == nil)),
              .init(key: "void", value: JSONValue(entry.void)),
              .init(key: "revoked_at", value: JSONValue(entry.revocation?.at.iso8601)),
              .init(key: "revoked_by", value: JSONValue(entry.revocation?.by)),
            ])
        })
    ]
  }
}

extension Approval {
  /// Who has said what, in a few words.
  fileprivate var words: String {
    switch manner {
    case .typed: "approved by \(by)"
    case .named: "approved by \(by), without a screen"
    case .brokeGlass(let reason): "passed over by \(by): \(reason)"
    }
  }
}

import MigrationModel

extension CheckProof {
  /// Whether it depends on more than the content of the migration: on the target, on what was kept.
  var looksElsewhere: Bool {
    switch self {
    case .applied, .backup, .downScript: true
    case .indexes, .constraints, .triggers, .performance, .rollback, .contract, .documentation,
      .assertions, .applies, .reapplies, .queryCache, .duration:
      false
    }
  }

  /// Whether it is seen on a copy alone.
  ///
  /// - Parameter configured: What the project has something to try with for.
  func wantsRehearsal(
    of status: MigrationStatus, configured: Set<CheckProof>
  ) -> Bool {
    switch self {
    case .indexes, .constraints, .triggers, .rollback, .contract, .applies, .reapplies: true
    case .performance, .assertions, .queryCache: configured.contains(self)
    // Of what is applied both are seen on the target.
    case .documentation: status.state == .pending && configured.contains(self)
    case .duration: status.state == .pending
    case .applied, .backup, .downScript: false
    }
  }
}

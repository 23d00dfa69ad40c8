/// What a migration is validated by where the project names no checklist of its own.
public enum GateChecklist {
  /// The staging validation checklist.
  public static let staging = Checklist(
    title: "staging validation",
    items: [
      ChecklistItem(id: "applied", title: "applied successfully in staging", proof: .applied),
      ChecklistItem(id: "indexes", title: "all indexes created", proof: .indexes),
      ChecklistItem(id: "constraints", title: "all constraints enforced", proof: .constraints),
      ChecklistItem(id: "triggers", title: "triggers functioning", proof: .triggers),
      ChecklistItem(id: "performance", title: "performance acceptable", proof: .performance),
      ChecklistItem(id: "rollback", title: "rollback tested and verified", proof: .rollback),
      ChecklistItem(
        id: "contract", title: "no breaking changes to existing contracts", proof: .contract),
      ChecklistItem(id: "documentation", title: "documentation updated", proof: .documentation),
    ])
}

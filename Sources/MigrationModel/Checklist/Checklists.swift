/// The registry of checklists that come with Lockstep.
public enum Checklists {
  /// By the name that `check --checklist` takes.
  public static let all: [(name: String, checklist: Checklist)] = [
    ("staging", staging), ("before-creating", beforeCreating), ("creating", creating),
    ("testing", testing), ("deploying", deploying), ("after-deploying", afterDeploying),
    ("every-migration", everyMigration),
  ]

  /// Returns the checklist of this name.
  public static func named(_ name: String) -> Checklist? {
    all.first { $0.name == name }?.checklist
  }

  /// What has to be seen on staging before anything goes to production; used where nothing else is said.
  public static let staging = Checklist(
    title: "Staging validation",
    items: [
      .proven(.applied, "Applied on staging"),
      .proven(.indexes, "Every index is there and can be used"),
      .proven(.constraints, "Every constraint refuses invalid data"),
      .proven(.triggers, "Every trigger fires"),
      .proven(.performance, "Key queries are as fast as before"),
      .proven(.rollback, "Rolls back, and was seen to"),
      .proven(.contract, "Nothing that others rely on has changed"),
      .proven(.documentation, "Schema dump and diagram are up to date"),
    ])

  public static let beforeCreating = Checklist(
    title: "Before creating a migration",
    items: [
      .told("understand-change", "Understand what has to change in the schema"),
      .told("review-schema", "Review the schema and the constraints that are there"),
      .proven(.downScript, "Plan the way back"),
      .told("consider-performance", "Consider what it costs while it runs, and afterwards"),
      .told("find-users", "Find the queries and the code that it touches"),
    ])

  public static let creating = Checklist(
    title: "Creating a migration",
    items: [
      .told("name", "Give the file a name that says what it does"),
      .told("describe", "Describe it at the head of the file"),
      .proven(.applies, "Write the SQL of the way up"),
      .proven(.downScript, "Write the SQL of the way down"),
      .told("idempotent", "Make it safe to run again"),
      .proven(.indexes, "Add the indexes that it needs"),
      .proven(.constraints, "Add constraints and validations"),
    ])

  public static let testing = Checklist(
    title: "Testing a migration",
    items: [
      .proven(.applies, "Apply it to a copy"),
      .proven(.rollback, "Roll it back on a copy"),
      .proven(.assertions, "Verify that the data is sound"),
      .told("application", "Check that the application works"),
      .told("volume", "Try it with as much data as production has"),
      .proven(.duration, "Measure how long it takes"),
      .told("review", "Review the SQL with the team"),
    ])

  public static let deploying = Checklist(
    title: "Deploying a migration",
    items: [
      .told("merge", "Merge the pull request"),
      .told("staging-first", "Deploy to staging first"),
      .told("staging-application", "Verify the application on staging"),
      .told("dry-run", "Read the dry run against production"),
      .proven(.backup, "Back production up"),
      .proven(.applied, "Apply it to production"),
      .told("health", "Watch the application's health"),
      .told("production-application", "Verify the application on production"),
    ])

  public static let afterDeploying = Checklist(
    title: "After deploying a migration",
    items: [
      .told("record", "Write down that it was done"),
      .proven(.documentation, "Update the documentation of the schema"),
      .told("errors", "Watch for errors"),
      .told("tell", "Tell the team"),
      .told("archive-backup", "Archive the backup after 30 days"),
    ])

  /// From the first line to the last, for each migration.
  public static let everyMigration = Checklist(
    title: "Every migration",
    items: [
      .told("name", "Create the file, with a name that says what it does"),
      .told("write", "Write the SQL of the change"),
      .told("if-not-exists", "Use IF NOT EXISTS, so that it can run again"),
      .proven(.indexes, "Add indexes for foreign keys"),
      .proven(.constraints, "Add the constraints that belong to it"),
      .told("comments", "Document it with comments"),
      .proven(.downScript, "Write the way down"),
      .proven(.applies, "Test the way up"),
      .proven(.applied, "Verify the change in the database"),
      .told("sample-data", "Test with sample data"),
      .proven(.rollback, "Test the way down"),
      .proven(.reapplies, "Apply it again"),
      .proven(.queryCache, "Refresh the prepared queries in .sqlx"),
      .told("review-cache", "Review what changed in .sqlx"),
      .told("commit", "Commit migration and .sqlx together"),
      .told("push", "Push to the remote"),
      .told("ci", "See that CI passes"),
      .proven(.contract, "Document breaking changes"),
    ])
}

extension ChecklistItem {
  /// One that Lockstep proves; its id is the proof's word.
  fileprivate static func proven(_ proof: CheckProof, _ title: String) -> ChecklistItem {
    ChecklistItem(id: proof.rawValue, title: title, proof: proof)
  }

  /// One that a person's word settles.
  fileprivate static func told(_ id: String, _ title: String) -> ChecklistItem {
    ChecklistItem(id: id, title: title)
  }
}

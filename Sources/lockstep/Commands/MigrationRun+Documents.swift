import Diagnostics
import MigrationEngine
import MigrationModel

extension MigrationRun {
  /// Writes the documents that were asked for, about what has run; a failure of theirs is told and changes
  /// nothing.
  func document(
    _ outcome: Runner.Outcome, _ plan: Plan, _ project: OpenProject
  ) async {
    let counts = outcome.counts
    guard counts.applied + counts.reverted > 0 else { return }
    let documents = ProjectDocuments(root: project.settings.root)
    do {
      if arguments.has(Options.incident) {
        let done = plan.steps.prefix(counts.applied + counts.reverted)
        for step in done where step.direction == .down {
          let path = try documents.write(try await context.incident(of: step.version, project))
          context.output.say("wrote \(path)")
        }
      }
      if let title = arguments.text(Options.decision) {
        let (archive, notes) = await JournalPlace(project.settings, loop: context.loop).archive(
          .all, of: project.loaded, in: project.connection)
        for note in notes { context.output.tell(note) }
        guard let run = archive.runs.first else { return }
        let approval = plan.gates.first { $0.id == .approval }?.state.reason
        let path = try documents.add(DecisionEntry(title: title, run: run, approval: approval))
        context.output.say("added to \(path)")
      }
    } catch {
      var diagnostic = Diagnostic(explaining: error)
      diagnostic.severity = .warning
      context.output.tell(diagnostic)
    }
  }
}

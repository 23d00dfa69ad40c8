import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

/// `lockstep approve`: a person's word that what is pending may be run on a protected database.
struct ApproveCommand: Command {
  let name = "approve"
  let summary = "record a person's approval of what is pending"
  let options = [
    Options.to.saying("up to and with it; with --down all above it"), Options.count, Options.down,
    Options.by, Options.revoke, Options.reason,
    Options.list,
  ]
  let discussion = [
    "Shows what would be run in a protected environment, what it does to data and how it stands with its "
      + "validation, and asks to type the environment's name. What is then kept holds for exactly these "
      + "files, this evidence, this database and history table: whatever of it changes, the approval is "
      + "void, and `up` says what has changed. So it is for a database that was dropped and restored, and "
      + "as long as a line of the journal cannot be read, which may take it back.",
    "Approvals are plain records, and not signed: whoever may write to the journal, to lockstep.json or to "
      + "the history of git can write one too. Review .lockstep and lockstep.json as code, or keep the "
      + "journal in the database, and let only the role that migrates write there. A copy of a whole "
      + "cluster cannot be told from its original, a database that is reached under another host name is "
      + "not known to be protected, and what was validated counts by the name of its environment.",
    "An approval of applying holds for rolling the same back as well; with --down rolling back alone is "
      + "approved. --revoke takes back what stands, --list shows all of them.",
    "Where nobody can be asked, as in a pipeline that has its own approvals, --by names who answers for it, "
      + "and it is kept that it was so. --yes never stands for an approval.",
  ]
  let examples = [
    CommandExample("lockstep approve -e production", "read it, then type the name"),
    CommandExample("lockstep approve -e production --to 0042", "up to and with 0042"),
    CommandExample(
      "lockstep approve -e production --by \"$GITHUB_ACTOR\"", "in a job with a required reviewer"),
    CommandExample("lockstep approve -e production --list", "who has approved what"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    if arguments.has(Options.to), arguments.has(Options.count) {
      throw UsageError.contradiction("--to", "--count")
    }
    if arguments.has(Options.list), arguments.has(Options.revoke) {
      throw UsageError.contradiction("--list", "--revoke")
    }
    let settings = try context.settings(arguments)
    let output = context.output
    let others = settings.protectedEnvironments
    guard settings.demands.isProtected || settings.environment != nil || others.isEmpty else {
      // Whoever wants to approve something means one of them, and not whatever is connected to.
      throw Refusal(
        .error(
          code: "usage", "no environment is named",
          next: "name the one that is meant: --env \(others.joined(separator: ", --env "))"))
    }
    guard settings.demands.isProtected else {
      output.say("nothing has to be approved: the environment is not protected")
      if output.isJSON { output.print(["approval": nil, "approvals": []]) }
      return .done
    }
    if !arguments.has(Options.list) { try context.requireWritable(settings) }
    // It writes to the journal alone, in a session of its own.
    var reading = settings
    reading.isReadOnly = true
    let project = try await context.open(reading)
    let keeper = GateKeeper(settings, in: context.surroundings, loop: context.loop)
    let (facts, notes) = await keeper.facts(project.loaded, in: project.connection)
    for note in notes { output.tell(note) }
    if arguments.has(Options.list) { return list(facts, output) }
    if arguments.has(Options.revoke) {
      return try await revoke(arguments, facts, settings, context)
    }
    return try await approve(arguments, facts, project, settings, context)
  }

  // MARK: Approving

  private func approve(
    _ arguments: Arguments, _ facts: GateFacts, _ project: OpenProject,
    _ settings: ProjectSettings, _ context: CommandContext
  ) async throws -> ExitCode {
    let output = context.output
    let plan = plan(arguments, project)
    for warning in plan.warnings { output.tell(warning) }
    if !plan.refusals.isEmpty {
      for refusal in plan.refusals.dropFirst() { output.tell(refusal) }
      throw Refusal(plan.refusals[0])
    }
    guard !plan.steps.isEmpty else {
      output.say("nothing to approve")
      if output.isJSON { output.print(["approval": nil, "gates": []]) }
      return .done
    }
    let gates = Gates.all(for: plan, facts)
    let sheet = ApprovalSheet(plan: plan, facts: facts, gates: gates)
    if !output.isJSON { for line in sheet.lines { output.say(line) } }
    if let standing = gates.first(where: { $0.id == .approval }), standing.refusal == nil,
      gates.first(where: { $0.id == .otherThanAuthor })?.refusal == nil
    {
      output.say("\(standing.state.reason ?? "approved") already; nothing was changed")
      if output.isJSON { output.print(["approval": nil, "gates": GateReport.json(gates)]) }
      return .done
    }
    if let refusal = gates.first(where: { $0.id == .validated })?.refusal {
      throw Refusal(refusal)
    }
    let approver = await Approver(
      context, said: arguments.text(Options.by), root: settings.root)
    let subject = await subject(of: plan, facts)
    try refuseAuthors(approver, subject, facts, plan)
    let manner = try await ask(arguments, facts, context)
    let approval = try await ApprovalDesk(context: context, settings: settings).approve(
      plan, facts, subject, by: approver, manner)
    output.say("approved by \(approval.by)")
    if settings.journal == .file {
      output.say(
        "it is kept in \(settings.root)/.lockstep: commit it where it is run from elsewhere, or keep the"
          + " journal in the database")
    }
    if output.isJSON {
      output.print([
        "approval": ApprovalRecord.given(approval).json, "gates": GateReport.json(gates),
      ])
    }
    return .done
  }

  private func plan(_ arguments: Arguments, _ project: OpenProject) -> Plan {
    let to = arguments.text(Options.to).map { Version($0) }
    let count = arguments.count(Options.count)
    let request: PlanRequest =
      arguments.has(Options.down)
      ? .down(to: to, count: to == nil ? count ?? 1 : nil)
      : .up(to: to, count: count, allowOutOfOrder: true)
    return Plan.make(
      request, status: project.status, layout: project.loaded.layout,
      context: PlanContext(dataLoss: .accepted))
  }

  private func subject(of plan: Plan, _ facts: GateFacts) async -> [ApprovedMigration] {
    var authors: [Version: [String]] = [:]
    for step in plan.steps {
      guard let migration = facts.migration(step.version) else { continue }
      authors[step.version] = await FileAuthors.authors(of: migration)
    }
    return facts.subject(of: plan) { authors[$0.version] }
  }

  private func refuseAuthors(
    _ approver: Approver, _ subject: [ApprovedMigration], _ facts: GateFacts, _ plan: Plan
  ) throws(Refusal) {
    guard facts.demands.approverIsNotAuthor else { return }
    let approval = Approval(
      id: "", at: .current, by: approver.name, alsoKnownAs: approver.alsoKnownAs, manner: .typed,
      environment: facts.demands.environment, identity: facts.identity, migrations: subject)
    for migration in subject {
      if let refusal = approval.refusalOfAuthor(of: migration) { throw Refusal(refusal) }
    }
  }

  /// Has the environment's name typed; where nobody is there, `--by` stands for it.
  private func ask(
    _ arguments: Arguments, _ facts: GateFacts, _ context: CommandContext
  ) async throws -> Approval.Manner {
    let name = facts.demands.environment
    guard context.canAsk else {
      guard arguments.has(Options.by) else {
        throw Refusal(
          .error(
            code: "not_approved", "nobody is there to approve it: standard input is no terminal",
            next:
              "run it on a terminal; in a pipeline that has its own approvals name who answers for"
              + " it: --by NAME; nothing was approved"))
      }
      return .named
    }
    guard
      try await context.confirm("Approve this for \(facts.identity.words)?", byTyping: name)
    else { throw Refusal(.note(code: "declined", "nothing was approved")) }
    return .typed
  }

  // MARK: Taking back

  private func revoke(
    _ arguments: Arguments, _ facts: GateFacts, _ settings: ProjectSettings,
    _ context: CommandContext
  ) async throws -> ExitCode {
    let approver = await Approver(
      context, said: arguments.text(Options.by), root: settings.root)
    let standing = facts.archive.approvals.approvals.filter { approval, revocation in
      approval.isLasting && revocation == nil
        && approval.environment == facts.demands.environment
        && approval.identity.isSame(as: facts.identity)
    }
    let desk = ApprovalDesk(context: context, settings: settings)
    for (approval, _) in standing {
      try await desk.revoke(approval, by: approver, reason: arguments.text(Options.reason))
    }
    let output = context.output
    output.say(
      standing.isEmpty
        ? "there is nothing to take back" : "taken back: \(counted(standing.count, "approval"))")
    if output.isJSON {
      output.print(["revoked": JSONValue(standing.map(\.approval.id))])
    }
    return .done
  }

  // MARK: Listing

  private func list(_ facts: GateFacts, _ output: Output) -> ExitCode {
    let all = ApprovalList(facts)
    if output.isJSON {
      output.print(all.json)
    } else if all.entries.isEmpty {
      output.print("nothing was approved yet")
    } else {
      for line in all.lines { output.print(line) }
    }
    return .done
  }
}

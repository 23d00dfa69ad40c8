import PostgresModel

/// Everything that is known of one migration when its checklist is gone through.
public struct CheckScene: Sendable {
  public var status: MigrationStatus
  /// Where it is checked, as it is called; `nil` where no environment was named.
  public var environment: String?
  /// What was seen of it on a copy; `nil` where it was not rehearsed.
  public var rehearsed: RehearsedMigration?
  /// Why it cannot be rehearsed any more, in words; `nil` where it can, or was.
  public var obstacle: String?
  /// What the copy was; `nil` where there was none.
  public var mode: RehearsalReport.Mode?
  /// The schema of the copy before and after it.
  public var before: SchemaSnapshot?
  public var after: SchemaSnapshot?
  /// The last step of it that the journal has, and who ran it.
  public var run: (step: StepRecord, by: String)?
  /// Whether the target's schema is what a rehearsal of this content came to.
  public var schema = SchemaComparison.notCompared("no rehearsal of it was kept")
  /// What was tried beside the rehearsal: on the target, with the project's files.
  public var trials: [Trial] = []
  /// What the project has something for to try with; of the others a person's word is asked.
  public var configured: Set<CheckProof> = []

  /// What a comparison of the target's schema with that of a rehearsal came to.
  public enum SchemaComparison: Sendable, Hashable {
    case equal
    case different
    /// And why not.
    case notCompared(String)
  }

  public init(_ status: MigrationStatus, environment: String? = nil) {
    self.status = status
    self.environment = environment
  }

  /// What was tried for one proof, on the copy and elsewhere.
  func trials(of proof: CheckProof) -> [Trial] {
    ((rehearsed?.trials ?? []) + trials).filter { $0.proof == proof }
  }

  /// Whether the copy, if there was one, had rows of the target.
  var hadRows: Bool { mode?.hasRows ?? false }

  /// As the end of a sentence: ` on staging`.
  var place: String { environment.map { " on \($0)" } ?? "" }
}

extension CheckFinding {
  /// What one proof comes to.
  public init(_ proof: CheckProof, _ scene: CheckScene) {
    self.init(judging: proof, scene)
    guard let words = scene.rehearsed?.wordsOfRollingBackFirst else { return }
    switch proof {
    case .applied, .backup, .downScript, .documentation: break
    case .duration where scene.status.state == .applied: break
    case .performance, .assertions, .queryCache:
      guard !scene.trials(of: proof).isEmpty else { break }
      evidence.append(.init(words))
    default: evidence.append(.init(words))
    }
  }

  private init(judging proof: CheckProof, _ scene: CheckScene) {
    switch proof {
    case .applied: self = .applied(scene)
    case .indexes: self = .indexes(scene)
    case .constraints: self = .tried(proof, "constraint", scene)
    case .triggers: self = .tried(proof, "trigger", scene)
    case .performance:
      self = .configured(
        proof, scene,
        hint: "no key queries: name a folder of them with key_queries in lockstep.json")
    case .rollback: self = .rollback(scene)
    case .contract: self = .contract(scene)
    case .documentation:
      self = .configured(
        proof, scene,
        hint:
          "neither a schema dump nor a diagram is kept in the project: a person has to see to it")
    case .assertions:
      self = .configured(
        proof, scene, hint: "no assertions: name a folder of them with assertions in lockstep.json")
    case .applies: self = .applies(scene)
    case .reapplies: self = .reapplies(scene)
    case .downScript: self = .downScript(scene)
    case .queryCache:
      self =
        scene.configured.contains(proof)
        ? .configured(proof, scene, hint: "")
        : CheckFinding(.notApplicable, [.init("the project has no .sqlx folder")])
    case .backup:
      let trials = scene.trials(of: proof)
      self =
        trials.isEmpty
        ? CheckFinding(.notProven, [.init("no backup was recorded", .unclear)])
        : CheckFinding(trials)
    case .duration: self = .duration(scene)
    }
  }

  /// Says why there is nothing from a rehearsal.
  static func notRehearsed(_ scene: CheckScene) -> CheckFinding {
    if let rehearsed = scene.rehearsed {
      let why =
        rehearsed.standsInTheWay != nil
        ? rehearsed.reasonNotRun
        : rehearsed.applies == nil
          ? "not rehearsed: one before it failed" : "not tried: it could not be applied to the copy"
      return CheckFinding(.notProven, [.init(why, .unclear)] + errorLines(rehearsed))
    }
    if let obstacle = scene.obstacle {
      return CheckFinding(
        .notProven,
        [.init(obstacle, .unclear), .init("a person signs, or that way back is written")])
    }
    let why =
      scene.status.state == .applied
      ? "it is applied, and was not rehearsed" : "it was not rehearsed"
    return CheckFinding(.notProven, [.init(why, .unclear)])
  }

  static func errorLines(_ rehearsed: RehearsedMigration) -> [Evidence] {
    guard let error = rehearsed.error else { return [] }
    let code = error.sqlstate.map { " (SQLSTATE \($0))" } ?? ""
    // What keeps others from being rolled back speaks against them alone.
    let isItsOwn = rehearsed.standsInTheWay.map { $0 == rehearsed.version } ?? true
    return [Evidence("\(error.what)\(code)", isItsOwn ? .refutes : .unclear)]
      + (error.at.map { [Evidence("  at \($0)")] } ?? [])
  }

  /// What was tried for a proof that the project itself gives the means for.
  static func configured(_ proof: CheckProof, _ scene: CheckScene, hint: String) -> CheckFinding {
    let trials = scene.trials(of: proof)
    guard trials.isEmpty else { return CheckFinding(trials) }
    guard scene.configured.contains(proof) else {
      return CheckFinding(.notProven, [.init(hint, .unclear)])
    }
    return notRehearsed(scene)
  }

  /// What was tried of the objects of one kind that the migration makes.
  static func tried(_ proof: CheckProof, _ kind: String, _ scene: CheckScene) -> CheckFinding {
    let trials = scene.trials(of: proof)
    guard trials.isEmpty else { return CheckFinding(trials) }
    guard let rehearsed = scene.rehearsed, rehearsed.applies == true else {
      return notRehearsed(scene)
    }
    let made = rehearsed.changes.filter {
      $0.kind == kind && ($0.action == .added || $0.property == "definition")
    }
    guard !made.isEmpty else {
      return CheckFinding(.notApplicable, [.init("it makes no \(kind)")])
    }
    return CheckFinding(
      .notProven, made.map { .init("\(kind) \($0.object): nothing was tried", .unclear) })
  }
}

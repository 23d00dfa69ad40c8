import MigrationModel

extension ProjectSettings {
  /// What the environment asks for before, while and after migrations run in it.
  var demands: EnvironmentDemands {
    var demands = EnvironmentDemands(
      environment: environment?.value ?? rules.name, origin: environment?.origin)
    guard environment != nil else { return demands }
    demands.isProtected = rules.isProtected
    demands.validatedOn = rules.validatedOn
    demands.approverIsNotAuthor = rules.approval.otherThanAuthor
    demands.mayBreakGlass = rules.approval.breakGlass
    demands.rollsBackAutomatically = rules.rollsBackAutomatically
    switch rules.backup {
    case .none: break
    case .taken(_, let command?): demands.backup = .command(program(command))
    case .taken(let directory, nil):
      demands.backup = .dump(
        directory: ConfigurationSources.path(directory ?? ".lockstep/backups", in: root))
    }
    let timeout = rules.healthTimeout ?? .seconds(30)
    switch rules.health {
    case nil: break
    case .sql(let sql): demands.health = HealthDemand(.sql(sql), timeout: timeout)
    case .command(let command):
      demands.health = HealthDemand(.command(program(command)), timeout: timeout)
    case .url(let url): demands.health = HealthDemand(.url(url), timeout: timeout)
    }
    return demands
  }

  /// A command whose program is named by its path is looked for in the project's folder.
  private func program(_ command: [String]) -> [String] {
    guard let first = command.first, first.contains("/") else { return command }
    return [ConfigurationSources.path(first, in: root)] + command.dropFirst()
  }
}

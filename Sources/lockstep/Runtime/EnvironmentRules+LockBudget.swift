import MigrationModel

extension EnvironmentRules {
  /// The lock budget of this environment; a protected one has a time-out even where nothing is said.
  ///
  /// - Parameters:
  ///   - timeout: What the command line says instead.
  ///   - attempts: What the command line says instead.
  func lockBudget(timeout: Duration? = nil, attempts: Int? = nil) -> LockBudget {
    LockBudget.filled(
      timeout: timeout ?? lockTimeout ?? (isProtected ? LockBudget.protectedTimeout : nil),
      attempts: attempts ?? lockAttempts, victims: lockVictims, oldestVictim: lockVictimWait)
  }
}

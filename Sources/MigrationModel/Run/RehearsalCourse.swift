import Diagnostics
import PostgresModel

/// What is rehearsed, and what is rolled back on the copy before.
///
/// A migration that is applied cannot be applied again where it stands: on the copy it is rolled back first,
/// and before it whatever was applied after it.
public struct RehearsalCourse: Sendable {
  /// Applied ones, in the order in which they are rolled back on the copy; none where only pending ones are
  /// rehearsed.
  public var rolledBack: [MigrationStatus]
  /// In the order in which they are rehearsed.
  public var rehearsed: [MigrationStatus]

  public init(rolledBack: [MigrationStatus] = [], rehearsed: [MigrationStatus] = []) {
    self.rolledBack = rolledBack
    self.rehearsed = rehearsed
  }

  /// Decides what a rehearsal does.
  ///
  /// - Parameter versions: Those to be told of: of pending ones everything up to the last of them is
  ///   rehearsed, of applied ones everything from the first to the last of them; none: all that is pending.
  /// - Throws: `Refusal` where a version is unknown, where something stands against applying what is
  ///   pending, and where an applied one cannot be rolled back first.
  public static func make(
    _ versions: [Version], status: ProjectStatus, layout: any Layout
  ) throws(Refusal) -> RehearsalCourse {
    let migrations = status.migrations
    var wanted: [Int] = []
    for version in versions {
      wanted.append(try VersionSearch(status, layout).find(version).get())
    }
    if let failed = wanted.first(where: { migrations[$0].state == .failed }) {
      throw Refusal(migrations[failed].diagnostic(of: .dirty))
    }
    let pending = migrations.indices.filter { migrations[$0].state == .pending }
    let end = versions.isEmpty ? pending.last : wanted.filter(pending.contains).max()
    var course = RehearsalCourse()
    let applied = wanted.filter { migrations[$0].state == .applied }
    if let first = applied.min(), let last = applied.max() {
      if let obstacle = obstacle(to: migrations[first], in: status) { throw Refusal(obstacle) }
      let standing = (first..<migrations.count).filter { migrations[$0].state == .applied }
      course.rolledBack = standing.reversed().map { migrations[$0] }
      // What is pending stands on everything that is applied.
      course.rehearsed = standing.filter { $0 <= last || end != nil }.map { migrations[$0] }
    }
    guard versions.isEmpty || end != nil else { return course }
    let plan = Plan.make(
      .up(to: nil, count: nil, allowOutOfOrder: true), status: status, layout: layout,
      context: PlanContext(dataLoss: .accepted))
    if let refusal = plan.refusals.first { throw Refusal(refusal) }
    course.rehearsed += pending.filter { $0 <= end ?? 0 }.map { migrations[$0] }
    return course
  }

  /// Why an applied migration cannot be rehearsed; `nil` where it can, as far as the files tell.
  public static func obstacle(
    to status: MigrationStatus, in project: ProjectStatus
  ) -> Diagnostic? {
    let migrations = project.migrations
    guard let first = migrations.firstIndex(where: { $0.version == status.version }) else {
      return nil
    }
    for later in migrations[first...].reversed() {
      guard let reason = later.reasonAgainstRollingBack else { continue }
      let place =
        later.version == status.version
        ? "it cannot be rolled back on the copy first"
        : "\(later.label), which comes after it, cannot be rolled back on the copy first"
      return .error(
        code: "irreversible",
        "\(status.label) is applied and cannot be rehearsed: \(place): \(reason)",
        at: later.location,
        next: "write that way back, or rehearse it before it is applied; nothing was run")
    }
    return nil
  }
}

extension MigrationStatus {
  /// Why it cannot be rolled back, as far as that is seen without a server; `nil` where it can, or is not
  /// applied.
  fileprivate var reasonAgainstRollingBack: String? {
    switch state {
    case .pending: return nil
    case .failed: return "a run of it broke off half-way"
    case .applied:
      guard let migration else { return "its file is gone" }
      return migration.isReversible ? nil : migration.down.reasonAgainst
    }
  }
}

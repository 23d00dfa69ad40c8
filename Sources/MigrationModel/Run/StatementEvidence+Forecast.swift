import PostgresModel

extension StatementEvidence {
  /// Compares what was seen with what was concluded from the text, where something was.
  ///
  /// - Parameters:
  ///   - forecast: Made with the facts of the scratch copy before the migration.
  ///   - held: What earlier statements of the same transaction had gained.
  ///   - standing: The relations that were there before the migration.
  /// - Returns: A line for each disagreement; none where nothing was concluded.
  public func differences(
    from forecast: EffectAnalysis, held: [ObservedLock], standing: Set<QualifiedName>
  ) -> [String] {
    guard let effect = forecast.effect else { return [] }
    return missingLocks(effect, held, standing) + unforeseenLocks(effect) + otherDifferences(effect)
  }

  /// Locks that it was sure to take, and did not.
  private func missingLocks(
    _ effect: StatementEffect, _ held: [ObservedLock], _ standing: Set<QualifiedName>
  ) -> [String] {
    // What was only sampled may have been there.
    guard source != .sampled else { return [] }
    let taken = locks + held
    return effect.locks.compactMap { lock in
      guard lock.isCertain, let name = lock.relation, standing.contains(name) else { return nil }
      let isThere = taken.contains { $0.relation == name && $0.mode >= lock.mode }
      return isThere ? nil : "foreseen, not seen: \(lock.mode.sqlName) on \(name)"
    }
  }

  private func unforeseenLocks(_ effect: StatementEffect) -> [String] {
    guard effect.unseen.isEmpty else { return [] }
    // A place without a name may be any relation.
    let anywhere = effect.locks.filter { $0.relation == nil }.map(\.mode).max()
    return locks.strongest.compactMap { lock in
      guard !lock.isOnIndex, lock.kind != .compositeType else { return nil }
      let foreseen = effect.locks.filter { $0.relation == lock.relation }.map(\.mode).max()
      guard [foreseen, anywhere].allSatisfy({ $0.map { lock.mode > $0 } ?? true }) else {
        return nil
      }
      let instead = foreseen.map { " (foreseen: \($0.sqlName))" } ?? ""
      return "seen, not foreseen: \(lock.mode.sqlName) on \(lock.relation)\(instead)"
    }
  }

  private func otherDifferences(_ effect: StatementEffect) -> [String] {
    var lines: [String] = []
    // A statement that touches only what the migration made has nothing to rewrite that was there.
    let touchesOthers = !effect.locks.isEmpty
    func compare(_ foreseen: Judgement, _ seen: [QualifiedName]?, _ word: String) {
      guard let seen else { return }
      switch foreseen {
      case .no where !seen.isEmpty && effect.unseen.isEmpty:
        let names = seen.map(\.description).joined(separator: ", ")
        lines.append("seen, not foreseen: \(word) \(names)")
      case .yes where seen.isEmpty && touchesOthers:
        lines.append("foreseen, not seen: \(word) a table")
      default: break
      }
    }
    compare(effect.rewrites, rewrites, "rewrites")
    compare(effect.scans, scans, "reads every row of")
    return lines
  }
}

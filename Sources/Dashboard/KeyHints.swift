import Canvas
import PostgresModel

extension Model {
  /// The key bar: the hints of the focused pane and of all panes, as far as they mean something now.
  ///
  /// Read from the tables that also act, so that no key is shown that does not work.
  func keyHints() -> [KeyHint] {
    let own = focusedPane?.bindings ?? []
    let taken = Set(own.flatMap(\.keys))
    let others = Bindings.everywhere.filter { !taken.contains($0.keys[0]) }
    var hints: [KeyHint] = []
    if facts.isRunning {
      hints.append(KeyHint(.control("c"), interruptWords))
    } else if facts.checks.isRunning, facts.checks.log?.isCancelling == false {
      hints.append(KeyHint(.control("c"), "cancel"))
    }
    for binding in own + others {
      guard let hint = binding.hint, isOffered(binding.action) else { continue }
      hints.append(
        KeyHint(
          binding.keys[0], words(hint, for: binding.action), isFaint: isInVain(binding.action)))
    }
    return hints
  }

  private var interruptWords: String {
    switch interruption {
    case .none, .asked: "cancel"
    case .cancelling: "leave after that"
    case .leaving: "leave at once"
    }
  }

  private func words(_ hint: String, for action: Action) -> String {
    switch action {
    case .nextStatement where facts.run?.stop?.place.next == .commit: "commit"
    case .leave where canGoBack: "back"
    case .cancelSession, .endSession:
      facts.locks.selected?.pid.map { "\(hint) \($0)" } ?? "remedy"
    case .open where focusedPane?.slot == .checks:
      (focusedPane as? ChecksPane)?.opened == nil ? hint : "list"
    case .open where opensSession: "session"
    case .open where isZoomed && focusedPane?.slot != .list: "unzoom"
    case .open where focusedPane?.slot != .list: "zoom"
    default: hint
    }
  }

  /// Whether a key of the checklist means something for the item that is selected.
  private func isOfferedCheck(_ action: Action) -> Bool {
    guard let selected = facts.selectedMigration, let checked = facts.checked(selected) else {
      return false
    }
    let item = checked.items.first { $0.item.id == facts.checks.selected }
    let isFree = !facts.checks.isRunning && !facts.isRunning && facts.connection.server != nil
    switch action {
    case .proveItem: return isFree && item?.item.proof != nil
    case .proveAll: return isFree
    case .rehearse: return isFree && selected.state == .pending
    case .sign: return item?.status == .open || item?.status == .stale
    case .waive: return item.map { !$0.status.isSettled } ?? false
    case .takeBack: return item?.status == .signed || item?.status == .waived
    case .note: return item != nil
    default: return true
    }
  }

  /// Whether a key would only say why it does nothing at present.
  private func isInVain(_ action: Action) -> Bool {
    switch action {
    case .cancelSession, .endSession: obstacleToSignalling != nil
    default: false
    }
  }

  /// Whether the locks are looked at, or keep a run of ours waiting.
  private var locksMatter: Bool {
    let slot = focusedPane?.slot
    return slot == .locks || slot == .detail || (facts.isRunning && facts.locks.waiting ?? 0 > 0)
  }

  private func isOffered(_ action: Action) -> Bool {
    switch action {
    case .sign, .waive, .takeBack, .note, .proveItem, .proveAll, .rehearse, .export, .saveEvidence:
      isOfferedCheck(action)
    case .stepAside: facts.run?.mayStepAside ?? false
    case .nextStatement, .runRest, .rollBackRun: facts.run?.stop != nil
    case .applyNext, .applyTo:
      facts.picture.knowsStates && facts.counts.pending > 0 && !facts.isRunning
    case .rollBack: facts.picture.knowsStates && facts.counts.applied > 0 && !facts.isRunning
    // q says the same.
    case .back: false
    case .openLocks: focusedPane?.slot != .locks
    case .cancelSession: facts.locks.selected?.pid != nil && locksMatter
    case .endSession: facts.locks.selected != nil && locksMatter
    case .nextPane: arrangement.panes.count > 1 && size.columns >= 100
    default: true
    }
  }
}

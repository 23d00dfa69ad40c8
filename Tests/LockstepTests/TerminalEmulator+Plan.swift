import Canvas
import TestSupport

extension TerminalEmulator {
  /// Says yes to the plan that is shown, once it takes that.
  ///
  /// A plan passes the keys of its first moment over and says so. No key is sent twice without knowing
  /// what became of the first: the second would go to whatever is shown behind the plan.
  func confirmPlan() {
    let tooSoon = "too soon: read it first"
    while true {
      send("y")
      wait { !$0.text.contains("y apply on") || $0.text.contains(tooSoon) }
      guard text.contains(tooSoon) else { return }
      // Any key takes the words away.
      send(.up)
      wait { !$0.text.contains(tooSoon) }
    }
  }
}

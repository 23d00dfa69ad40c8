import MigrationModel

/// Tells how the gates of an environment stand.
enum GateReport {
  /// For people: a line for each gate that is asked for, what was seen below it.
  static func lines(_ gates: [Gate]) -> [String] {
    gates.flatMap { gate -> [String] in
      guard gate.state != .notAsked || !gate.evidence.isEmpty else { return [] }
      let mark: String
      switch gate.state {
      case .open: mark = "[x]"
      case .closed: mark = "[ ]"
      case .notAsked: mark = "[-]"
      }
      let reason = gate.state.reason.map { ": \($0)" } ?? ""
      return ["\(mark) \(gate.title)\(reason)"] + gate.evidence.map { "      \($0)" }
    }
  }

  /// For scripts.
  static func json(_ gates: [Gate]) -> JSONValue {
    .array(
      gates.map { gate in
        [
          "id": .string(gate.id.rawValue), "title": .string(gate.title),
          "state": .string(gate.state.word), "reason": JSONValue(gate.state.reason),
          "evidence": JSONValue(gate.evidence),
        ]
      })
  }
}

/// What was typed after a command, checked against what the command takes.
struct Arguments: Sendable, Hashable {
  private var values: [String: [OptionValue]] = [:]
  /// What is no option, in order.
  private(set) var operands: [String] = []

  mutating func add(_ value: OptionValue, to option: CommandOption) {
    if option.repeats {
      values[option.name, default: []].append(value)
    } else {
      values[option.name] = [value]
    }
  }

  mutating func add(operand: String) { operands.append(operand) }

  func has(_ option: CommandOption) -> Bool { values[option.name] != nil }

  func text(_ option: CommandOption) -> String? { texts(option).last }

  /// Every value of an option that may be repeated, in the order given.
  func texts(_ option: CommandOption) -> [String] {
    (values[option.name] ?? []).compactMap { if case .text(let text) = $0 { text } else { nil } }
  }

  func count(_ option: CommandOption) -> Int? {
    if case .count(let number) = values[option.name]?.last { number } else { nil }
  }

  func duration(_ option: CommandOption) -> Duration? {
    if case .duration(let duration) = values[option.name]?.last { duration } else { nil }
  }
}

/// What a command reaches beside its arguments.
struct CommandContext: Sendable {
  var surroundings: Surroundings
  var output: Output
}

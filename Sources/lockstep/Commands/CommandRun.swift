import Diagnostics
import EventLoop
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A command on its way: on a loop of its own, with an ear for signals.
struct CommandRun: Sendable {
  var command: any Command
  var arguments: Arguments
  var surroundings: Surroundings

  /// Runs it on this thread to its end.
  func onLoop() -> ExitCode {
    let output = Output(arguments, in: surroundings)
    do {
      let loop = try EventLoop()
      let context = CommandContext(
        surroundings: surroundings, output: output, loop: loop,
        application: "lockstep \(command.name)")
      return loop.run { await run(in: context) }
    } catch {
      return output.end(with: error)
    }
  }

  private func run(in context: CommandContext) async -> ExitCode {
    let isInterrupted = Mutex(false)
    let work = Task(executorPreference: context.loop) { () -> Result<ExitCode, any Error> in
      do {
        return .success(try await command.run(arguments, in: context))
      } catch {
        return .failure(error)
      }
    }
    let ear = Task(executorPreference: context.loop) {
      guard !command.hearsSignals, let signals = SignalPipe(loop: context.loop) else { return }
      while let numbers = try? await signals.next() {
        if numbers.contains(SIGTSTP) { SignalPipe.stopProcess() }
        guard numbers.contains(where: SignalPipe.endings.contains) else { continue }
        // Asked a second time we go at once; the server rolls back what has not committed.
        if isInterrupted.withLock({ was in
          defer { was = true }
          return was
        }) {
          exit(ExitCode.interrupted.rawValue)
        }
        work.cancel()
      }
    }
    let result = await work.value
    ear.cancel()
    switch result {
    case .success(let code): return code
    case .failure(let error):
      guard isInterrupted.withLock({ $0 }) else { return context.output.end(with: error) }
      _ = context.output.end(with: interruption(of: error))
      return .interrupted
    }
  }

  /// What a command says that was interrupted and did not word it itself.
  private func interruption(of error: any Error) -> any Error {
    if let refusal = error as? Refusal, refusal.diagnostic.code == "interrupted" { return refusal }
    return Refusal(
      .error(
        code: "interrupted", "interrupted",
        next: "the running statement was cancelled; `lockstep status` shows what was recorded"))
  }
}

extension Output {
  /// Tells the error that ends the program, and returns how it ends.
  func end(with error: any Error) -> ExitCode {
    let diagnostic = Diagnostic(explaining: error)
    fail(diagnostic)
    return ExitCode(of: diagnostic)
  }
}

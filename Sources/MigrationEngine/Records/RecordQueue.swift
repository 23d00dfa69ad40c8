import MigrationModel
import Synchronization

/// Records on their way to where they are kept: those that come before the writer is there again are
/// written together.
final class RecordQueue: Sendable {
  private struct State {
    var records: [RunRecord] = []
    var isFinished = false
    /// The writer, while there is nothing for it to do.
    var writer: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  func add(_ records: [RunRecord]) {
    guard !records.isEmpty else { return }
    wakeWriter { $0.records += records }
  }

  /// Nothing comes any more.
  func finish() { wakeWriter { $0.isFinished = true } }

  private func wakeWriter(_ change: (inout State) -> Void) {
    let writer = state.withLock { state in
      change(&state)
      defer { state.writer = nil }
      return state.writer
    }
    writer?.resume()
  }

  /// Waits for records; one writer alone may.
  ///
  /// - Returns: All that are there; `nil` once the last has been taken.
  func next() async -> [RunRecord]? {
    while true {
      let (records, isFinished) = state.withLock { state in
        defer { state.records = [] }
        return (state.records, state.isFinished)
      }
      if !records.isEmpty { return records }
      if isFinished { return nil }
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          guard state.records.isEmpty, !state.isFinished else { return true }
          state.writer = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    }
  }
}

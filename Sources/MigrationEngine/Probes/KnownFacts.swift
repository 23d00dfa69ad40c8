import MigrationModel
import Postgres
import PostgresModel

/// What there was of one kind before a migration, for a probe that tries what has come or changed since.
struct KnownFacts<Fact: Sendable>: Sendable {
  private let proof: CheckProof
  /// All of them, in a word: what cannot be told is told of this.
  private let subject: String
  private let question: @Sendable (_ serverVersion: Int) -> Query<Fact>
  /// `nil` where they could not be read.
  private var before: [Fact]?

  init(
    _ proof: CheckProof, _ subject: String,
    _ question: @escaping @Sendable (_ serverVersion: Int) -> Query<Fact>
  ) {
    self.proof = proof
    self.subject = subject
    self.question = question
  }

  /// Reads them before the migration; what cannot be read is told afterwards.
  ///
  /// - Throws: `CancellationError` alone.
  mutating func read(_ scene: ScratchScene) async throws {
    before = nil
    do {
      before = try await now(ProbeSession(connection: scene.session))
    } catch {
      try Task.checkCancellation()
    }
  }

  /// Reads them once more and tries what the body tries, and sets back the sequences that it has moved.
  ///
  /// - Throws: `CancellationError` alone.
  func compare(
    _ scene: ScratchScene,
    _ body: (_ before: [Fact], _ now: [Fact], ProbeSession) async throws -> [Trial]
  ) async throws -> [Trial] {
    let session = ProbeSession(connection: scene.session)
    do {
      let now = try await now(session)
      guard let before else {
        return [
          Trial(
            proof, subject, .notProven,
            [.init("what was there before could not be read", .unclear)])
        ]
      }
      let sequences = try await SequencePositions.read(session)
      let trials = try await body(before, now, session)
      try await sequences.restore(session)
      return trials
    } catch {
      try Task.checkCancellation()
      return [.untold(proof, subject, error)]
    }
  }

  private func now(_ session: ProbeSession) async throws -> [Fact] {
    try await session.facts(question(session.connection.serverVersion))
  }
}

import MigrationModel
import Testing

struct LockBudgetTests {
  @Test func `a time-out brings attempts and victims with it`() {
    let budget = LockBudget.filled(timeout: .seconds(3))
    #expect(
      budget
        == LockBudget(
          timeout: .seconds(3), attempts: 10, victims: 20, oldestVictim: .seconds(2)))
    #expect(budget.isOn)
    #expect(LockBudget.filled(timeout: nil) == .off)
    #expect(!LockBudget.off.isOn)
  }

  @Test func `what is said goes before what is filled in`() {
    let budget = LockBudget.filled(
      timeout: .seconds(3), attempts: 4, victims: 5, oldestVictim: .milliseconds(600))
    #expect(budget.attempts == 4)
    #expect(budget.victims == 5)
    #expect(budget.oldestVictim == .milliseconds(600))
    let alone = LockBudget.filled(timeout: nil, victims: 5)
    #expect(alone.isOn)
    #expect(alone.attempts == 10)
    #expect(alone.oldestVictim == nil)
  }

  @Test func `it waits until a limit is passed and names the one`() {
    let budget = LockBudget.filled(timeout: .seconds(3))
    func verdict(_ waited: Int, _ victims: Int, _ oldest: Int?) -> LockBudget.Verdict {
      budget.verdict(
        waited: .milliseconds(waited), victims: victims,
        oldest: oldest.map { .milliseconds($0) })
    }
    #expect(verdict(0, 0, nil) == .keepWaiting)
    #expect(verdict(3000, 20, 2000) == .keepWaiting)
    #expect(verdict(100, 21, 50) == .stepAside(.victims))
    #expect(verdict(2500, 1, 2001) == .stepAside(.oldestVictim))
    // The server itself ends what has waited for 3 s.
    #expect(verdict(3101, 0, nil) == .stepAside(.lockTimeout))
  }

  @Test func `without limits it waits for ever`() {
    #expect(
      LockBudget.off.verdict(waited: .seconds(3600), victims: 400, oldest: .seconds(3600))
        == .keepWaiting)
  }

  @Test func `the rests grow by half from twice the time-out`() {
    let budget = LockBudget.filled(timeout: .seconds(2))
    let rests = (1...7).map { budget.rest(after: $0, random: 0.5) }
    #expect(
      rests == [
        .seconds(4), .seconds(6), .seconds(9), .milliseconds(13_500), .milliseconds(20_250),
        .seconds(30), .seconds(30),
      ])
    #expect(budget.rest(after: 1, random: 0) == .seconds(3))
    #expect(budget.rest(after: 9, random: 0.999) == .seconds(30))
  }

  @Test func `a rest takes at least a moment`() {
    let short = LockBudget.filled(timeout: .milliseconds(10))
    #expect(short.rest(after: 1, random: 0.5) == .milliseconds(200))
    #expect(LockBudget.off.rest(after: 1, random: 0.5) == .seconds(2))
  }
}

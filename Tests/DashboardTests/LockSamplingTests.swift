import MigrationModel
import PostgresModel
import Testing

@testable import Dashboard

/// When the server is asked for its locks, and for how much of them.
struct LockSamplingTests {
  @Test func `an idle server is asked for a count each interval`() {
    var model = Scenes.ready(locks: Scenes.silent)
    #expect(model.tell(.tick(Scenes.later(500))) == [])
    #expect(model.tell(.tick(Scenes.later(1000))) == [.sampleLocks(.count)])
    #expect(model.tell(.tick(Scenes.later(2000))) == [], "not while an answer is awaited")
    model.tell(.locksSampled(Self.count(0, at: 2000)))
    #expect(model.tell(.tick(Scenes.later(3000))) == [.sampleLocks(.count)])
  }

  static func count(_ waiting: Int, at milliseconds: Int64, cost: Double = 0.05) -> LockSample {
    LockSample(
      at: Scenes.later(milliseconds), costMilliseconds: cost, content: .waiting(waiting))
  }

  @Test func `somebody waiting brings a full scan`() {
    var model = Scenes.ready(locks: Scenes.silent)
    model.tell(.tick(Scenes.later(1000)), .locksSampled(Self.count(3, at: 1000)))
    #expect(model.tell(.tick(Scenes.later(2000))) == [.sampleLocks(.full)])
  }

  @Test func `a dear answer halves the pace`() {
    var model = Scenes.ready(locks: Scenes.silent)
    model.tell(.tick(Scenes.later(1000)), .locksSampled(Self.count(0, at: 1000, cost: 12)))
    #expect(model.tell(.tick(Scenes.later(2000))) == [])
    #expect(model.tell(.tick(Scenes.later(3000))) == [.sampleLocks(.count)])
  }

  @Test func `a frozen picture asks nothing and takes nothing`() {
    var model = Scenes.ready(locks: Scenes.silent)
    model.press(.character("p"))
    #expect(model.screen[0].contains("FROZEN"))
    #expect(model.tell(.tick(Scenes.later(9000))) == [])
    model.tell(.locksSampled(Scenes.queue))
    #expect(model.text.contains("nobody waits"))
    model.press(.character("p"))
    #expect(model.tell(.tick(Scenes.later(10_000))) != [])
  }
}

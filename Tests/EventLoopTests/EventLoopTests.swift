import EventLoop
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct EventLoopTests {
  @Test func `every line between two waits runs on the thread of the loop`() async throws {
    let sameThread = try await onLoop { loop in
      let before = pthread_self()
      try await loop.sleep(for: .milliseconds(1))
      await BlockingWork.run {}
      let after = pthread_self()
      loop.checkIsolated()
      return pthread_equal(before, after) != 0
    }
    #expect(sameThread)
  }

  @Test func `two tasks that wait on one descriptor are both resumed`() async throws {
    let events = try await onLoop { loop in
      var ends: [Int32] = [-1, -1]
      pipe(&ends)
      let descriptor = ends[0]
      async let first = loop.ready(descriptor, Int16(POLLIN))
      async let second = loop.ready(descriptor, Int16(POLLIN))
      try await loop.sleep(for: .milliseconds(5))
      var byte: UInt8 = 1
      write(ends[1], &byte, 1)
      let both = try await [first, second]
      for end in ends { close(end) }
      return both
    }
    #expect(events.allSatisfy { $0 & Int16(POLLIN) != 0 })
  }

  @Test func `a cancelled wait ends and leaves nothing behind`() async throws {
    let wasCancelled = try await onLoop { loop in
      var ends: [Int32] = [-1, -1]
      pipe(&ends)
      let descriptor = ends[0]
      let waiting = Task(executorPreference: loop) {
        do {
          _ = try await loop.ready(descriptor, Int16(POLLIN))
          return false
        } catch { return true }
      }
      try await loop.sleep(for: .milliseconds(5))
      waiting.cancel()
      let result = await waiting.value
      for end in ends { close(end) }
      return result
    }
    #expect(wasCancelled)
  }

  @Test func `a descriptor that was closed gives POLLNVAL`() async throws {
    let events = try await onLoop { loop in
      var ends: [Int32] = [-1, -1]
      pipe(&ends)
      for end in ends { close(end) }
      return try await loop.ready(ends[0], Int16(POLLIN))
    }
    #expect(events & Int16(POLLNVAL) != 0)
  }

  @Test func `a wait with an end ends, and others go on`() async throws {
    let (late, heard) = try await onLoop { loop in
      var ends: [Int32] = [-1, -1]
      pipe(&ends)
      let descriptor = ends[0]
      async let patient = loop.ready(descriptor, Int16(POLLIN))
      let late = await loop.readyDespiteCancellation(
        descriptor, Int16(POLLIN), until: .now + .milliseconds(5))
      var byte: UInt8 = 1
      write(ends[1], &byte, 1)
      let heard = try await patient
      for end in ends { close(end) }
      return (late, heard)
    }
    #expect(late == 0)
    #expect(heard & Int16(POLLIN) != 0)
  }

  @Test func `timers fire while jobs never run out`() async throws {
    let count = try await onLoop { loop in
      let turns = Mutex(0)
      let busy = Task(executorPreference: loop) {
        while !Task.isCancelled {
          turns.withLock { $0 += 1 }
          await Task.yield()
        }
      }
      try await loop.sleep(for: .milliseconds(20))
      busy.cancel()
      await busy.value
      return turns.withLock { $0 }
    }
    #expect(count > 1)
  }

  @Test func `a descriptor is heard while jobs never run out`() async throws {
    let events = try await onLoop { loop in
      var ends: [Int32] = [-1, -1]
      pipe(&ends)
      let busy = Task(executorPreference: loop) {
        while !Task.isCancelled { await Task.yield() }
      }
      var byte: UInt8 = 1
      write(ends[1], &byte, 1)
      let events = try await loop.ready(ends[0], Int16(POLLIN))
      busy.cancel()
      await busy.value
      for end in ends { close(end) }
      return events
    }
    #expect(events & Int16(POLLIN) != 0)
  }

  @Test func `a child has every signal unblocked and gives its output and status`() async throws {
    let outcome = try await onLoop { _ in
      try await ChildProcess([
        "/bin/sh", "-c", "grep SigBlk /proc/self/status; echo problem >&2; exit 7",
      ]).run()
    }
    #expect(outcome.status == 7)
    #expect(outcome.errorText == "problem\n")
    let output = String(decoding: outcome.output, as: UTF8.self)
    #expect(output.split(separator: "\t").last == "0000000000000000\n")
  }

  @Test func `a program that is not there is told by name`() async throws {
    let error = await #expect(throws: ChildProcess.CannotStart.self) {
      _ = try await onLoop { _ in try await ChildProcess(["no-such-program"]).run() }
    }
    #expect(error?.program == "no-such-program")
    #expect(error?.reason == "No such file or directory")
  }
}

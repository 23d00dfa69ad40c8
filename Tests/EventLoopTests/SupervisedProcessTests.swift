import EventLoop
import Synchronization
import TestSupport
import Testing

/// Programs that are ended with everything they have started.
@Suite struct SupervisedProcessTests {
  private func status(_ end: SupervisedProcess.End) -> String {
    switch end {
    case .ended(let outcome): "ended \(outcome.status)"
    case .late: "late"
    case .cancelled: "cancelled"
    }
  }

  @Test func `what it reads and writes is as without supervision`() async throws {
    let process = SupervisedProcess(
      ChildProcess(["sh", "-c", "cat; echo oops >&2; exit 7"]), input: Array("in\n".utf8))
    guard case .ended(let outcome) = try await process.run() else {
      Issue.record("it did not end by itself")
      return
    }
    #expect(outcome.status == 7)
    #expect(outcome.output == Array("in\n".utf8))
    #expect(outcome.errorText == "oops\n")
  }

  @Test func `it is ended when its time is over, though it will not hear`() async throws {
    var process = SupervisedProcess(
      ChildProcess(["sh", "-c", "trap '' TERM; yes & yes"]), timeout: .milliseconds(50))
    process.grace = .milliseconds(50)
    #expect(status(try await process.run()) == "late")
  }

  @Test func `it is ended when the task is cancelled`() async throws {
    let (stream, started) = AsyncStream<Void>.makeStream()
    let task = Task {
      try await SupervisedProcess(ChildProcess(["sh", "-c", "echo begun; yes >/dev/null"])).run {
        _ in
        started.yield()
        return true
      }
    }
    for await _ in stream { break }
    task.cancel()
    #expect(status(try await task.value) == "cancelled")
  }

  @Test func `it is ended when nobody takes what it writes`() async throws {
    let bytes = Mutex(0)
    let end = try await SupervisedProcess(ChildProcess(["yes"])).run { chunk in
      bytes.withLock {
        $0 += chunk.count
        return $0 < 100_000
      }
    }
    guard case .ended(let outcome) = end else {
      Issue.record("it was not told to end by its reader")
      return
    }
    #expect(outcome.status == 128 + 15)
  }

  @Test func `what cannot be started is told`() async {
    do {
      _ = try await SupervisedProcess(ChildProcess(["/no/such/program"])).run()
      Issue.record("it was started")
    } catch {
      #expect(error.program == "/no/such/program")
      #expect(error.reason == "No such file or directory")
    }
  }
}

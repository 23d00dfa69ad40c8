import CLibpq
import EventLoop

extension Connection {
  /// Asks the server to cancel what runs in this session; harmless when nothing does.
  ///
  /// A busy server may be told before it has read the statement, and forgets it then: as long as the
  /// answer does not come it is asked again, after a second and then ever more rarely.
  public func cancel() async {
    let meant = turn
    await requestCancellation()
    // What was meant may have ended meanwhile, and something else begun.
    guard isBusy, turn == meant, insistence == nil else { return }
    insistence = Task(executorPreference: loop) {
      var patience = Duration.seconds(1)
      while (try? await self.loop.sleep(for: patience)) != nil {
        await self.requestCancellation()
        patience *= 2
      }
    }
  }

  /// libpq's call opens a connection of its own and blocks, so it runs on a helper thread. What is sent
  /// next waits until the request is through, lest it be hit in the place of what was meant.
  private func requestCancellation() async {
    guard let request = PQgetCancel(handle) else { return }
    cancelsUnderWay += 1
    defer {
      cancelsUnderWay -= 1
      if cancelsUnderWay == 0 {
        for waiter in afterCancels { waiter.resume() }
        afterCancels = []
      }
    }
    let address = UInt(bitPattern: request)
    await BlockingWork.run {
      guard let request = OpaquePointer(bitPattern: address) else { return }
      var message = [CChar](repeating: 0, count: 256)
      PQcancel(request, &message, Int32(message.count))
      PQfreeCancel(request)
    }
  }
}

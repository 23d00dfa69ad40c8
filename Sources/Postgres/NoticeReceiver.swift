import CLibpq

/// Receives libpq's notices; libpq calls it only while it reads, that is on the loop's thread.
final class NoticeReceiver: @unchecked Sendable {
  var handler: (@Sendable (Notice) -> Void)?

  init(_ handle: OpaquePointer) {
    PQsetNoticeReceiver(
      handle,
      { argument, result in
        guard let argument else { return }
        let receiver = Unmanaged<NoticeReceiver>.fromOpaque(argument).takeUnretainedValue()
        guard let handler = receiver.handler, let result else { return }
        func field(_ code: Int) -> String? {
          PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
        }
        handler(
          Notice(
            severity: field(LS_DIAG_SEVERITY) ?? "NOTICE", sqlstate: field(LS_DIAG_SQLSTATE) ?? "",
            message: field(LS_DIAG_MESSAGE) ?? "", detail: field(LS_DIAG_DETAIL),
            hint: field(LS_DIAG_HINT)))
      }, Unmanaged.passUnretained(self).toOpaque())
  }
}

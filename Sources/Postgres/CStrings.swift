#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Calls `body` with a NULL-terminated array of C strings; `nil` elements are NULL pointers too.
func withCStrings<Result>(
  _ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
  let copies: [UnsafeMutablePointer<CChar>?] = strings.map { $0.flatMap { strdup($0) } } + [nil]
  defer { for copy in copies { free(copy) } }
  return copies.map { UnsafePointer($0) }.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { preconditionFailure("an array without storage") }
    return body(base)
  }
}

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Calls `body` with a NULL-terminated array of C strings; `nil` elements are NULL pointers too.
func withCStrings<Result>(
  _ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
  let pointers = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: strings.count + 1)
  for (i, string) in strings.enumerated() {
    (pointers + i).initialize(to: string.flatMap { UnsafePointer(strdup($0)) })
  }
  (pointers + strings.count).initialize(to: nil)
  defer {
    for i in strings.indices { free(UnsafeMutablePointer(mutating: pointers[i])) }
    pointers.deallocate()
  }
  return body(pointers)
}

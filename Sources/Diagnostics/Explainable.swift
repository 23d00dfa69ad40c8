/// An error that can say what happened, where, and what to do next.
public protocol Explainable: Error {
  var diagnostic: Diagnostic { get }
}

/// A diagnostic that is itself thrown, where no module owns a more precise error.
public struct Refusal: Explainable, Hashable {
  public var diagnostic: Diagnostic

  public init(_ diagnostic: Diagnostic) { self.diagnostic = diagnostic }
}

extension Diagnostic {
  /// Explains any error; one that is not `Explainable` is shown as the bare text it has.
  public init(explaining error: any Error) {
    if let explainable = error as? any Explainable {
      self = explainable.diagnostic
    } else {
      self.init(.error, code: "unexpected", "\(error)")
    }
  }
}

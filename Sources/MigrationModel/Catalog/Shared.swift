/// A value that its copies share until one of them is changed.
///
/// A folder of ten thousand migrations is joined, sorted and handed on many times; so that costs a
/// reference each time, and the text of a migration lies in memory once.
struct Shared<Value: Sendable & Hashable>: Sendable, Hashable {
  // Unchecked: changed only by the one that holds the only reference.
  private final class Storage: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
  }

  private var storage: Storage

  init(_ value: Value) { storage = Storage(value) }

  var value: Value {
    _read { yield storage.value }
    _modify {
      if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.value) }
      yield &storage.value
    }
  }

  static func == (a: Shared, b: Shared) -> Bool {
    a.storage === b.storage || a.storage.value == b.storage.value
  }

  func hash(into hasher: inout Hasher) { hasher.combine(storage.value) }
}

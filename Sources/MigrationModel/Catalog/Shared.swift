/// A value that its copies share until one of them is changed.
///
/// A folder of ten thousand migrations is joined, sorted and handed on many times; so that costs a
/// reference each time, and the text of a migration lies in memory once.
struct Shared<Value: Sendable>: Sendable {
  // Nothing else is asked of the value: that would be looked up at every start for each kind of value.

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

}

extension Shared: Equatable where Value: Equatable {
  static func == (a: Shared, b: Shared) -> Bool {
    a.storage === b.storage || a.storage.value == b.storage.value
  }
}

extension Shared: Hashable where Value: Hashable {
  func hash(into hasher: inout Hasher) { hasher.combine(storage.value) }
}

/// One question to the catalogues: a row an object, a column a property.
struct SchemaQuestion {
  /// Gives kind, name and parent of each object, then the value of each property or `NULL`.
  ///
  /// The parent is empty where there is none, and `NULL` where another question tells that the object
  /// is there.
  let sql: String
  /// What the columns after the parent tell, sorted.
  let properties: [String]

  var query: Query<[SchemaFact]> {
    let properties = properties
    return Query(sql) { (row) throws(ResultRow.Mismatch) in
      let kind = try row.string(0)
      let object = try row.string(1)
      var facts: [SchemaFact] = []
      facts.reserveCapacity(6)
      if let parent = row.optionalString(2) { facts.append(SchemaFact(kind, object, "", parent)) }
      for index in properties.indices {
        guard let value = row.optionalString(3 + index) else { continue }
        facts.append(SchemaFact(kind, object, properties[index], value))
      }
      return facts
    }
  }
}

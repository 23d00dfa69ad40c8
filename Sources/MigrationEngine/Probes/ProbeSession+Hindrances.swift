import MigrationModel
import Postgres
import PostgresModel

extension ProbeSession {
  /// What keeps the function of a trigger, of a table or of events, from being made to fire here.
  struct Hindrances {
    var faults: [String] = []
    var doubts: [String] = []
    /// Whether there is any sense in trying.
    var mayFire = true
  }

  /// - Parameters:
  ///   - fault: What is wrong with the trigger by its own account.
  ///   - enabled: As the catalogue has it; `O` fires only where the replication role is origin.
  ///   - function: The oid of what it calls.
  func hindrances(fault: String?, enabled: String, function: Int64) async throws -> Hindrances {
    var found = Hindrances(faults: [fault].compactMap { $0 })
    if enabled == "O", let role = try await connection.rows(ReplicationRole.query).first {
      found.faults += role.faults
      found.doubts += role.doubts
    }
    guard found.faults.isEmpty else {
      found.mayFire = false
      return found
    }
    let outside = OutsideEffects(try await connection.rows(OutsideEffects.functions))
    if let reason = outside.reasons[function] {
      found.doubts.append(
        "it was not made to fire, as no rollback takes its effects back: \(reason)")
      found.mayFire = false
    }
    return found
  }
}

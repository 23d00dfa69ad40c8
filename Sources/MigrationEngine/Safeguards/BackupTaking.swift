import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Takes a backup before migrations run.
///
/// A file is there whole or not at all: it bears another name until `pg_restore` has read it. What it is
/// written through ends with us, so that no dump goes on without its reader.
public struct BackupTaking: Sendable {
  public var demand: BackupDemand
  public var target: ConnectionString
  /// Of the session in which the migrations will run.
  public var database: String
  public var serverVersion: Int

  public init(_ demand: BackupDemand, target: ConnectionString, of session: Connection) {
    self.demand = demand
    self.target = target
    database = session.database
    serverVersion = session.serverVersion
  }

  /// Where it goes, or by which command it is taken.
  public var words: String {
    switch demand {
    case .dump(let directory): "pg_dump to \(directory)"
    case .command(let arguments): arguments.joined(separator: " ")
    }
  }

  /// Takes it.
  ///
  /// - Returns: What came of it; a failure has left nothing behind.
  /// - Throws: `CancellationError`; nothing is left behind either.
  public func run() async throws(CancellationError) -> Backup {
    let began = ContinuousClock.now
    let (way, outcome): (String, Backup.Outcome)
    switch demand {
    case .dump(let directory): (way, outcome) = ("pg_dump", try await dump(into: directory))
    case .command(let arguments): (way, outcome) = (words, try await run(arguments))
    }
    return Backup(
      way: way, outcome: outcome, durationMilliseconds: milliseconds(since: began))
  }

  /// The environment of the programs: it bears the password, which no list of processes shows.
  private var environment: [String: String] {
    var environment = ChildProcess.ownEnvironment
    environment.merge(target.environment) { _, said in said }
    environment["PGDATABASE"] = database
    environment["PGAPPNAME"] = "lockstep backup"
    return environment
  }

  // MARK: The environment's own command

  private func run(_ arguments: [String]) async throws(CancellationError) -> Backup.Outcome {
    let end = await end(of: arguments)
    switch end {
    case .failure(let reason): return .failed(reason: reason.words)
    case .success(.cancelled): throw CancellationError()
    case .success(.late): return .failed(reason: "it took too long")
    case .success(.ended(let outcome)):
      guard outcome.status == 0 else {
        return .failed(reason: outcome.failureWords(of: arguments[0]))
      }
      let line = String(decoding: outcome.output, as: UTF8.self)
        .split(separator: "\n" as Character).first.map(String.init)
      return .left(reference: line)
    }
  }

  private func end(
    of arguments: [String], take: (@Sendable (UnsafeRawBufferPointer) -> Bool)? = nil
  ) async -> Result<SupervisedProcess.End, CannotStart> {
    let process = SupervisedProcess(ChildProcess(arguments, environment: environment))
    do throws(ChildProcess.CannotStart) {
      return .success(try await process.run(take: take))
    } catch {
      return .failure(CannotStart(words: "\(error.program): \(error.reason)"))
    }
  }

  private struct CannotStart: Error { var words: String }

  // MARK: pg_dump

  private func dump(into directory: String) async throws(CancellationError) -> Backup.Outcome {
    let file: BackupWriter
    do throws(BackupWriter.Failure) {
      file = try BackupWriter(in: directory, database: database)
    } catch {
      return .failed(reason: error.reason)
    }
    // What waits for a lock keeps nobody from one that it does not conflict with; it is not to wait
    // for ever all the same.
    let dumping = await end(
      of: ["pg_dump", "--format=custom", "--lock-wait-timeout=60000"], take: { file.take($0) })
    switch dumping {
    case .success(.ended(let outcome)) where outcome.status == 0: break
    case .success(.ended(let outcome)):
      file.discard()
      return .failed(reason: file.failure ?? outcome.failureWords(of: "pg_dump"))
    case .success(.late):
      file.discard()
      return .failed(reason: "pg_dump took too long")
    case .success(.cancelled):
      file.discard()
      throw CancellationError()
    case .failure(let reason):
      file.discard()
      return .failed(reason: reason.words)
    }
    guard file.isComplete else {
      file.discard()
      return .failed(reason: file.failure ?? "it cannot be written")
    }
    let listing = await end(of: ["pg_restore", "--list", file.temporaryPath])
    switch listing {
    case .success(.ended(let outcome)):
      // Lines that begin with a semicolon are remarks on the dump.
      let entries = String(decoding: outcome.output, as: UTF8.self)
        .split(separator: "\n" as Character).count { !$0.hasPrefix(";") }
      guard outcome.status == 0 else {
        file.discard()
        return .failed(
          reason: "it cannot be read again: \(outcome.failureWords(of: "pg_restore"))")
      }
      do throws(BackupWriter.Failure) {
        return .taken(try file.keep(entries: entries))
      } catch {
        file.discard()
        return .failed(reason: error.reason)
      }
    case .success(.late), .failure:
      file.discard()
      return .failed(reason: "it cannot be read again: pg_restore cannot be started")
    case .success(.cancelled):
      file.discard()
      throw CancellationError()
    }
  }
}

extension ChildProcess.Outcome {
  /// Why a program has failed: its first line of an error, else the last that it said, or its status.
  func failureWords(of program: String) -> String {
    let lines = (errorText + "\n" + String(decoding: output, as: UTF8.self))
      .split(separator: "\n" as Character)
    let said = String(decoding: errorOutput, as: UTF8.self).split(separator: "\n" as Character)
    guard let line = said.first(where: { $0.contains(": error: ") }) ?? said.last ?? lines.last
    else {
      return "\(program) ended with status \(status)"
    }
    return "\(program) ended with status \(status): \(line.prefix(300))"
  }
}

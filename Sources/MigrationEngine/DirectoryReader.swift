import Diagnostics
import EventLoop
import MigrationModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Reads migrations folders into values.
public struct DirectoryReader: Sendable {
  /// The folders, as the user named them.
  public var directories: [String]

  /// A folder that cannot be read.
  public struct Failure: Explainable, Hashable {
    public var directory: String
    /// As `errno` names it.
    public var errno: Int32

    private var way: String {
      switch errno {
      case ENOENT:
        "name the folder with --dir, or make the first migration there with `lockstep new NAME`"
      case ENOTDIR: "name the folder that it is in with --dir"
      default: "check the folder's permissions"
      }
    }

    public var diagnostic: Diagnostic {
      .error(
        code: errno == ENOENT ? "no_directory" : "unreadable_directory",
        "the migrations folder \"\(directory)\" cannot be read: \(String(cString: strerror(errno)))",
        next: way)
    }
  }

  public init(_ directories: [String]) { self.directories = directories }

  /// What is done with a file as soon as it has been read, on the thread that reads it.
  public struct Preparation: Sendable {
    /// The digest that will be asked for.
    public var digest: Checksum.Algorithm?
    /// Whether it will be asked for of a file of this name.
    var isDigested: @Sendable (String) -> Bool = { _ in true }
    /// Whether the text is held; a summary of it otherwise.
    public var keepsTexts: Bool
    /// Finds in it what will be asked for.
    var examine: @Sendable (SourceFile) -> SourceFile
    /// Files that were read already, each so far from the one before; their texts are held.
    var sample: (files: [SourceFile], step: Int)?
    /// An earlier reading of the folders: a file that is at its place with the same content is not held
    /// twice.
    var earlier: [SourceFile] = []

    public init(
      digest: Checksum.Algorithm? = nil, keepsTexts: Bool = true,
      examine: @escaping @Sendable (SourceFile) -> SourceFile = { $0 }
    ) {
      self.digest = digest
      self.keepsTexts = keepsTexts
      self.examine = examine
    }
  }

  /// Reads every entry of the folders, on a thread of its own.
  ///
  /// Links are followed only inside the project's folders. What cannot be read is an entry with its
  /// reason, never left out.
  ///
  /// - Parameters:
  ///   - known: What to do with each file, where that is told beforehand.
  ///   - preparing: Tells it from some of the files, whose texts are held in any case; asked only where
  ///     there are many.
  ///   - earlier: All files of an earlier reading, in its order; each is read again unless the file system
  ///     says that it is as it was a moment ago.
  /// - Returns: The entries by folder and then by name, compared byte by byte.
  /// - Throws: `Failure` where a folder itself cannot be read.
  public func read(
    _ known: Preparation? = nil,
    preparing: @Sendable @escaping ([SourceFile]) -> Preparation = { _ in Preparation() },
    after earlier: [SourceFile] = []
  ) async throws(Failure) -> [SourceFile] {
    let begun = try await BlockingWork.run { () -> Result<Beginning, Failure> in
      do throws(Failure) { return .success(try begin(after: earlier)) } catch {
        return .failure(error)
      }
    }.get()
    let listing: DirectoryListing
    switch begun {
    case .read(let files): return files
    case .listed(let found): listing = found
    }
    var preparation: Preparation
    if let known {
      preparation = known
    } else {
      preparation = await sampled(of: listing, preparing)
    }
    preparation.earlier = earlier
    let work = SharedReading(directories, listing, preparation)
    // Opening a file costs more than reading it, and the kernel serves two threads at once.
    async let first = BlockingWork.run { work.readShare() }
    async let second = BlockingWork.run { work.readShare() }
    let parts = await (first + second).sorted { $0.start < $1.start }
    var all: [SourceFile] = []
    all.reserveCapacity(listing.entries.count)
    for part in parts { all.append(contentsOf: part.files) }
    return all
  }

  /// What the first thread has done.
  private enum Beginning: Sendable {
    case listed(DirectoryListing)
    /// A few files are read faster than another thread is made.
    case read([SourceFile])
  }

  private func begin(after earlier: [SourceFile]) throws(Failure) -> Beginning {
    let listing = try DirectoryListing(of: directories)
    guard listing.entries.count < DirectoryReader.worthTwoThreads else { return .listed(listing) }
    var preparation = Preparation()
    preparation.earlier = earlier
    var reading = FileReading(directories, listing, preparation)
    return .read(reading.files(listing.entries.indices))
  }

  /// Recognising the layout looks into some files of a long list; their texts have to be there.
  private func sampled(
    of listing: DirectoryListing,
    _ preparing: @Sendable @escaping ([SourceFile]) -> Preparation
  ) async -> Preparation {
    let step = Layouts.sampleStep(ofFiles: listing.entries.count)
    let places =
      step == 1
      ? Array(0..<DirectoryReader.sampleSize)
      : Array(stride(from: 0, to: listing.entries.count, by: step))
    return await BlockingWork.run {
      var reading = FileReading(directories, listing, Preparation())
      let files = reading.files(places)
      var preparation = preparing(files)
      if step == 1 {
        preparation.keepsTexts = true
      } else {
        preparation.sample = (files, step)
      }
      return preparation
    }
  }

  /// The names in the folders, nothing of which is read.
  ///
  /// - Throws: `Failure` where a folder cannot be read.
  public func names() async throws(Failure) -> [String] {
    try await BlockingWork.run { () -> Result<[String], Failure> in
      do throws(Failure) {
        let listing = try DirectoryListing(of: directories)
        return .success(listing.entries.map { listing.name(of: $0) })
      } catch {
        return .failure(error)
      }
    }.get()
  }

  private static let worthTwoThreads = 256
  private static let sampleSize = 8

  static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
    withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
  }
}

/// How much of the target's rows a rehearsal is to have.
public enum RehearsalMode: String, Sendable, Hashable, CaseIterable {
  /// The strongest that is cheap: a clone where the database is small and nobody uses it, else a sample
  /// where there are rows, else the schema alone.
  case auto
  case shape, sampled, clone
}

/// How many rows of each table a sample has.
public enum SampleSize: Sendable, Hashable {
  case rows(Int)
  /// Over 0, and up to 100.
  case percent(Double)

  /// Enough for the planner to tell large from small, and copied in no time.
  public static let usual = SampleSize.rows(500)

  /// Reads `500` or `2.5%`; `nil` for anything else.
  public init?(_ text: some StringProtocol) {
    if text.last == "%" {
      guard let share = Double(text.dropLast()), share > 0, share <= 100 else { return nil }
      self = .percent(share)
    } else {
      guard let count = Int(text), count > 0 else { return nil }
      self = .rows(count)
    }
  }

  /// For people: `500 rows a table`.
  public var words: String {
    switch self {
    case .rows(let count): "at most \(count) rows a table"
    case .percent(let share):
      "about \(share == share.rounded() ? "\(Int(share))" : "\(share)") % of each table"
    }
  }
}

/// The copy that somebody asks for.
public struct RehearsalCopy: Sendable, Hashable {
  public var mode: RehearsalMode
  public var sample: SampleSize

  public init(_ mode: RehearsalMode = .auto, _ sample: SampleSize = .usual) {
    self.mode = mode
    self.sample = sample
  }
}

extension RehearsalReport {
  /// How much of the target the scratch database has.
  public enum Mode: String, Sendable, Hashable {
    /// Its schema, without rows, on the same server.
    case shape
    /// Its schema, without rows, on a private server of this machine.
    case privateShape = "private_shape"
    /// Its schema with a part of the rows and whatever those refer to.
    case sampled
    case privateSampled = "private_sampled"
    /// All of it.
    case clone

    /// Whether it has rows of the target.
    public var hasRows: Bool {
      switch self {
      case .shape, .privateShape: false
      case .sampled, .privateSampled, .clone: true
      }
    }

    public var isPrivate: Bool { self == .privateShape || self == .privateSampled }

    /// What it is, for every report.
    public var words: String {
      let place = isPrivate ? "on a private server of this machine" : "on the same server"
      switch self {
      case .shape, .privateShape: return "schema without rows, \(place)"
      case .sampled, .privateSampled: return "schema with a sample of the rows, \(place)"
      case .clone: return "a clone with every row, \(place)"
      }
    }

    /// What can be concluded from it.
    public var proves: String {
      let schema = "syntax, order, dependencies, locks, rewrites, up and down"
      switch self {
      case .shape, .privateShape: return schema
      case .sampled, .privateSampled: return schema + "; data, as far as the sample goes"
      case .clone: return schema + "; data; volume"
      }
    }

    /// What cannot be concluded from it.
    public var limits: [String] {
      let own: [String] =
        switch self {
        case .shape, .privateShape:
          [
            "no rows: what depends on data is not proven",
            "times of an empty copy say nothing of the target",
          ]
        case .sampled, .privateSampled:
          [
            "rows outside of the sample may be refused where these are not",
            "times and plans of a small copy say nothing of the target",
          ]
        case .clone: ["times are those of a copy that nobody else uses"]
        }
      return own
        + (isPrivate ? ["another server: version, settings and extensions may differ"] : [])
        + Mode.never
    }

    /// What no copy can show.
    private static let never = [
      "who holds which lock on the target at that minute",
      "rows that arrive between the rehearsal and the run",
      "disk space, replicas, and what connection poolers and clients keep",
    ]
  }
}

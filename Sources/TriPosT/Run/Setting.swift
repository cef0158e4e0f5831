/// One setting as a user meets it: its name, what it may be, and the field it fills.
public struct Setting: Sendable {
  /// What a setting can hold.
  public enum Value: Equatable, Sendable {
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case text(String)
    case list([String])
  }

  /// Which values are allowed.
  public enum Kind: Equatable, Sendable {
    case integer(ClosedRange<Int>)
    /// `above` leaves the lower bound itself out.
    case number(ClosedRange<Double>, above: Bool)
    case flag
    case text
    case choice([String])
    /// Any number of these, at least one; of any words where there is nothing to choose from.
    case list([String])
    /// Any number of paths.
    case files
  }

  /// The path from the root, sections joined by dots: `train.learning_rate`.
  public let key: String
  public let kind: Kind
  /// What it does, with its unit.
  public let about: String
  /// Whether a resumed run may change it: it does not touch the bits of the result.
  public let mayChange: Bool

  let get: @Sendable (RunConfiguration) -> Value
  /// Gets a value of `kind` only.
  let set: @Sendable (inout RunConfiguration, Value) -> Void
}

extension Setting {
  typealias Path<Value> = WritableKeyPath<RunConfiguration, Value> & Sendable

  static func integer(
    _ key: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ about: String,
    mayChange: Bool = false
  ) -> Setting {
    Setting(
      key: key, kind: .integer(range), about: about, mayChange: mayChange,
      get: { .integer($0[keyPath: path]) },
      set: { if case .integer(let value) = $1 { $0[keyPath: path] = value } })
  }

  static func number(
    _ key: String, _ path: any Path<Double>, _ range: ClosedRange<Double>, above: Bool = false,
    _ about: String, mayChange: Bool = false
  ) -> Setting {
    Setting(
      key: key, kind: .number(range, above: above), about: about, mayChange: mayChange,
      get: { .number($0[keyPath: path]) },
      set: { if case .number(let value) = $1 { $0[keyPath: path] = value } })
  }

  static func flag(
    _ key: String, _ path: any Path<Bool>, _ about: String, mayChange: Bool = false
  ) -> Setting {
    Setting(
      key: key, kind: .flag, about: about, mayChange: mayChange,
      get: { .flag($0[keyPath: path]) },
      set: { if case .flag(let value) = $1 { $0[keyPath: path] = value } })
  }

  static func text(
    _ key: String, _ path: any Path<String>, _ about: String, mayChange: Bool = false
  ) -> Setting {
    Setting(
      key: key, kind: .text, about: about, mayChange: mayChange,
      get: { .text($0[keyPath: path]) },
      set: { if case .text(let value) = $1 { $0[keyPath: path] = value } })
  }

  static func choice<Choice>(
    _ key: String, _ path: any Path<Choice>, _ about: String
  ) -> Setting where Choice: CaseIterable & RawRepresentable<String> & SendableMetatype {
    Setting(
      key: key, kind: .choice(Choice.allCases.map(\.rawValue)), about: about, mayChange: false,
      get: { .text($0[keyPath: path].rawValue) },
      set: {
        if case .text(let name) = $1, let value = Choice(rawValue: name) {
          $0[keyPath: path] = value
        }
      })
  }

  /// A choice that may be left open, which is called `none`.
  static func choice<Choice>(
    _ key: String, _ path: any Path<Choice?>, orNone none: String, _ about: String
  ) -> Setting where Choice: CaseIterable & RawRepresentable<String> & SendableMetatype {
    Setting(
      key: key, kind: .choice([none] + Choice.allCases.map(\.rawValue)), about: about,
      mayChange: false,
      get: { .text($0[keyPath: path]?.rawValue ?? none) },
      set: { if case .text(let name) = $1 { $0[keyPath: path] = Choice(rawValue: name) } })
  }

  static func list(
    _ key: String, _ path: any Path<[String]>, of choices: [String] = [], _ about: String
  ) -> Setting {
    Setting(
      key: key, kind: .list(choices), about: about, mayChange: false,
      get: { .list($0[keyPath: path]) },
      set: { if case .list(let values) = $1 { $0[keyPath: path] = values } })
  }

  static func files(
    _ key: String, _ path: any Path<[String]>, _ about: String
  ) -> Setting {
    Setting(
      key: key, kind: .files, about: about, mayChange: false,
      get: { .list($0[keyPath: path]) },
      set: { if case .list(let values) = $1 { $0[keyPath: path] = values } })
  }
}

extension Setting.Kind {
  /// Whether it takes a list of values.
  var isList: Bool {
    switch self {
    case .list, .files: true
    default: false
    }
  }

  /// What is allowed, for messages and the table: `an integer from 1 to 5`.
  public var allowed: String {
    switch self {
    case .integer(let range):
      range.upperBound == .max
        ? "an integer of at least \(range.lowerBound)"
        : "an integer from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range, let above):
      above
        ? "a number above \(plain(range.lowerBound)) and up to \(plain(range.upperBound))"
        : "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
    case .flag: "true or false"
    case .text: "text"
    case .choice(let names): "one of " + names.joined(separator: ", ")
    case .files: "a list of files"
    case .list(let names): "a list of " + (names.isEmpty ? "names" : names.joined(separator: ", "))
    }
  }
}

/// A number as a configuration shows it: `0.0001`, `1024`, `2e-06`; reads back as the same number.
package func plain(_ value: Double) -> String {
  let text = "\(value)"
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// Where the published program and the clean method part ways (docs/tripost.md, 13).
///
/// `clean` is the default everywhere; `published` is for replication.
public struct Compatibility: Equatable, Sendable {
  /// A calculation has to be of a letter of step 1 and to begin with its group (13.14).
  public var msaStrict = true

  /// An order of Word Sorting may not name a word twice, nor one from outside its subpart (13.27).
  public var wsStrict = true

  /// The prompt of a further generation has the hint in its lead, as the training texts do (13.10).
  public var repromptWithHint = true

  /// What the editor sees of a student that improves itself (13.11).
  public var editScope = EditScope.full

  /// Whether an update keeps the mistaken part is tested without blanks and case, at number
  /// boundaries (13.17); the published test hardly ever finds one.
  public var exactPartTest = true

  /// The first attempt of a weighted text is not trained on (13.7).
  public var maskBeforeStart = false

  /// The closing turns of edited trajectories have the weight on their feedback (13.4).
  public var weighClosingTurns = true

  /// A wrong attempt with right feedback, but without an update, is trained on (13.26).
  public var keepFeedbackOnly = true

  /// Texts over the length limit are dropped before the balancing, not after it (13.18).
  public var dropBeforeBalance = true

  public enum EditScope: String, Sendable {
    case full, lastTurn
  }

  public static let clean = Compatibility()

  public static let published: Compatibility = {
    var published = Compatibility()
    published.msaStrict = false
    published.wsStrict = false
    published.repromptWithHint = false
    published.editScope = .lastTurn
    published.exactPartTest = false
    published.dropBeforeBalance = false
    return published
  }()
}

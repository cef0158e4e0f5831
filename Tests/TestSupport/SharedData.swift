import Boundary

/// The shared test data beside the package; tests that need it are skipped where it is absent:
/// `@Test(.enabled(if: SharedData.isAvailable, "needs ../shared/data"))`.
public enum SharedData {
  /// The folder of the package.
  public static let package: String = {
    let file = #filePath
    return file.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
  }()

  /// The model of this repository.
  public static let shippedModel = package + "/models/tripost-6m-q8_0.gguf"

  /// The path of a file of the shared data, as in `models/stories260K.gguf`.
  public static func url(_ name: String) -> String {
    "\(package)/../shared/data/\(name)"
  }

  public static var isAvailable: Bool { Files.isDirectory(url("models")) }
}

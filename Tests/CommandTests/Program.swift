import Boundary
import Foundation

/// Runs the program that was built beside the tests, as a person would.
enum Program {
  struct Result {
    let exit: Int32
    let output: String
    let errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// The one JSON object that was printed.
    var json: JSONValue? { try? JSONValue(parsing: output) }

    /// The code in `error[…]`, when that is how the first line of the errors begins and no other does.
    var code: String? {
      let lines = errors.split(separator: "\n")
      let marked = lines.filter { $0.hasPrefix("error[") }
      guard marked.count == 1, lines.first == marked[0], lines.count <= 3,
        lines.dropFirst().allSatisfy({ $0.hasPrefix("hint: ") })
      else { return nil }
      return marked[0].dropFirst(6).split(separator: "]").first.map(String.init)
    }
  }

  /// Beside the test bundle on macOS, where that is a folder; beside the tests' own program elsewhere.
  static let path: String = {
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
    let folder = bundle?.bundleURL.deletingLastPathComponent() ?? Bundle.main.bundleURL
    return folder.appendingPathComponent("tripost").path
  }()

  static func run(_ arguments: String...) throws -> Result { try run(arguments) }

  static func run(_ arguments: [String]) throws -> Result {
    try finish(start(path, arguments))
  }

  /// Runs a line of bash in which "$0" is the program.
  static func shell(_ line: String, _ arguments: String...) throws -> Result {
    try finish(start("/bin/bash", ["-c", line, path] + arguments))
  }

  struct Running {
    let process: Process
    let folder: TemporaryFolder
  }

  static func start(_ path: String, _ arguments: [String]) throws -> Running {
    let folder = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    for name in ["out", "err"] { try Files.writeAtomically("", to: folder.path(name)) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: folder.path("out"))
    process.standardError = FileHandle(forWritingAtPath: folder.path("err"))
    try process.run()
    return Running(process: process, folder: folder)
  }

  /// Waits for the end, which is put to anything that takes minutes.
  static func finish(_ running: Running) throws -> Result {
    let number = running.process.processIdentifier
    let watchdog = DispatchWorkItem { kill(number, SIGKILL) }
    DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: watchdog)
    running.process.waitUntilExit()
    watchdog.cancel()
    let status = running.process.terminationStatus
    return Result(
      // A signal that ended the process shows as a negative number.
      exit: running.process.terminationReason == .uncaughtSignal ? -status : status,
      output: String(decoding: try Files.read(running.folder.path("out")), as: UTF8.self),
      errors: String(decoding: try Files.read(running.folder.path("err")), as: UTF8.self))
  }
}

/// A folder that goes away with its last user.
final class TemporaryFolder {
  private let folder: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.path + "/tripost-\(UUID())"
    try Files.createDirectory(folder)
  }

  deinit { try? Files.remove(folder) }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// Writes a file and returns its path.
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Files.writeAtomically(bytes, to: path(name))
    return path(name)
  }

  func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }
}

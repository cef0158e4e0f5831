import Boundary
import GGUF
import TestSupport
import Testing

/// Expects a file of these bytes to be refused as the catalogue says, and nothing else to happen:
/// rule, exit code, field and offset in the one line, no file made, no time lost.
func expectRefusal(
  _ bytes: [UInt8], _ code: String, exit: ExitCode = .malformedFile, field: String? = nil,
  offset: Int? = nil, saying words: String = "", sourceLocation: SourceLocation = #_sourceLocation,
  by read: (GGUFFile) throws -> Void = { _ in }
) throws {
  let folder = TemporaryFolder()
  let path = folder.write(bytes, to: "model.gguf")
  var found: InputError?
  let time = try threadSeconds { found = try refusal { try read(GGUFFile(path)) } }

  let error = try #require(found, "not refused", sourceLocation: sourceLocation)
  let line = error.description.split(separator: "\n", omittingEmptySubsequences: false)[0]
  #expect(error.rule.code == code, "\(error)", sourceLocation: sourceLocation)
  #expect(error.exit == exit, sourceLocation: sourceLocation)
  #expect(line.hasPrefix("error[\(code)] \(path): "), sourceLocation: sourceLocation)
  #expect(line.contains(words), sourceLocation: sourceLocation)
  if let field { #expect(error.place.field == field, "\(error)", sourceLocation: sourceLocation) }
  if let offset {
    #expect(error.place.offset == UInt64(offset), "\(error)", sourceLocation: sourceLocation)
  }
  #expect(error.description.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 })
  #expect(folder.names == ["model.gguf"], sourceLocation: sourceLocation)
  #expect(time < 1, sourceLocation: sourceLocation)
}

/// Opens a file of these bytes.
func opened(_ bytes: [UInt8]) throws -> GGUFFile {
  let folder = TemporaryFolder()
  // The mapping outlives the file's name.
  return try withExtendedLifetime(folder) { try GGUFFile(folder.write(bytes, to: "model.gguf")) }
}

import ArgumentParser
import Boundary
import QuantKernels
import TriPosT

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The program: reads the command line, runs one command, prints at most one error, exits.
@main
struct Root: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tripost",
    abstract: "Teaches a small quantized LLaMA to correct its own mistakes, on an ordinary CPU.",
    discussion: """
      Results go to standard output, everything else to standard error.
      With --errors json, anywhere on the line, an error is one JSON object.

      Examples:
        tripost run --task multistep_arithmetic -m model.gguf --output runs/first
        tripost inspect model.gguf
        tripost generate -m model.gguf -p "Once upon a time" -n 64
        tripost score -m model.gguf -f text.txt --json
      """,
    version: version,
    subcommands: [
      RunCommand.self, StudyCommand.self, ReportCommand.self, EvalCommand.self,
      GenerateCommand.self, ScoreCommand.self, TokenizeCommand.self, InspectCommand.self,
      LimitsCommand.self, TrainCommand.self, ExportCommand.self, BenchCommand.self,
    ])

  /// Of the program, for people and for run folders.
  static let version = "0.1.0"

  static func main() {
    StandardStreams.openClosedOnes()
    Interruption.install()
    let code = run(Array(CommandLine.arguments.dropFirst()))
    StandardStreams.eraseLiveLine()
    leave(code)
  }

  /// Runs the command that the arguments ask for.
  private static func run(_ arguments: [String]) -> Boundary.ExitCode {
    let line = CommandLineWords(arguments)
    do {
      try line.check()
      try Kernels.checkEnvironment()
      try perform(line)
      return .done
    } catch let problems as ConfigurationProblems {
      return Console.report(problems, asJSON: line.wantsJSONErrors)
    } catch let stop as Stopped {
      return stop.exit
    } catch {
      let refusal =
        error as? InputError
        ?? InputError(.noBug, found: "\(error)", hints: ["please report this"])
      return Console.report(refusal, asJSON: line.wantsJSONErrors)
    }
  }

  /// Finds the command and runs it; a help text or the version is a result like any other.
  private static func perform(_ line: CommandLineWords) throws {
    do {
      var command = try parseAsRoot(line.words)
      try command.run()
    } catch  where exitCode(for: error) == .success {
      try Console.print(fullMessage(for: error))
    } catch  where exitCode(for: error) == .validationFailure {
      throw line.refusal(message(for: error))
    }
  }
}

private func leave(_ code: Boundary.ExitCode) -> Never { exit(code.rawValue) }

extension InputError.Rule {
  fileprivate static let noBug = Self("BUG", exit: .internalFault)
}

/// Ends a command early and without an error line: by a signal, or because nobody reads on.
struct Stopped: Error {
  let exit: Boundary.ExitCode

  /// Stops when a signal has asked for it.
  static func check() throws {
    if let exit = Interruption.requested { throw Self(exit: exit) }
  }
}

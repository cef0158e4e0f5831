import Boundary

/// Where an OpenAI-compatible server is: `https://host:port/v1`.
struct EndpointAddress: Equatable, Sendable {
  /// Without a slash at its end; `/v1` where the address given has no path.
  let base: String
  let isSecure: Bool
  /// Whether it is on this machine.
  let isLoopback: Bool

  /// Reads an address; nil together with what is wrong.
  static func parse(_ text: String) -> Result<EndpointAddress, InputError> {
    func refused(_ found: String, _ allowed: String? = nil) -> Result<EndpointAddress, InputError> {
      .failure(
        InputError(
          .endpointAddress, at: .init(field: "endpoint.url"), found: found, allowed: allowed))
    }
    let lower = text.lowerCased
    guard let scheme = ["https://", "http://"].first(where: lower.startsWith) else {
      return refused("\"\(escaped(text))\"", "an address that begins with http:// or https://")
    }
    let rest = text.dropFirst(scheme.count)
    guard !rest.utf8.contains(UInt8(ascii: "@")) else {
      // Not shown, because it may hold a password.
      return refused(
        "an address with a user or password in it", "one without; keys go into endpoint.api_key_env"
      )
    }
    guard !rest.contains(where: { $0 == "?" || $0 == "#" }) else {
      return refused("an address with a query or fragment", "one without")
    }
    guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      return refused("\"\(escaped(text))\"", "an address of ASCII characters without blanks")
    }
    let authority = rest.prefix { $0 != "/" }
    var path = String(rest.dropFirst(authority.count))
    while path.endsWith("/") { path = String(path.dropLast()) }
    guard let host = host(of: authority) else {
      return refused("\"\(escaped(text))\"", "an address with a host, and perhaps a port")
    }
    return .success(
      EndpointAddress(
        base: scheme + authority + (path.isEmpty ? "/v1" : path), isSecure: scheme == "https://",
        isLoopback: isLoopback(host)))
  }

  private static func host(of authority: Substring) -> String? {
    var host = authority
    if authority.startsWithBracket {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      host = authority[...end]
    } else {
      host = authority.prefix { $0 != ":" }
    }
    let port = authority.dropFirst(host.count)
    guard !host.isEmpty, host != "[]" else { return nil }
    if !port.isEmpty {
      guard port.first == ":", port.dropFirst().utf8.allSatisfy(isDigit),
        let number = Int(port.dropFirst()), (1...65_535).contains(number)
      else { return nil }
    }
    return String(host)
  }

  private static func isLoopback(_ host: String) -> Bool {
    let host = host.lowerCased
    if host == "localhost" || host == "[::1]" { return true }
    let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
    return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
  }
}

extension Substring {
  fileprivate var startsWithBracket: Bool { utf8.first == UInt8(ascii: "[") }
}

/// The secret that an endpoint asks for; it appears in a request's header and nowhere else.
struct APIKey: Sendable, CustomStringConvertible, CustomReflectable {
  private let value: String

  /// Takes the key out of an environment variable.
  ///
  /// - Throws: `InputError` CFG-12 with the variable's name when it has no usable value.
  init(variable: String, environment: (String) -> String?) throws {
    let value = environment(variable) ?? ""
    guard !value.isEmpty else {
      throw InputError(
        .keyVariable, at: .init(field: "endpoint.api_key_env"),
        found: "the environment variable \(escaped(variable)) is missing or empty")
    }
    guard value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw InputError(
        .keyVariable, at: .init(field: "endpoint.api_key_env"),
        found: "the value of the environment variable \(escaped(variable))",
        allowed: "printable ASCII without blanks and line ends")
    }
    self.value = value
  }

  var header: String { "Bearer " + value }

  /// A server's text without the key, should it repeat it.
  func removed(from text: String) -> String { text.replacing(value, by: "***") }

  var description: String { "***" }
  var customMirror: Mirror { Mirror(self, children: []) }
}

extension InputError.Rule {
  static let keyVariable = Self("CFG-12", exit: .configuration)
  static let priceUnknown = Self("EP-25", exit: .configuration)
  static let insecureAddress = Self("EP-27", exit: .configuration)
  static let endpointAddress = Self("EP-28", exit: .configuration)
}

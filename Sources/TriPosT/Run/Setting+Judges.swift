import Boundary

// The settings of critics and improvers that are no scripts (docs/tripost.md, 4.6 to 5.1).

extension Setting {
  static let judges: [Setting] =
    [
      choice("feedback.kind", \.feedback.kind, "who names the earliest mistake"),
      text("feedback.model", \.feedback.model, "for `kind: model`: a GGUF file", mayChange: true),
      text(
        "feedback.program", \.feedback.program,
        "for `kind: program`: the program and its arguments between blanks; no shell reads them"),
      number("feedback.temperature", \.feedback.temperature, 0...10, "of a model's replies"),
      integer(
        "feedback.max_tokens", \.feedback.maxTokens, 1...1_048_576, "tokens of a reply at most"),
      choice(
        "improvement.kind", \.improvement.kind, "who writes an attempt anew from its mistake on"),
      text(
        "improvement.model", \.improvement.model, "for `kind: model`: a GGUF file", mayChange: true),
      text(
        "improvement.program", \.improvement.program,
        "for `kind: program`: the program and its arguments between blanks; no shell reads them"),
      number("improvement.temperature", \.improvement.temperature, 0...10, "of a model's replies"),
      integer(
        "improvement.max_tokens", \.improvement.maxTokens, 1...1_048_576,
        "tokens of a reply at most"),
      text(
        "prompts", \.prompts,
        "folder of prompt files that take the place of the program's own (4.6)"),
    ] + endpoint

  private static let endpoint: [Setting] = [
    text(
      "endpoint.url", \.endpoint.url,
      "an OpenAI-compatible server: `http://localhost:8080`, `https://host/v1`", mayChange: true),
    text("endpoint.model", \.endpoint.model, "the model's name there"),
    choice("endpoint.api", \.endpoint.api, "`chat`, or `completions` for base models"),
    text(
      "endpoint.api_key_env", \.endpoint.apiKeyEnv,
      "the environment variable with the key; none where it is empty", mayChange: true),
    list(
      "endpoint.fields", \.endpoint.fields, of: RunConfiguration.EndpointSettings.allFields,
      "what a request says besides model and prompt; leave out what a server refuses"),
    integer(
      "endpoint.concurrency", \.endpoint.concurrency, 1...256, "requests under way at a time",
      mayChange: true),
    number(
      "endpoint.timeout", \.endpoint.timeout, 0...86_400, above: true,
      "seconds for a whole reply", mayChange: true),
    integer(
      "endpoint.max_requests", \.endpoint.maxRequests, 0...Int.max,
      "requests of the whole run, retries included, at most; 0 is no ceiling", mayChange: true),
    integer(
      "endpoint.max_total_tokens", \.endpoint.maxTokens, 0...Int.max,
      "tokens of all prompts and replies at most; 0 is no ceiling", mayChange: true),
    number(
      "endpoint.max_cost", \.endpoint.maxCost, 0...1e9,
      "money at most, in the currency of the prices; 0 is no ceiling", mayChange: true),
    number(
      "endpoint.input_price", \.endpoint.inputPrice, 0...1e9, "of a million tokens of prompts",
      mayChange: true),
    number(
      "endpoint.output_price", \.endpoint.outputPrice, 0...1e9, "of a million tokens of replies",
      mayChange: true),
    number(
      "endpoint.max_invalid_ratio", \.endpoint.maxInvalidRatio, 0...1,
      "share of replies that may be useless; more stop the run, once there are 50",
      mayChange: true),
    flag(
      "endpoint.pin_model", \.endpoint.pinModel,
      "a reply that names another model than the one asked stops the run", mayChange: true),
    flag(
      "endpoint.allow_insecure", \.endpoint.allowInsecure,
      "plain http to another machine, which can read everything", mayChange: true),
  ]
}

import TriPosT

/// The report of one run: what came out, what it was made of, how it learnt, and what the student wrote.
struct RunPage {
  let run: RunContents
  let html: HTML
  let trajectories: (shown: Int, of: Int)

  /// - Throws: `InputError` when a file of the run cannot be read.
  init(_ run: RunContents) throws {
    self.run = run
    let browser = try TrajectoryBrowser(run)
    trajectories = (browser.shown, browser.count)
    let manifest = run.manifest
    let overview = OverviewSection(run)
    let sections = [
      Page.Section(id: "results", title: "What came out", body: ResultSection(run).html),
      Page.Section(id: "data", title: "What it learnt from", body: DataSection(run).html),
      Page.Section(id: "training", title: "How it learnt", body: TrainingSection(run).html),
      Page.Section(id: "trajectories", title: "What it wrote", body: browser.html),
      Page.Section(id: "run", title: "What it cost and how it was set", body: overview.html),
    ].filter { !$0.body.isEmpty }
    html =
      Page(
        title: "\(run.method.label) on \(manifest.task)",
        facts: overview.facts, notice: overview.notice,
        sections: sections,
        footer:
          "Made by tripost \(manifest.origin.version) from the files of the run; it needs none of them."
      ).html
  }
}

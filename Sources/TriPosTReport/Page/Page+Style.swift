extension Page {
  /// Colours keep their distance for colour-blind readers (Okabe and Ito's hues), and no meaning is in a colour alone.
  static let style: HTML = """

    :root {
      --ground: #fff; --soft: #f5f7f9; --line: #d5dbe1; --ink: #1a1f26; --muted: #5a6572; --link: #0a58a8;
      --s0: #0a64b0; --s1: #b35900; --s2: #00795a; --s3: #a8488a; --s4: #6b5bc4; --s5: #5f6b76;
      --attempt: #0a64b0; --attempt-soft: #edf4fb; --feedback: #8f5600; --feedback-soft: #fdf5e4;
      --update: #006b50; --update-soft: #e8f6f1; --wrong: #b53a00; --wrong-soft: #fdeee6; --mark: #ffd9c2;
      --right-bar: #0a64b0; --improved-bar: #00795a; --part-bar: #a8488a; --lost-bar: #6c7884; --on-bar: #fff;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #101419; --soft: #181e25; --line: #313b46; --ink: #e4e9ee; --muted: #9aa7b4; --link: #7db8f5;
        --s0: #69b3f2; --s1: #f0a04b; --s2: #43c79e; --s3: #e08fc6; --s4: #a99df0; --s5: #a3afba;
        --attempt: #7dbcf5; --attempt-soft: #13263a; --feedback: #f0b45c; --feedback-soft: #2d2413;
        --update: #4fd0a6; --update-soft: #0f2b23; --wrong: #ff9a6b; --wrong-soft: #36200f; --mark: #7a3a12;
        --right-bar: #5aa9ec; --improved-bar: #3bbd95; --part-bar: #d985bd; --lost-bar: #8794a1; --on-bar: #0b0f14;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
    body {
      margin: 0 auto; padding: 0 16px 64px; max-width: 1160px; background: var(--ground); color: var(--ink);
      font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
      overflow-wrap: anywhere;
    }
    header { padding-top: 40px; border-bottom: 1px solid var(--line); }
    h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
    h2 { font-size: 1.3rem; line-height: 1.3; margin: 48px 0 12px; }
    h3 { font-size: 1rem; margin: 24px 0 8px; }
    h4 { font-size: 0.8125rem; margin: 0 0 4px; }
    p { margin: 8px 0; max-width: 46rem; }
    a { color: var(--link); }
    .lead { font-size: 1.125rem; margin: 0 0 20px; }
    .muted { color: var(--muted); font-weight: 400; }
    p.muted { font-size: 0.875rem; }
    nav { display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 8px 0 12px; }
    nav a { padding: 4px 0; text-decoration: none; }
    nav a:hover { text-decoration: underline; }
    footer { margin-top: 64px; color: var(--muted); font-size: 0.875rem; }
    code, pre, .text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    code { font-size: 0.9em; }

    .scroll { overflow-x: auto; margin: 4px 0 16px; }
    table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
    .caption { color: var(--muted); font-size: 0.875rem; margin: 20px 0 0; }
    th, td { text-align: left; padding: 5px 16px 5px 0; vertical-align: baseline; font-weight: 400; overflow-wrap: normal; }
    th:last-child, td:last-child { padding-right: 0; }
    th { white-space: nowrap; }
    thead th { color: var(--muted); border-bottom: 1px solid var(--line); }
    tbody tr + tr > * { border-top: 1px solid var(--soft); }
    .figure { text-align: right; white-space: nowrap; }
    .results { width: 100%; max-width: 46rem; }
    .results .group th { padding-top: 16px; font-weight: 600; border-top: 0; }
    .results .total > * { font-weight: 600; }
    .results .range { display: inline-block; min-width: 6.5em; }
    .gain { font-weight: 400; white-space: nowrap; margin-left: 12px; }
    .interval { width: 120px; height: 16px; vertical-align: -3px; overflow: visible; margin-left: 8px; }
    .interval path { vector-effect: non-scaling-stroke; fill: none; }
    .interval .zero { stroke: var(--muted); stroke-width: 1; }
    .interval .range { stroke: var(--s0); stroke-width: 2; }
    .interval .value { stroke: var(--s0); stroke-width: 4; }

    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 0; margin: 8px 0; font-size: 0.875rem; }
    .legend svg { vertical-align: -1px; }
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 255px), 1fr)); gap: 8px 24px; }
    .chart { margin: 8px 0; }
    .chart figcaption { font-size: 0.875rem; font-weight: 600; }
    .chart svg { display: block; width: 100%; max-width: 460px; height: auto; }
    .tick { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
    .grid { stroke: var(--line); stroke-width: 1; fill: none; opacity: 0.6; }
    .axis { stroke: var(--muted); stroke-width: 1; fill: none; }
    .reference { stroke: var(--muted); stroke-dasharray: 5 4; fill: none; }
    .line, .bar { fill: none; stroke: var(--c); }
    .line { stroke-width: 2; }
    .bar { stroke-width: 1.5; opacity: 0.55; }
    .band { fill: var(--c); opacity: 0.18; }
    .mark { fill: var(--c); stroke: var(--ground); stroke-width: 1; }
    .s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); }
    .s3 { --c: var(--s3); } .s4 { --c: var(--s4); } .s5 { --c: var(--s5); }
    .s1 .line { stroke-dasharray: 6 4; } .s3 .line { stroke-dasharray: 2 3; } .s5 .line { stroke-dasharray: 8 3 2 3; }

    .iterations { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 255px), 1fr)); gap: 0 24px; }
    .shares { margin: 0 0 16px; font-size: 0.875rem; }
    .shares ul { list-style: none; padding: 0; margin: 6px 0 0; font-variant-numeric: tabular-nums; }
    .shares i { display: inline-block; width: 10px; height: 10px; margin-right: 6px; }
    .sharebar { display: flex; gap: 2px; height: 24px; }
    .sharebar span { color: var(--on-bar); font-size: 0.75rem; line-height: 24px; padding-left: 6px; overflow: hidden; min-width: 2px; }
    .sharebar .right, .shares i.right { background: var(--right-bar); }
    .sharebar .improved, .shares i.improved { background: var(--improved-bar); }
    .sharebar .feedback-only, .shares i.feedback-only, .sharebar .truth, .shares i.truth { background: var(--part-bar); }
    .sharebar .discarded, .shares i.discarded { background: var(--lost-bar); }

    .facts { display: flex; flex-wrap: wrap; gap: 8px 32px; margin: 16px 0; font-size: 0.875rem; }
    .facts dt { color: var(--muted); font-size: 0.8125rem; }
    .facts dd { margin: 0; font-variant-numeric: tabular-nums; }
    .notice { border-left: 3px solid var(--feedback); background: var(--feedback-soft); padding: 8px 12px; max-width: none; }

    #search { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: end; margin: 16px 0; font-size: 0.875rem; }
    #search[hidden] { display: none; }
    #search label { color: var(--muted); display: grid; gap: 2px; }
    #search input, #search select {
      font: inherit; color: var(--ink); background: var(--ground); border: 1px solid var(--muted); border-radius: 4px;
      padding: 6px 8px; min-width: 0; max-width: 100%;
    }
    #words { width: 20rem; }
    #count { padding: 7px 0; font-variant-numeric: tabular-nums; }
    .key span { padding: 1px 8px; border-left-width: 3px; border-left-style: solid; font-size: 0.8125rem; }
    .key .wrong { color: var(--wrong); background: var(--wrong-soft); }
    .list { border-top: 1px solid var(--line); }
    .list > summary { padding: 10px 0; font-size: 0.875rem; }
    .list > summary h3 { display: inline; margin: 0 8px 0 2px; }
    .list[open] { padding-bottom: 24px; }
    .item { margin-left: 14px; border-top: 1px solid var(--line); }
    .item[hidden], .list[hidden] { display: none; }
    .item > summary { padding: 7px 0; cursor: pointer; font-size: 0.875rem; }
    .item[open] { padding-bottom: 16px; }
    .item .question { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.8125rem; }
    summary { cursor: pointer; }
    .tag { display: inline-block; font-size: 0.75rem; font-weight: 600; padding: 0 7px; border: 1px solid; border-radius: 9px; line-height: 18px; }
    .tag.right { color: var(--attempt); } .tag.improved { color: var(--update); }
    .tag.feedback-only { color: var(--feedback); } .tag.wrong { color: var(--wrong); } .tag.discarded { color: var(--muted); }
    .tag.right::before { content: "✓ "; } .tag.wrong::before { content: "✗ "; }
    .text { font-size: 0.8125rem; line-height: 1.55; white-space: pre-wrap; unicode-bidi: isolate; overflow-wrap: anywhere; }
    .text.block { margin: 4px 0; }
    pre.text { background: var(--soft); padding: 12px; margin: 8px 0; }
    .turn { border-left: 3px solid var(--line); padding: 6px 0 6px 12px; margin: 8px 0; }
    .attempt { border-color: var(--attempt); background: var(--attempt-soft); } .attempt > h4 { color: var(--attempt); }
    .feedback { border-color: var(--feedback); background: var(--feedback-soft); } .feedback > h4 { color: var(--feedback); }
    .update { border-color: var(--update); background: var(--update-soft); } .update > h4 { color: var(--update); }
    .line { unicode-bidi: isolate; }
    span.line { display: block; min-height: 1.2em; }
    .line.bad { background: var(--wrong-soft); box-shadow: inset 3px 0 var(--wrong); padding-left: 8px; }
    .line.new { box-shadow: inset 3px 0 var(--update); padding-left: 8px; }
    .note { font-family: system-ui, sans-serif; font-size: 0.75rem; color: var(--muted); white-space: nowrap; user-select: none; }
    .bad .note { color: var(--wrong); font-weight: 600; }
    .new .note { color: var(--update); }
    mark { background: var(--mark); color: inherit; text-decoration: underline; text-decoration-thickness: 2px; }
    .cut { color: var(--muted); }
    .sub { margin: 8px 0; font-size: 0.875rem; }
    .sub summary { color: var(--link); padding: 4px 0; }
    .sub ul { margin: 4px 0; padding-left: 20px; }
    .weight { display: grid; grid-template-columns: 3.5rem 1fr; gap: 8px; border-left: 3px solid color-mix(in srgb, var(--s4) var(--w), var(--line)); padding: 2px 0 2px 8px; }
    .weight + .weight { border-top: 1px solid var(--line); }
    .weight b { font-variant-numeric: tabular-nums; }
    .weight.masked { color: var(--muted); }
    :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
    @media (max-width: 600px) {
      header { padding-top: 24px; }
      h1 { font-size: 1.4rem; }
      h2 { margin-top: 36px; }
      .facts { gap: 8px 24px; }
      .results .range { display: block; min-width: 0; font-size: 0.75rem; }
      .gain { display: block; margin: 2px 0 0; }
      th, td { padding-right: 10px; }
      .results { font-size: 0.8125rem; }
      .results th, .results td { padding-right: 6px; }
      .item { margin-left: 0; }
      #search label, #words { width: 100%; }
      #search label:not(:first-child) { width: calc(50% - 6px); }
      #search select { width: 100%; }
    }
    @media print {
      #search { display: none; }
      .scroll { overflow: visible; }
    }

    """
}

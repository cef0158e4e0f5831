extension Page {
  /// Search and filter of the trajectories; without it they are all there to read.
  ///
  /// It has no `<` and no `&`, so that a page is well-formed XML.
  static let script: HTML = """

    (() => {
      const form = document.getElementById("search");
      if (!form) return;
      const [words, where, outcome, count] =
        ["words", "where", "outcome", "count"].map((id) => document.getElementById(id));
      const groups = Array.from(document.querySelectorAll(".list"), (node) => ({
        node,
        items: Array.from(node.querySelectorAll(".item"), (item) => ({ item, text: null })),
      }));
      const textOf = (entry) => entry.text ?? (entry.text = entry.item.textContent.toLowerCase());
      const update = () => {
        const sought = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
        const isSearch = Boolean(sought.length || where.value || outcome.value);
        let shown = 0;
        let total = 0;
        for (const group of groups) {
          const isHere = [where.value, ""].includes(where.value ? group.node.id : "");
          let shownHere = 0;
          for (const entry of group.items) {
            total += 1;
            const fits = [
              () => isHere,
              () => [entry.item.dataset.outcome, ""].includes(outcome.value),
              () => sought.every((word) => textOf(entry).includes(word)),
            ].every((test) => test());
            entry.item.hidden = !fits;
            if (fits) shownHere += 1;
          }
          group.node.hidden = shownHere === 0;
          if (isSearch) group.node.open = true;
          shown += shownHere;
        }
        count.textContent = shown === total ? `${total} shown` : `${shown} of ${total} shown`;
      };
      let waiting = 0;
      const later = () => {
        clearTimeout(waiting);
        waiting = setTimeout(update, 80);
      };
      form.addEventListener("submit", (event) => event.preventDefault());
      for (const control of [words, where, outcome]) control.addEventListener("input", later);
      form.hidden = false;
      update();
    })();

    """
}

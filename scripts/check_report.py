"""Checks an HTML report in a headless browser, and takes pictures of it.

    scripts/check-report FOLDER [PICTURES]

FOLDER is that of a run or a study; its report.html has to be there (tripost report FOLDER). At 390 and 1280 pixels, light and dark,
the page may make no request and print nothing to the console, no part of it may be wider than the screen, and its text has to stand
out from its ground by the contrast that WCAG asks for (4.5). The search has to find a word in the trajectories that have it
and in no others, also together with the filters. Without scripts the essentials have to be there. PICTURES (a folder) receives
screenshots of the whole page, and of an opened trajectory.
"""

import os
import pathlib
import shutil
import sys

from playwright.sync_api import sync_playwright

WIDTHS = {"phone": 390, "desktop": 1280}
BROWSERS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]

# The lowest contrast between a text and what lies behind it, with a word of the text.
CONTRAST = """
() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (color.startsWith("rgb")) { const rgb = parse(color); if (rgb.length < 4 || rgb[3] === 1) return rgb; }
    }
    return [255, 255, 255];
  };
  let lowest = [21, ""];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, parent = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE", "TITLE"].includes(parent.tagName.toUpperCase())) continue;
    const style = getComputedStyle(parent);
    const ink = light(parse(parent instanceof SVGElement ? style.fill : style.color)), paper = light(ground(parent));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio < lowest[0]) lowest = [ratio, `${parent.className.baseVal ?? parent.className}: ${node.data.trim().slice(0, 40)}`];
  }
  return lowest;
}
"""

# Elements that reach beyond the screen, other than those that scroll in a box of their own.
WIDE = """
() => Array.from(document.body.querySelectorAll("*")).filter((node) =>
  node.getBoundingClientRect().right > innerWidth + 0.5 && !node.closest(".scroll *") && !node.closest("svg *")
).map((node) => `${node.tagName}.${node.className}`).slice(0, 5)
"""


def browser(playwright):
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])


def require(fact, words):
    if not fact:
        sys.exit(f"FAILED: {words}")


def check_search(page):
    """A word is found where it is, alone and with the filters; what nobody wrote is found nowhere."""
    if not page.locator("#search").count():
        return
    require(page.locator("#search").is_visible(), "the search does not show")
    items = page.locator(".item")
    total = items.count()
    texts = items.evaluate_all("nodes => nodes.map((node) => node.textContent.toLowerCase())")
    outcomes = items.evaluate_all("nodes => nodes.map((node) => node.dataset.outcome)")
    groups = items.evaluate_all("nodes => nodes.map((node) => node.closest('.list').id)")

    def shown():
        page.wait_for_timeout(200)
        return items.evaluate_all("nodes => nodes.map((node) => node.checkVisibility())")

    def expect(words, rule):
        found, wanted = shown(), [rule(i) for i in range(total)]
        require(found == wanted, f"{words}: {sum(found)} shown, {sum(wanted)} have it")
        require(page.locator("#count").inner_text().startswith(str(sum(wanted))), f"{words}: the count is another")
        print(f"  search {words}: {sum(wanted)} of {total}")

    word = page.locator(".item b").nth(total // 2).text_content().lower()
    for words in [word, "incorrect", "incorrect " + word, "Update", "nobody-wrote-this"]:
        page.fill("#words", words)
        expect(repr(words), lambda i: all(part in texts[i] for part in words.lower().split()))
    page.fill("#words", "")
    outcome, group = outcomes[total // 2], groups[-1]
    page.select_option("#outcome", outcome)
    expect(f"outcome {outcome!r}", lambda i: outcomes[i] == outcome)
    page.select_option("#where", group)  # Opens that list; the others stay open from the searches before.
    expect(f"outcome {outcome!r} in {group}", lambda i: outcomes[i] == outcome and groups[i] == group)
    page.select_option("#outcome", "")
    page.select_option("#where", "")
    expect("nothing, with all lists open", lambda i: True)


def check(engine, address, theme, width, pictures):
    context = engine.new_context(viewport={"width": WIDTHS[width], "height": 900}, color_scheme=theme)
    page = context.new_page()
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address)
    name = f"{width}-{theme}"
    require(requests == [address], f"{name}: it asks for {requests[1:4]}")
    hidden = page.evaluate("Array.from(document.querySelectorAll('main [hidden]'), (node) => node.outerHTML.slice(0, 80))")
    require(not hidden, f"{name}: hidden from the start: {hidden[:3]}")
    wide = page.evaluate(WIDE)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    require(overflow <= 0 and not wide, f"{name}: {overflow} pixels too wide: {wide}")
    if pictures:
        page.screenshot(path=pictures / f"{name}.png", full_page=False)
        for part in page.locator("main > section").all():
            if part.get_attribute("id") != "trajectories":
                part.screenshot(path=pictures / f"{name}-{part.get_attribute('id')}.png")
    # Everything open: contrast and width of what is folded away.
    page.evaluate("for (const node of document.querySelectorAll('details')) node.open = true")
    ratio, words = page.evaluate(CONTRAST)
    require(ratio >= 4.5, f"{name}: contrast {ratio:.2f} of “{words}”")
    wide = page.evaluate(WIDE)
    require(not wide, f"{name}, opened: too wide: {wide}")
    page.evaluate("for (const node of document.querySelectorAll('details')) node.open = false")
    check_search(page)
    if pictures:
        page.evaluate("for (const node of document.querySelectorAll('.list')) node.open = true")
        best = page.locator(".item[data-outcome=repaired]")
        for index, item in enumerate([best.first, page.locator(".item[data-outcome=discarded]").first]):
            if item.count():
                item.evaluate("node => { for (const part of [node, ...node.querySelectorAll('details')]) part.open = true }")
                item.screenshot(path=pictures / f"{name}-item-{index}.png")
        if best.count():
            page.evaluate("for (const node of document.querySelectorAll('.list')) node.open = node.id === 'g1'")
            page.evaluate("document.querySelector('#trajectories').scrollIntoView()")
            page.screenshot(path=pictures / f"{name}-browser.png")
    require(requests == [address] and not messages, f"{name}: requests {requests[1:4]}, messages {messages[:4]}")
    print(f"{name}: no request, no overflow, lowest contrast {ratio:.1f}")
    context.close()


def check_without_script(engine, address):
    context = engine.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    require(page.locator("table").count() > 0 and page.locator("table").first.is_visible(), "no table without scripts")
    require(not page.locator("#search").count() or not page.locator("#search").is_visible(), "a search that does nothing")
    items = page.locator(".item")
    if items.count():
        page.locator(".list:not([open]) > summary").first.click()
        items.first.locator("summary").first.click()
        require(items.first.locator(".text").first.is_visible(), "a trajectory does not open without scripts")
    print("without scripts: tables and trajectories are there")
    context.close()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    report = pathlib.Path(sys.argv[1]).resolve() / "report.html"
    require(report.exists(), f"{report} is missing; tripost report {sys.argv[1]} writes it")
    pictures = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        engine = browser(playwright)
        for width in WIDTHS:
            for theme in ("light", "dark"):
                check(engine, report.as_uri(), theme, width, pictures)
        check_without_script(engine, report.as_uri())
        engine.close()
    print("passed")


main()

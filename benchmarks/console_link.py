"""Today, visited for the first time over a slow link: measured in Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.console_bench import ConsoleBench
from benchmarks.processes import CannotStart
from benchmarks.report import Figure, spread

LINK_BOUND = 2.5
_LINK = {"offline": False, "latency": 150, "downloadThroughput": 1_000_000 / 8, "uploadThroughput": 1_000_000 / 8}
_PAINTED = "() => performance.getEntriesByName('first-contentful-paint').length > 0"


def link(bench: ConsoleBench) -> Iterator[Figure]:
    """The first visit to Today, on a laptop as it is, and on one that is four times slower."""
    bench.say("a browser on a slow link")
    usable, slower, brought = [], [], 0
    for _ in range(bench.console.visits):
        took, brought = visit(bench, 1)
        usable.append(took)
        slower.append(visit(bench, 4)[0])
    yield Figure(
        what="Today, first visit at 1 Mbit/s and 150 ms: usable", ratio=median(usable), wanted=LINK_BOUND, sense="≤",
        unit="s", measured=f"{spread(usable, digits=2)} s",
        note="Chromium with an empty cache, its link made slow by its own tools: the page is painted with its style, "
             f"and its scripts answer a key; {brought / 1000:,.0f} kB came.",
    )  # fmt: skip
    yield Figure(
        what="the same with the processor slowed four times", ratio=median(slower), sense="≤", unit="s",
        measured=f"{spread(slower, digits=2)} s",
    )  # fmt: skip


def visit(bench: ConsoleBench, slower: int) -> tuple[float, int]:
    """Seconds until Today can be used by somebody who comes for the first time, and the bytes that came."""
    executable = shutil.which("chromium")
    if executable is None:
        raise CannotStart("There is no `chromium` on the PATH.")
    try:
        driver = import_module("playwright.sync_api")
    except ImportError as error:
        raise CannotStart(f"Playwright: {error}") from error
    options = ["--disable-gpu", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    url = bench.served.server.target.url
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=options)
        try:
            context = browser.new_context(locale="en", viewport={"width": 1366, "height": 768})
            context.add_cookies([{"name": "titian-session", "value": bench.analysts[0], "url": url}])
            page = context.new_page()
            return _visit(context, page, url, slower)
        finally:
            browser.close()


def _visit(context: Any, page: Any, url: str, slower: int) -> tuple[float, int]:
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.emulateNetworkConditions", _LINK)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    came: list[int] = []
    tools.on("Network.loadingFinished", lambda event: came.append(int(event["encodedDataLength"])))
    page.goto("about:blank")
    began = perf_counter()
    page.goto(url + "/", wait_until="domcontentloaded")
    page.wait_for_function(_PAINTED)
    # The scripts have run: a key of the console's own leads to the search.
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement && document.activeElement.matches('[data-search]')")
    took = perf_counter() - began
    page.wait_for_timeout(300)
    return took, sum(came)

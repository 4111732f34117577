"""What people see: the asset graph and a check with its plot, in a real browser.

With UPDATE_SCREENSHOTS=1 the pictures in docs/images are taken anew.
"""

import os
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def page():
    """A page of a headless Chromium."""
    if CHROMIUM is None:
        message = "the browser tests need Chromium: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield browser.new_page(viewport={"width": 1600, "height": 1000})
        browser.close()


def _picture(page, name: str, folder: Path) -> Path:
    target = (IMAGES if os.environ.get("UPDATE_SCREENSHOTS") == "1" else folder) / f"{name}.png"
    page.screenshot(path=target)
    return target


def test_the_asset_graph_shows_the_whole_way(drifted, page, tmp_path):
    page.goto(
        f"http://127.0.0.1:{drifted.ui_port}/assets/marts/reviews_scored"
        "?view=lineage&lineageScope=upstream&lineageDepth=20"
    )
    for name in ("stg_reviews", "review_features", "training_set", "challenger", "champion"):
        page.get_by_text(name).first.wait_for(timeout=60_000)
    page.wait_for_timeout(3_000)
    assert _picture(page, "asset-graph", tmp_path).stat().st_size > 10_000


def test_a_check_shows_its_plot(drifted, page, tmp_path):
    page.goto(
        f"http://127.0.0.1:{drifted.ui_port}/assets/reviews_rating/drift"
        "?view=checks&checkDetail=no_drift"
    )
    page.get_by_text("Show Markdown").first.click(timeout=60_000)
    plot = page.locator("img[src^='data:image/png']").first
    plot.wait_for(timeout=10_000)
    assert plot.bounding_box()["width"] > 200
    page.wait_for_timeout(1_000)
    assert _picture(page, "drift-check", tmp_path).stat().st_size > 10_000

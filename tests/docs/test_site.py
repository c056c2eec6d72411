"""docs/ as a site: it builds, its links lead somewhere, and it asks nobody else for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.blocks import PROJECT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site as `make docs` builds it; warnings, such as of links, are errors."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        (sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder),
        cwd=PROJECT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_navigation(site: Path) -> None:
    listed = (site / "index.html").read_text("utf-8")
    for page in (PROJECT / "docs").rglob("*.md"):
        address = page.relative_to(PROJECT / "docs").with_suffix(".html").as_posix()
        assert f'href="{address}" class="md-nav__link"' in listed, page


def test_readme_is_the_first_page_and_its_links_work(site: Path) -> None:
    text = (site / "index.html").read_text("utf-8")

    assert 'href="chart.html"' in text
    assert (site / "manifests/alerts/backup.yaml").read_bytes() == (
        PROJECT / "manifests/alerts/backup.yaml"
    ).read_bytes()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]* src="?([^" >]+)', text)
        loaded += re.findall(r'<link[^>]* href="?([^" >]+)', text)
        assert not [each for each in loaded if "//" in each], page

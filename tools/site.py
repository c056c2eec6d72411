"""What mkdocs does beside what it is told in mkdocs.yml: pages and files from outside docs/.

README.md is the site's first page and the chart's README.md one of it, so that neither is said
twice. Links of pages to other files of the project lead to copies of these in the site.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_PROJECT = Path(__file__).parents[1]
_ELSEWHERE = {"README.md": "index.md", "manifests/chart/README.md": "chart.md"}
_LINK = re.compile(r"(?<=\]\()(?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?(?=\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put every recipe into the navigation."""
    pages = sorted(path.name for path in (Path(config.docs_dir) / "recipes").glob("*.md"))
    pages.sort(key=lambda name: name != "index.md")
    config.nav = [
        {"Recipes": [f"recipes/{name}" for name in pages]} if "Recipes" in entry else entry
        for entry in config.nav or []
        if "Recipes" not in entry or pages
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside, rewrite the links of all, and add what they lead to."""
    for source, page in _ELSEWHERE.items():
        files.append(File.generated(config, page, content=(_PROJECT / source).read_text("utf-8")))
    outside: set[str] = set()
    for file in list(files.documentation_pages()):
        origin = next((source for source, page in _ELSEWHERE.items() if page == file.src_uri), "")
        source = origin or f"docs/{file.src_uri}"
        file.content_string = _rewritten(source, file.src_uri, file.content_string, outside)
    for path in sorted(outside):
        files.append(File.generated(config, path, abs_src_path=str(_PROJECT / path)))
    return files


def _rewritten(source: str, page: str, text: str, outside: set[str]) -> str:
    """Return a page with links as they are in the site; note in ``outside`` what they lead to."""

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found["path"]))
        if target in _ELSEWHERE:
            there = _ELSEWHERE[target]
        elif target.startswith("docs/"):
            there = target.removeprefix("docs/")
        elif (_PROJECT / target).is_file():
            there = target
            outside.add(target)
        else:
            return found[0]  # mkdocs says that it leads nowhere
        relative = posixpath.relpath(there, posixpath.dirname(page) or ".")
        return relative + (found["anchor"] or "")

    return _LINK.sub(link, text)

"""What a package index shows: README.md with links that hold there, and the project's addresses, from one setting.

``repository`` of ``[tool.hatch.metadata.hooks.custom]`` in pyproject.toml is the forge's address of the project. Where it is
set, links and images lead to its files; where it is empty, links become their words and images their descriptions, so that
nothing on the index is broken.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: ``[words](target)`` or ``![words](target)`` whose target is a file here
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")


def index_readme(text: str, repository: str, version: str) -> str:
    """The text for a package index."""

    def moved(match: re.Match[str]) -> str:
        image, words, target = match.groups()
        if not repository:
            return f"*({words}: a picture, in the project's own copy of this page)*" if image else words
        kind = "raw" if image else "blob"
        return f"{image}[{words}]({repository.rstrip('/')}/{kind}/v{version}/{target})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)  # code stays as it is
    return "".join(part if part.startswith("```") else _LINK.sub(moved, part) for part in parts)


class CustomMetadataHook(MetadataHookInterface):
    """Fills in readme and urls."""

    def update(self, metadata: dict[str, Any]) -> None:
        """See hatchling."""
        repository = str(self.config.get("repository", ""))
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = index_readme(text, repository, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        if repository:
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{repository}/tree/v{metadata['version']}/docs",
                "Changelog": f"{repository}/blob/v{metadata['version']}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }

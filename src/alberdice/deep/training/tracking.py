"""A run in Weights & Biases, as a logger of the training API; wandb is loaded when one begins.

Where the numbers go is wandb's to say, by its own variables: WANDB_MODE (online, offline), WANDB_ENTITY, WANDB_API_KEY, ...;
``wandb sync FOLDER`` sends later what was kept offline.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alberdice.console import tell
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError
from alberdice.files import is_file, write_atomically

__all__ = ["WandB"]


class WandB:
    """One run of Weights & Biases: settings, what training measures, and every evaluation, by the number of updates.

    A run that goes on in the same folder goes on there, too. Output is not captured, and wandb itself says nothing.

    Args:
        folder: of wandb's files; in it ``run-id`` keeps the run's name there. A run's own is RUN/wandb.
        project: of W&B.
        done: updates done before; 0: a run of its own.
        settings: of the run, W&B's "config".
        name: what people call the run; by default the name of the folder above.
        options: further arguments of ``wandb.init``, e.g. mode="offline", entity="...", group="...".

    Raises:
        ResourceError: wandb is not installed, or cannot begin.
        InvalidArgumentError: options that ``wandb.init`` does not take.
    """

    def __init__(
        self,
        folder: str | Path,
        project: str = "alberdice",
        *,
        done: int = 0,
        settings: Mapping[str, Any] | None = None,
        name: str = "",
        **options: Any,
    ) -> None:
        wandb = _imported()
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        begun = {
            "project": project,
            "dir": str(place),
            "name": name or place.resolve().parent.name,
            "config": dict(settings or {}),
            "id": _identity(place / "run-id", done),
            "resume": "allow",
            "settings": wandb.Settings(silent=True, console="off"),
        }
        try:
            self._run: Any = wandb.init(**{**begun, **options})
        except TypeError as error:
            raise InvalidArgumentError("options", got=sorted(options), expected=f"those of wandb.init ({error})") from None
        except wandb.errors.Error as error:
            remedy = "run wandb login once, or set WANDB_MODE=offline"
            raise ResourceError("wandb", got=str(error), expected="a run that begins", remedy=remedy) from None
        tell(f"wandb: {self._run.dir if self._run.offline else self._run.url}")

    def log(self, kind: str, update: int, values: Mapping[str, float]) -> None:
        """See ``fit.Logger``; what is no number is left out."""
        numbers = {f"{kind}/{name}": value for name, value in values.items() if value == value}
        if numbers:
            self._run.log(numbers, step=update)

    def close(self) -> None:
        """Wait until everything is written, or sent."""
        self._run.finish()


def _imported() -> Any:
    try:
        import wandb
    except ImportError:
        remedy = "pip install 'alberdice[tracking]'"
        raise ResourceError("wandb", got="not installed", expected="wandb 0.31 or later", remedy=remedy) from None
    return wandb


def _identity(path: Path, done: int) -> str:
    """The name of the run in its folder: the same one for a run that goes on."""
    if done and is_file(path):
        kept = path.read_text(encoding="ascii", errors="replace").strip()
        if not kept.isalnum():
            raise InvalidDataError(str(path), got=repr(kept[:40]), expected="letters and digits", remedy="delete the file")
        return kept
    fresh = secrets.token_hex(4)
    write_atomically(path, f"{fresh}\n".encode())
    return fresh

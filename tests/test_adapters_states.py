"""What is kept of an optimizer of ours in PyTorch's programs: states, copies, files."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest

import optviz as ov

torch = pytest.importorskip("torch", reason="the extra `peers` is not installed")
pytestmark = pytest.mark.peers


def taught(spec: Any, steps: int, seed: int = 0, begun: Any = None) -> Any:
    """A small module and its optimizer after so many steps; `begun` is such a pair, to go on."""
    if begun is None:
        torch.manual_seed(seed)
        module = torch.nn.Linear(3, 2)
        begun = module, ov.adapters.as_torch(module.parameters(), spec)
    module, optimizer = begun
    for k in range(steps):
        torch.manual_seed(k)
        optimizer.zero_grad()
        module(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()
    return begun


AVERAGING = ["adam:ema=0.9", "adam:swa=4", "schedulefree", "lamb:clip_norm=1,ema=0.5", "prodigy"]


@pytest.mark.parametrize("way", ["file", "copy", "pickle"])
@pytest.mark.parametrize("spec", AVERAGING)
def test_what_is_saved_while_averages_are_in_place_goes_on(spec: str, way: str) -> None:
    whole, _ = taught(spec, 6, begun=taught(spec, 6))
    module, optimizer = taught(spec, 6)
    optimizer.eval()
    match way:
        case "file":
            file = io.BytesIO()
            torch.save((module.state_dict(), optimizer.state_dict()), file)
            file.seek(0)
            states = torch.load(file, weights_only=True)
            again = taught(spec, 0, seed=1)
            for part, state in zip(again, states, strict=True):
                part.load_state_dict(state)
        case "copy":
            again = copy.deepcopy((module, optimizer))
        case _:
            again = pickle.loads(pickle.dumps((module, optimizer)))
    if optimizer.optimizer.shown_slot >= 0:
        with pytest.raises(ValueError, match=r"call train\(\) to go on"):
            again[1].step()
    again[1].train()
    taught(spec, 6, begun=again)
    for one, other in zip(whole.parameters(), again[0].parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        ("sgd", "adam", "Adam: this is the state of another optimizer"),
        ("lamb", "adamw", "AdamW: this is the state of another optimizer"),
        ("adam", "adam:ema=0.9", "this state has no ema"),
        ("adam:ema=0.5", "adam", "this state has average, m"),
        ("adam:ema=0.5", "adam:swa=5", "this state has no swa"),
    ],
)
def test_a_state_of_another_changes_nothing(theirs: str, ours: str, said: str) -> None:
    _, other = taught(theirs, 2)
    module, optimizer = taught(ours, 2)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=said):
        optimizer.load_state_dict(other.state_dict())
    assert str(optimizer.state_dict()) == str(before)
    taught(ours, 1, begun=(module, optimizer))


def test_a_state_of_another_shape_has_a_line() -> None:
    _, optimizer = taught("adam", 2)
    wide = ov.adapters.as_torch(torch.nn.Linear(5, 2).parameters(), "adam")
    with pytest.raises(ValueError, match=r"parameter 0 was \(2, 3\), and is \(2, 5\) here"):
        wide.load_state_dict(optimizer.state_dict())


def test_a_rate_of_zero_stands_still_and_one_that_is_none_is_refused() -> None:
    module, optimizer = taught("adam", 1)
    before = [p.detach().clone() for p in module.parameters()]
    optimizer.param_groups[0]["lr"] = 0.0
    taught("adam", 2, begun=(module, optimizer))
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    for spec, rate in (("adam", float("nan")), ("adam", -0.1), ("ftrl", 0.0)):
        module, optimizer = taught(spec, 1)
        optimizer.param_groups[0]["lr"] = rate
        with pytest.raises(ValueError, match="lr must be a finite number"):
            taught(spec, 1, begun=(module, optimizer))


def test_a_rule_that_remembers_sums_wants_all_parameters_from_the_first_step() -> None:
    module, optimizer = taught("prodigy", 2)
    optimizer.add_param_group({"params": [late := torch.nn.Parameter(torch.ones(2))]})
    before = [p.detach().clone() for p in module.parameters()]
    for p in (*module.parameters(), late):
        p.grad = torch.ones_like(p)
    with pytest.raises(ValueError, match=r"a parameter \(2,\) appears after the first step"):
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))

"""Ensembles: probabilities are averaged, and disagreement is told from doubt."""

import math

import pytest
import torch
from monai.data import MetaTensor
from monai.inferers import SimpleInferer

from bundle.common.errors import InputError
from bundle.inferers import Checkpoints, DropoutSamples, EnsembleInferer, FlipsAndShifts, ProbabilityWindows
from bundle.inferers.uncertainty import entropy
from bundle.networks import ResUNet3D, save_weights


class Constant(torch.nn.Module):
    """The same probability everywhere."""

    def __init__(self, probability: float = 0.5):
        super().__init__()
        self.logit = torch.nn.Parameter(torch.tensor(probability).logit())

    def forward(self, x):
        return torch.zeros_like(x) + self.logit


class Lines(torch.nn.Module):
    """Logits that depend on the place: 9 where the voxel before along x is bright, else -9."""

    def forward(self, x):
        before = torch.nn.functional.pad(x, (0, 0, 0, 0, 1, 0), mode="replicate")[:, :, :-1]
        return torch.where(before > 0.5, 9.0, -9.0)


def save_constants(folder, *probabilities):
    paths = [folder / f"{number}.pt" for number in range(len(probabilities))]
    for path, probability in zip(paths, probabilities):
        save_weights(Constant(probability), path)
    return paths


@pytest.mark.parametrize("windows", [True, False], ids=["probabilities", "logits"])
def test_two_networks_that_disagree(tmp_path, windows):
    paths = save_constants(tmp_path, 0.9, 0.2)
    inferer = ProbabilityWindows((8, 8, 8), 1) if windows else SimpleInferer()
    ensemble = EnsembleInferer(inferer, Checkpoints(paths))
    with torch.inference_mode():
        result = ensemble(MetaTensor(torch.rand(1, 1, 8, 8, 8)), Constant())
    mean, whole, information = result[0, :, 3, 4, 5]
    mean = mean if windows else mean.sigmoid()

    def h(p):
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    assert mean == pytest.approx(0.55, abs=1e-5)  # a mean of logits would be 0.6
    assert whole == pytest.approx(h(0.55), abs=1e-5)
    assert information == pytest.approx(h(0.55) - (h(0.9) + h(0.2)) / 2, abs=1e-5)


def test_members_that_agree_have_no_mutual_information(tmp_path):
    (path,) = save_constants(tmp_path, 0.5)
    ensemble = EnsembleInferer(SimpleInferer(), Checkpoints([path, path, path]))
    with torch.inference_mode():
        _, whole, information = ensemble(torch.rand(1, 1, 4, 4, 4), Constant())[0]
    torch.testing.assert_close(whole, torch.full_like(whole, math.log(2)))
    assert information.max() < 1e-5


def test_entropy_is_ln_2_at_one_half_and_none_where_it_is_sure():
    torch.testing.assert_close(entropy(torch.tensor([0, 0.5, 1])), torch.tensor([0, math.log(2), 0]))


@pytest.mark.parametrize("flip", [(), (0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("shift", [0, 1, 3, 8])
def test_flips_and_shifts_are_undone_to_the_voxel(flip, shift):
    volume = torch.rand(2, 1, 8, 6, 10)
    (context,) = FlipsAndShifts([flip], [shift])(volume, Constant())
    with context as member:
        assert member.inputs.shape[2:] == (tuple(n + 8 for n in (8, 6, 10)) if shift else (8, 6, 10))
        assert bool(flip or shift) != torch.equal(member.inputs, volume)
        assert torch.equal(member.back(member.inputs), volume)


def test_a_network_sees_the_mirrored_volume():
    """One that marks the next voxel along x marks the one before when mirrored: the mean has both."""
    volume = torch.zeros(1, 1, 9, 3, 3)
    volume[:, :, 4] = 1
    ensemble = EnsembleInferer(SimpleInferer(), FlipsAndShifts([[], [0]]))
    mean = ensemble(volume, Lines()).sigmoid()[0, 0, :, 1, 1]
    assert [round(p, 2) for p in mean.tolist()] == [0, 0, 0, 0.5, 0, 0.5, 0, 0, 0]


def test_dropout_is_sampled_and_everything_is_as_before():
    network = ResUNet3D(channels=(4, 8), dropout=0.5).eval()
    volume = torch.rand(1, 1, 8, 8, 8)
    ensemble = EnsembleInferer(SimpleInferer(), DropoutSamples(4))
    state = torch.random.get_rng_state()
    with torch.inference_mode():
        first, again = ensemble(volume, network), ensemble(volume, network)
    assert first[0, 2].max() > 1e-3 and torch.equal(first, again)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(module.training for module in network.modules())


def test_without_dropout_all_samples_agree():
    ensemble = EnsembleInferer(SimpleInferer(), DropoutSamples(3))
    with torch.inference_mode():
        network = ResUNet3D(channels=(4, 8), dropout=0.0).eval()
        assert ensemble(torch.rand(1, 1, 8, 8, 8), network)[0, 2].max() < 1e-5


@pytest.mark.parametrize(
    "make",
    [lambda: FlipsAndShifts([[3]]), lambda: FlipsAndShifts([[]], [9]), lambda: Checkpoints([]),
     lambda: Checkpoints("model.pt"), lambda: DropoutSamples(0),
     lambda: list(DropoutSamples(2)(torch.rand(1, 1, 2, 2, 2), Constant()))],
)  # fmt: skip
def test_what_is_no_ensemble_is_refused_in_a_sentence(make):
    with pytest.raises(InputError, match=r"\.$"):
        make()

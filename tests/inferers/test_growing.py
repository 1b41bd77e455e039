"""Windows that follow a vessel: those of MONAI's sliding window, fewer of them, and one more on a gap."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer

from bundle.inferers import CoarseLook, GrowingWindows
from bundle.inferers.gaps import gaps_of
from bundle.networks import ResUNet3D, save_weights

ROI = 16
GRID = {"overlap": 0.5, "mode": "gaussian", "padding_mode": "replicate"}


def windows(**options):
    own = {"everywhere": False, "gap_count": 0, "dark": 0.2, "start_mm": 4.0, "grow_mm": 4.0}
    return GrowingWindows((ROI,) * 3, 1, **GRID, spacing_mm=1.0, **(own | options))


class Bright(torch.nn.Module):
    """Lumen where it is bright; ``seen`` has the means of the windows that it was given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen += [float(window.mean()) for window in x]
        return 20 * (x - 0.5)


def tube():
    """A vessel along x through half of a volume, tissue about it, and a bright spot in the far corner."""
    volume = torch.full((1, 1, 96, 48, 48), 0.3)
    volume[..., 2:70, 8:12, 8:12] = 1.0
    volume[..., 88:92, 40:44, 40:44] = 1.0
    return volume


def coarse_at(*voxel):
    """A coarse look of half the resolution that finds one voxel."""

    def look(volume):
        probability = torch.zeros([n // 2 for n in volume.shape[1:]])
        probability[tuple(n // 2 for n in voxel)] = 1.0
        return probability

    return look


@pytest.mark.parametrize("shape", [(40, 24, 33), (24, 12, 10)])
@pytest.mark.parametrize("batch", [1, 3])
def test_all_windows_give_what_monai_gives(shape, batch):
    torch.manual_seed(0)
    volume, network = torch.rand(1, 1, *shape), torch.nn.Conv3d(1, 1, 3, padding=1)
    inferer = GrowingWindows((ROI,) * 3, batch, **GRID, spacing_mm=1.0, everywhere=True, gap_count=0)
    with torch.inference_mode():
        expected = SlidingWindowInferer((ROI,) * 3, batch, **GRID)(volume, lambda x: network(x).sigmoid())
        torch.testing.assert_close(inferer(volume, network), expected)


def test_windows_follow_a_tube_and_leave_the_far_corner_alone():
    volume = MetaTensor(tube())
    found = windows(coarse=coarse_at(4, 10, 10))(volume, Bright())[0, 0] > 0.5
    lumen = volume[0, 0].as_tensor() > 0.5
    assert (found[:80] == lumen[:80]).all() and not found[80:].any()
    assert volume.meta["windows"][0] < volume.meta["windows_in_all"][0] / 4


def test_an_occlusion_longer_than_the_reach_ends_the_growth():
    volume = tube()
    volume[..., 34:56, :, :] = 0.3
    found = windows(coarse=coarse_at(4, 10, 10))(volume, Bright())[0, 0] > 0.5
    assert found[30].any() and not found[64:].any()


def test_a_coarse_look_that_finds_nothing_looks_everywhere():
    volume = tube()
    found = windows(coarse=lambda v: torch.zeros(8, 8, 8))(volume, Bright())[0, 0] > 0.5
    assert (found == (volume[0, 0] > 0.5)).all()


def test_air_is_not_looked_at():
    volume = tube()
    volume[volume < 0.5] = 0.1  # darker than `dark`
    everywhere = MetaTensor(volume)
    network = Bright()
    found = windows()(everywhere, network)[0, 0] > 0.5
    assert (found == (volume[0, 0] > 0.5)).all()
    assert everywhere.meta["windows"][0] < everywhere.meta["windows_in_all"][0] / 3
    assert min(network.seen) > 0.1


def test_a_volume_of_air_has_no_lumen():
    assert windows()(torch.zeros(1, 1, 40, 20, 20), Bright()).max() < 0.01


def test_several_outputs_and_the_lumen_leads():
    class WithVeins(Bright):
        def forward(self, x):
            lumen = super().forward(x)
            return torch.cat([lumen, torch.zeros_like(lumen)], dim=1)

    found = windows(coarse=coarse_at(4, 10, 10), outputs=None)(tube(), WithVeins())
    assert found.shape == (1, 2, 96, 48, 48)
    seen = found[0, 1] > 0
    assert seen[:70, 10, 10].all() and not seen[90:].any()
    torch.testing.assert_close(found[0, 1][seen], torch.full((int(seen.sum()),), 0.5))


def test_a_gap_is_looked_at_again_and_nothing_else():
    volume = torch.zeros(1, 1, 64, 32, 32)
    volume[..., 4:33, 14:18, 14:18] = 1.0
    volume[..., 39:60, 14:18, 14:18] = 1.0

    class Second(Bright):
        """Bridges the gap in a window centred on it alone."""

        def forward(self, x):
            line = x[..., 6:10, 6:10].amax(dim=(3, 4), keepdim=True)
            middle, ends = line[:, :, 6:10].amax(2, True), line[:, :, :4].amin(2, True)
            is_gap = (middle < 0.5) & (ends > 0.5)
            return torch.where(is_gap, 9.0, super().forward(x))

    image = MetaTensor(volume)
    before = windows(everywhere=True)(image, Second())
    assert image.meta["windows_at_gaps"] == [0] and not (before[0, 0, 34:38] > 0.5).any()
    again = windows(everywhere=True, gap_count=3, gap_fuse_mm=5.0, gap_part_mm3=50.0)(image, Second())
    assert image.meta["windows_at_gaps"] == [1]
    changed = (again - before)[0, 0].abs() > 1e-4
    assert again[0, 0, 34:38, 15, 15].min() > 0.5
    distance = np.linalg.norm(np.argwhere(changed.numpy()) - [35.5, 15.5, 15.5], axis=1)
    assert 3 < distance.max() <= 5.01


def test_gaps_are_between_large_parts_at_the_right_distance():
    mask = np.zeros((60, 20, 20), bool)
    mask[2:20, 4:8, 4:8] = mask[26:40, 4:8, 4:8] = True  # voxels 7 apart: 3.5 mm
    mask[40:59, 16:19, 16:19] = True  # beyond 4 mm of both
    mask[22, 5, 5] = True  # too small
    (gap,) = gaps_of(mask, 0.5, 2.0, (1.0, 4.0))
    assert gap.length_mm == pytest.approx(3.5)
    assert gap.center[0] == pytest.approx(22.5) and 4 <= gap.center[1] <= 7
    assert not gaps_of(mask, 0.5, 2.0, (1.0, 3.0)) and not gaps_of(mask * False, 0.5, 2.0, (1.0, 3.0))


def test_the_coarse_look_reads_its_weights_when_it_first_looks(tmp_path):
    network, other = (ResUNet3D(channels=(4, 8)) for _ in range(2))
    look = CoarseLook(other, tmp_path / "model.pt", (16, 16, 8))
    save_weights(network, tmp_path / "model.pt")  # only now
    volume = torch.rand(1, 32, 32, 8)
    with torch.inference_mode():
        small = volume.reshape(1, 1, 16, 2, 16, 2, 8).mean(dim=(3, 5))
        torch.testing.assert_close(look(volume), network.eval()(small)[0, 0].sigmoid())

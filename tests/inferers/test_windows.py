"""Windows whose probabilities are averaged."""

import torch

from bundle.inferers import ProbabilityWindows


class Position(torch.nn.Module):
    """Says yes (logit 8) in a window whose first voxel is bright, and no (logit -8) in any other."""

    def forward(self, x):
        sure = torch.where(x[:, :, :1, :1, :1] > 0.5, 8.0, -8.0)
        return torch.cat([sure.expand_as(x), torch.full_like(x, 99.0)], dim=1)


def test_where_two_windows_disagree_the_probability_is_one_half():
    image = torch.zeros(1, 1, 12, 8, 8)
    image[:, :, 0] = 1  # the first voxel of the first of two windows, which share four voxels
    windows = ProbabilityWindows(8, 1, overlap=0.5, mode="constant")
    probability = windows(image, Position())
    assert probability.shape == image.shape
    yes, no = torch.sigmoid(torch.tensor([8.0, -8.0])).tolist()
    expected = torch.tensor([yes] * 4 + [(yes + no) / 2] * 4 + [no] * 4)
    torch.testing.assert_close(probability[0, 0, :, 3, 3], expected, atol=1e-5, rtol=0)


def test_all_outputs_of_a_network_can_be_had():
    both = ProbabilityWindows(8, 1, outputs=None)(torch.zeros(1, 1, 12, 8, 8), Position())
    assert both.shape == (1, 2, 12, 8, 8)
    assert both[:, 0].max() < 0.001 and both[:, 1].min() > 0.999

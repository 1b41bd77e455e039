"""Weights on disk."""

import pytest
import torch

from bundle.common.errors import InputError
from bundle.networks.resunet3d import ResUNet3D
from bundle.networks.weights import load_weights, read_checkpoint, save_checkpoint, save_weights


def small(channels=(4, 8), **options):
    return ResUNet3D(channels=channels, **options)


def test_what_was_saved_is_loaded(tmp_path):
    network = small()
    save_weights(network, tmp_path / "model.pt")
    other = load_weights(small(), tmp_path / "model.pt")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters()))


def test_the_file_holds_tensors_that_pytorch_loads_as_they_are(tmp_path):
    network = small()
    save_weights(network, tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert all(t.dtype == torch.float32 for t in content.values())
    assert small().load_state_dict(content).missing_keys == []


def test_weights_under_model_are_read_too(tmp_path):
    """As checkpoints hold them, and files of earlier versions."""
    network = small()
    torch.save({"model": network.state_dict(), "epoch": 3}, tmp_path / "checkpoint.pt")
    other = load_weights(small(), tmp_path / "checkpoint.pt")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters()))


def test_half_precision_halves_the_file_and_comes_back_as_float(tmp_path):
    network = small(channels=(16, 32))
    save_weights(network, tmp_path / "full.pt")
    save_weights(network, tmp_path / "half.pt", half=True)
    assert (tmp_path / "half.pt").stat().st_size < 0.6 * (tmp_path / "full.pt").stat().st_size
    other = load_weights(small(channels=(16, 32)), tmp_path / "half.pt")
    for a, b in zip(network.parameters(), other.parameters()):
        assert b.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_another_architecture_is_one_sentence_that_names_the_file(tmp_path):
    save_weights(small(), tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt holds the weights of another architecture") as caught:
        load_weights(small(channels=(8, 16)), tmp_path / "model.pt")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.pt does not exist"):
        load_weights(small(), tmp_path / "nothing.pt")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "damaged.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged\.pt cannot be read"):
        read_checkpoint(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"model": small()}, tmp_path / "object.pt")
    with pytest.raises(InputError, match="tensors and plain values only"):
        read_checkpoint(tmp_path / "object.pt")


def test_a_save_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "model.pt"
    save_checkpoint({"step": 1}, path)
    with pytest.raises(Exception, match="pickle"):
        save_checkpoint({"step": lambda: 2}, path)
    assert read_checkpoint(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]

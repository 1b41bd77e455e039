"""Cases on disk that every test may use."""

from __future__ import annotations

import os

# Before NumPy is imported: on arrays this small its threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
from contrast_network import ContrastNetwork
from tube_cases import tube_case, write_split


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Exported networks of the tests, also of programs that they start, go where pytest cleans up."""
    os.environ["TORCH_HOME"] = str(tmp_path_factory.mktemp("torch_home"))


@pytest.fixture
def imagecas_dir(tmp_path):
    """An ImageCAS folder of six tube cases (3 Training, 1 Val, 2 Testing) with its split file."""
    root = tmp_path / "ImageCAS"
    parts = ["Training", "Training", "Training", "Val", "Testing", "Testing"]
    for number in range(1, 7):
        tube_case(root / "1-200", number, seed=number)
    write_split(root / "imageCAS_data_split.xlsx", list(zip(range(1, 7), parts)))
    return root


@pytest.fixture
def real_cta():
    """One real CT angiogram, which is not part of the project."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "real_cta" / "heart_cta_1p5mm.nii.gz"
    if not path.is_file():
        pytest.skip("shared/data/real_cta is not beside the checkout")
    return path


@pytest.fixture
def weights(tmp_path):
    """Weights of the network that sees contrast."""
    from bundle.networks.weights import save_weights

    path = tmp_path / "contrast.pt"
    save_weights(ContrastNetwork(), path)
    return path

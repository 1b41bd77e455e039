"""Networks, one architecture a file, and their weights on disk."""

from bundle.networks.resunet3d import ResUNet3D
from bundle.networks.weights import load_weights, save_weights

__all__ = ["ResUNet3D", "load_weights", "save_weights"]

"""The layouts of data sets that are recognised, one a file."""

from .asoca import read_asoca
from .decathlon import read_decathlon
from .imagecas import read_imagecas
from .listing import PARTS, Found, some
from .pairs import read_pairs

__all__ = ["PARTS", "Found", "read_asoca", "read_decathlon", "read_imagecas", "read_pairs", "some"]

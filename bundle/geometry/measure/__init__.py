"""What the tree says: names of branches, calibres, narrowings."""

from .branches import measure_tree
from .labels import from_tree
from .names import name_branches
from .stenosis import Stenosis, find_stenoses

__all__ = ["Stenosis", "find_stenoses", "from_tree", "measure_tree", "name_branches"]

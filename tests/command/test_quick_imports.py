"""A run of `coronary` imports MONAI without what it does not use; who asks for that later gets it."""

import subprocess
import sys

from bundle.command.quick_imports import UNUSED

SCRIPT = """
import sys
from bundle.command.quick_imports import UNUSED, monai_alone
with monai_alone():
    import monai.bundle, monai.engines
print(sorted(name for name in UNUSED if name in sys.modules))
from monai.engines import SupervisedEvaluator
from monai.utils import OptionalImportError
from monai.transforms import UltrasoundConfidenceMapTransform
import matplotlib.pyplot, scipy.optimize, scipy.signal, torch.distributed.optim
print(callable(torch.distributed.optim.ZeroRedundancyOptimizer.consolidate_state_dict))
"""


def test_monai_works_without_them_and_others_find_them():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.split() == ["[]", "True"], done.stderr


def test_where_monai_is_there_nothing_is_hidden():
    import monai  # noqa: F401

    from bundle.command.quick_imports import monai_alone

    before = {name: sys.modules.get(name) for name in UNUSED}
    with monai_alone():
        assert {name: sys.modules.get(name) for name in UNUSED} == before


def test_the_geometry_does_without_statistics():
    """SciPy's take half a second to import."""
    script = "import sys, bundle.geometry.case; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["False"], done.stderr

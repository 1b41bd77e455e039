"""The app that MONAI Label runs: its own for bundles, and what annotators of this one need besides.

`make_app` links this file into the app's folder, beside MONAI Label's own main.py, there monaibundle.py.
"""

from __future__ import annotations

from pathlib import Path

from monailabel.interfaces.app import MONAILabelApp
from monailabel.tasks.activelearning.epistemic import Epistemic
from monailabel.utils.others.class_utils import module_from_file

monaibundle = module_from_file("monaibundle", str(Path(__file__).with_name("monaibundle.py")))


class CoronaryApp(monaibundle.MyApp, MONAILabelApp):  # MONAI Label looks for the second name among the bases
    """MONAI Label's app for bundles, with a strategy that uses the scores and with Slicer's button Train."""

    def init_strategies(self):
        return {**super().init_strategies(), "epistemic": Epistemic()}

    def train(self, request):
        # 3D Slicer sends an empty run_id, for which MONAI would run every expression of the config.
        return super().train({**request, "run_id": request.get("run_id") or "run"})

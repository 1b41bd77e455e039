"""A network that another runtime than PyTorch runs, in the network's place."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from torch import nn

import bundle
from bundle.common.case_warnings import add_warning
from bundle.common.errors import RunFailed
from bundle.common.files import replacing

from .engines import ENGINES, Run
from .exported import as_onnx, fingerprint
from .norms import norms_by_channel
from .speed import half_precision

__all__ = ["CompiledNetwork"]

logger = logging.getLogger(__name__)
_MASK_SHARE = 1e-3
_PROBABILITY = 0.02
_ROUNDING = 1e-5
_KEPT = 4


class CompiledNetwork(nn.Module):
    """Runs a network by OpenVINO or ONNX Runtime on the CPU: the same input, weights and answer.

    For each shape of input the network is exported once and held against PyTorch on the very input that
    came. Only if both agree the model is kept, in a file named by the weights' hash that later runs take:
    `torch.hub.get_dir()` lies beside its folder, so TORCH_HOME moves it.

    Weights are loaded into it as into the network (`load_weights`). It has no parameters or layers of its own
    to look into, always is in evaluation mode, and gives no gradients.

    Args:
        network: what is run; on the CPU.
        runtime: "openvino" or "onnx".
        half: bfloat16, where the runtime has it.
        cache_dir: folder of the exported models; None is the one above.
        falls_back: where the network cannot be exported or does not answer as in PyTorch, PyTorch runs it,
            with a warning in the log and in the meta data of its inputs, in place of the error.

    Attributes:
        remark: why PyTorch runs the network after all, a sentence; None where it does not.

    Shapes:
        those of ``network``, one input and one output.

    Raises:
        RunFailed: when called, unless ``falls_back``, for a network that PyTorch cannot export or whose
            outcome differs from PyTorch's: in more than 0.1 % of the mask's voxels, rounding at one half
            apart, or in a probability by more than 0.02.
    """

    def __init__(
        self,
        network: nn.Module,
        runtime: str,
        half: bool = False,
        cache_dir: str | Path | None = None,
        falls_back: bool = False,
    ) -> None:
        super().__init__()
        self._network = (network.eval(),)  # in a tuple, so that it is no part of this module
        self.runtime, self.engine = runtime, ENGINES[runtime]
        self.half = half and self.engine.has_half
        self.cache_dir = Path(cache_dir) if cache_dir else Path(torch.hub.get_dir()).parent / "coronary_cta"
        self.falls_back, self.remark = falls_back, None
        self._runs: dict[tuple[int, ...], Run] = {}
        self._failure: RunFailed | None = None

    @property
    def network(self) -> nn.Module:
        """The PyTorch network."""
        return self._network[0]

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledNetwork:
        network = copy.deepcopy(self.network, memo)
        return CompiledNetwork(network, self.runtime, self.half, self.cache_dir, self.falls_back)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """That of the PyTorch network."""
        return self.network.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Into the PyTorch network; models of the weights before are forgotten."""
        self._runs, self._failure, self.remark = {}, None, None
        return self.network.load_state_dict(state_dict, *args, **kwargs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.remark is None:
            try:
                return self._answer(x)
            except RunFailed as error:
                if not self.falls_back:
                    raise
                self._runs, self.remark = {}, _without_advice(str(error))
                logger.warning("%s", self.remark)
        if isinstance(x, MetaTensor):
            add_warning(x.meta, self.remark)
        with half_precision("cpu", self.half), norms_by_channel(self.network):
            return self.network(x)

    def release_memory(self) -> None:
        """Give back what the runtime keeps from one input to the next: of a window a gibibyte."""
        for run in self._runs.values():
            if hasattr(run, "release"):
                run.release()

    def _answer(self, x: torch.Tensor) -> torch.Tensor:
        array = np.ascontiguousarray(x.detach().as_subclass(torch.Tensor).float().numpy())
        run = self._runs.get(array.shape)
        if run is None:
            run = self._run_for(array)
            if len(self._runs) == _KEPT:
                self._runs.pop(next(iter(self._runs)))
            self._runs[array.shape] = run
        result = torch.from_numpy(run(array))
        return MetaTensor(result).copy_meta_from(x) if isinstance(x, MetaTensor) else result

    def _run_for(self, x: np.ndarray) -> Run:
        if self._failure is not None:
            raise self._failure
        words = (bundle.__version__, self.runtime, self.engine.version(), self.engine.adapted.__name__)
        name = f"{fingerprint(self.network, *words)[:32]}-{'x'.join(map(str, x.shape))}.onnx"
        path = self.cache_dir / name
        try:
            return self.engine.load(path.read_bytes(), self.half)
        except OSError:
            pass  # the first time
        except Exception as error:  # each runtime has errors of its own
            logger.warning("%s cannot be read and is made again: %s", path, error)
        logger.info("the network is exported for %s, once for these weights", self.engine.title)
        try:
            with self.engine.adapted(self.network):
                model = as_onnx(self.network, x.shape)
            check_same(self.network, self._loaded(model, False), x, self.engine.title)
        except RunFailed as error:
            self._failure = error
            raise
        try:
            with replacing(path) as temporary:
                temporary.write_bytes(model)
        except (OSError, RunFailed) as error:
            logger.warning(
                "the exported network cannot be kept in %s, so that every run makes it again (%s); "
                "TORCH_HOME sets another folder",
                self.cache_dir,
                error,
            )
        return self._loaded(model, self.half)

    def _loaded(self, model: bytes, half: bool) -> Run:
        try:
            return self.engine.load(model, half)
        except Exception as error:  # each runtime has errors of its own
            said = " ".join(str(error).split())[:200]
            raise RunFailed(
                f"{self.engine.title} cannot run the network ({type(error).__name__}: {said}); give runtime "
                "torch (--runtime torch, or --set runtime=torch)."
            ) from error


def _without_advice(sentence: str) -> str:
    return f"{sentence.split('; give runtime torch')[0]}: PyTorch runs the network, more slowly"


def check_same(network: nn.Module, run: Run, x: np.ndarray, title: str) -> None:
    """Hold what a runtime makes of an input against what PyTorch does, both in float32.

    Raises:
        RunFailed: they differ, see `CompiledNetwork`.
    """
    with torch.inference_mode(), torch.autocast("cpu", enabled=False):
        expected = network(torch.from_numpy(x)).sigmoid().numpy()
    found = torch.from_numpy(run(x)).sigmoid().numpy()
    lumen = expected[:, 0] > 0.5
    apart = np.abs(expected - found)
    differing = int(((lumen != (found[:, 0] > 0.5)) & (apart[:, 0] > _ROUNDING)).sum())
    most = float(apart.max())
    if differing > max(1, _MASK_SHARE * lumen.sum()) or not most <= _PROBABILITY:
        raise RunFailed(
            f"{title} gives another mask than PyTorch: {differing} of {lumen.sum()} voxels differ, and "
            f"probabilities by up to {most:.2g}; give runtime torch (--runtime torch, or --set "
            "runtime=torch)."
        )

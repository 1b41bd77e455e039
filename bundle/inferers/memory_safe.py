"""The whole volume at once, on the GPU where it has the memory, else on the CPU."""

from __future__ import annotations

import gc
import logging
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import SimpleInferer
from torch import nn

from bundle.common.case_warnings import add_warning
from bundle.common.parsing import parse_bool
from bundle.networks import CompiledNetwork, half_precision, memory_kept, norms_by_channel

__all__ = ["ON_CPU", "MemorySafeInferer"]

logger = logging.getLogger(__name__)
ON_CPU = (
    "the GPU's memory did not suffice, so this case ran on the CPU: slower, with the same "
    "result up to rounding"
)


class MemorySafeInferer(SimpleInferer):
    """`SimpleInferer` that survives a GPU without enough free memory.

    It first tries again with what PyTorch holds in reserve given back, then runs this volume on the CPU in
    single precision. The network takes the whole volume (instance norm takes its statistics over it), so
    smaller windows would give another answer; the CPU gives the same. The fall-back is logged, and stands in
    the warnings of the case (`bundle.common.case_warnings`). The result then lies on the CPU, and with it the
    steps after it. A volume that comes on the CPU while the network is on a GPU is treated likewise.

    Args:
        amp: bfloat16 for a network on the CPU; on a GPU MONAI's engine says what it runs in.
    """

    def __init__(self, amp: bool = False) -> None:
        super().__init__()
        self.amp = parse_bool(amp, "amp")

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:
        device = next((p.device for p in network.parameters()), inputs.device)
        tries = 2 if inputs.device == device else 0
        for _ in range(tries):
            try:
                if self.amp and device.type == "cpu" and not isinstance(network, CompiledNetwork):
                    return self._in_bfloat16(inputs, network, *args, **kwargs)
                return super().__call__(inputs, network, *args, **kwargs)
            except torch.OutOfMemoryError:
                pass  # out of the except block first: the error holds what the failed try allocated
            gc.collect()
            torch.cuda.empty_cache()
        logger.warning(ON_CPU)
        if isinstance(inputs, MetaTensor):
            add_warning(inputs.meta, ON_CPU)
        # The weights on the GPU stay where they are: moving them back could fail for want of memory.
        state = {k: v.detach().to("cpu") for k, v in (*network.named_parameters(), *network.named_buffers())}
        state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
        volume = inputs.to("cpu", torch.float32)
        with torch.autocast(device.type, enabled=False):
            return torch.func.functional_call(network, state, (volume, *args), kwargs)

    def _in_bfloat16(
        self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        volume = inputs.contiguous(memory_format=torch.channels_last_3d)  # quick in bfloat16
        with half_precision("cpu", True), memory_kept(), norms_by_channel(network):
            return super().__call__(volume, network, *args, **kwargs).float()

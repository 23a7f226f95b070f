"""Where training runs: on one device, or on one for each process that torchrun started.

May import torch and the errors.

    with assemble("auto") as team:                 # torchrun --nproc-per-node 2 -m fsrcnnx train
        net = team.wrap(module)                    # its gradients are means over the processes

Every process draws the same batches, on the CPU, and takes its share of each: whatever the device
and the number of processes, the same patches are learned in the same order, and the gradient of
equal shares is that of the batch. The first process alone evaluates and writes.

Source: torch.nn.parallel.DistributedDataParallel (Li et al. 2020, arXiv:2006.15704).
"""

from __future__ import annotations

import gc
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed, nn

from fsrcnnx.errors import CheckError, FsrcnnxError, InputError

log = logging.getLogger(__name__)

DEVICES = ("auto", "cpu", "cuda")
CPU = torch.device("cpu")
PATIENCE = timedelta(hours=1)  # the others wait while the first evaluates, or its teacher works
Result = TypeVar("Result")


@dataclass(frozen=True)
class Team:
    """The processes of a training run, and this one's place among them.

    Args:
        device: Where this process computes.
        rank: Its number, from 0.
        size: How many there are.
    """

    device: torch.device = CPU
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that evaluates, writes and speaks."""
        return self.rank == 0

    def check(self, batch_size: int) -> None:
        """Refuse a batch that does not split into equal shares.

        Args:
            batch_size: Patches in a batch.

        Raises:
            InputError: If the processes do not divide it.
        """
        if batch_size % self.size:
            raise InputError(f"{batch_size} patches for {self.size} processes",
                             where="--batch-size", allowed=f"a multiple of {self.size}",
                             fix="change it, or --nproc-per-node of torchrun")

    def share(self, batch: torch.Tensor) -> torch.Tensor:
        """Take this process's part of a batch.

        Args:
            batch: (N, ...), N a multiple of the team's size.

        Returns:
            View of (N / size, ...).
        """
        part = len(batch) // self.size
        return batch[self.rank * part:(self.rank + 1) * part]

    def wrap(self, module: nn.Module) -> nn.Module:
        """Average a module's gradients over the team.

        Args:
            module: On the team's device.

        Returns:
            What is to be called in training, of the same parameters.
        """
        if self.size == 1:
            return module
        return nn.parallel.DistributedDataParallel(module)

    def mean(self, value: float) -> float:
        """Average a figure over the team; every process must call it.

        Args:
            value: This process's figure.

        Returns:
            The mean.
        """
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(total)
        return total.item() / self.size

    def gather(self, value: float) -> list[float]:
        """Collect a figure of every process; every process must call it.

        Args:
            value: This process's figure.

        Returns:
            All of them, by rank.
        """
        if self.size == 1:
            return [value]
        found = [0.0] * self.size
        distributed.all_gather_object(found, value)
        return found

    def once(self, function: Callable[[], Result]) -> Result:
        """Let the first process do something; every process must call it, and waits.

        Args:
            function: Called in the first process only.

        Returns:
            Its result, in all.

        Raises:
            FsrcnnxError: What the function raised, in all.
        """
        if self.size == 1:
            return function()
        result, error = None, None
        if self.first:
            try:
                result = function()
            except FsrcnnxError as raised:
                error = raised
        box = [result, error]
        distributed.broadcast_object_list(box)
        if box[1]:
            raise box[1]
        return box[0]


ALONE = Team()


def choose(device: str, local_rank: int = 0, local_size: int = 1) -> torch.device:
    """Choose the device of a process.

    Args:
        device: `auto` (a GPU if there is one), `cpu` or `cuda`.
        local_rank: Number of the process on this machine.
        local_size: Processes on this machine.

    Returns:
        The device.

    Raises:
        InputError: If there is no GPU and one is asked for, or fewer than processes.
    """
    if device not in DEVICES:
        raise InputError(f"device {device!r}", where="--device", allowed=", ".join(DEVICES))
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("no GPU that this PyTorch can use", where="--device", allowed="auto, cpu",
                         fix="install a CUDA build of PyTorch and a driver, or leave it out")
    if device == "cpu" or not torch.cuda.is_available():
        return CPU
    if local_size > torch.cuda.device_count():
        raise InputError(f"{local_size} processes for {torch.cuda.device_count()} GPUs",
                         where="torchrun --nproc-per-node",
                         allowed=f"1..{torch.cuda.device_count()}",
                         fix="start as many as there are GPUs, or take --device cpu")
    return torch.device("cuda", local_rank)


@contextmanager
def assemble(device: str = "auto") -> Iterator[Team]:
    """Bring the processes that torchrun started together; without torchrun, a team of one.

    Args:
        device: As for `choose`.

    Yields:
        The team. Only its first process logs less than warnings.

    Raises:
        InputError: As `choose`.
        CheckError: In the others, if a process has ended before its time.
    """
    launched = distributed.is_available() and distributed.is_torchelastic_launched()
    rank, size, local_rank, local_size = (
        int(os.environ[key]) if launched else alone for key, alone in
        (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0), ("LOCAL_WORLD_SIZE", 1)))
    place = choose(device, local_rank, local_size)
    with ExitStack() as stack:
        if place.type == "cuda":
            torch.cuda.set_device(place)
            # the same bits when a run is resumed, and all of float32
            stack.enter_context(torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False))
        if size > 1:
            stack.enter_context(_connected(place, rank))
        yield Team(place, rank, size)


@contextmanager
def _connected(place: torch.device, rank: int) -> Iterator[None]:
    """Join the process group; an error of one line says that another process is gone."""
    package = logging.getLogger(__package__.partition(".")[0])
    level = package.level
    gpu = place.type == "cuda"
    distributed.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=PATIENCE,
                                   device_id=place if gpu else None)
    try:
        if rank:
            package.setLevel(logging.WARNING)
        with warnings.catch_warnings():
            # a remark on speed, for channels-last gradients; ours are small
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            yield
    except RuntimeError as error:
        if "gloo" not in str(error) and not isinstance(error, distributed.DistError):
            raise
        raise CheckError("another process has ended", where=f"process {rank}",
                         fix="see its message") from error
    finally:
        package.setLevel(level)
        gc.collect()  # what still holds the group would take its threads down with the process
        distributed.destroy_process_group()


def workers(asked: int) -> int:
    """Lower a number of workers to what the machine serves, with a warning.

    Args:
        asked: Number asked for.

    Returns:
        At most the number of CPUs that this process may use.

    Raises:
        InputError: If it is negative.
    """
    cpus = len(os.sched_getaffinity(0))
    if asked < 0:
        raise InputError(f"{asked} workers", where="--num-workers", allowed=f"0..{cpus}")
    if asked > cpus:
        log.warning("--num-workers %d lowered to %d, the CPUs of this machine", asked, cpus)
    return min(asked, cpus)

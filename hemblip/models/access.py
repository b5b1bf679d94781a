"""Reaching pretrained weights: what stands in the way, said in one line with what to do about it."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import torch
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub import errors as hub
from transformers import PretrainedConfig
from transformers.utils import logging

from hemblip.errors import ConfigError, ModelAccessError

GIB = 2**30


WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
"""One of these is in each model's folder."""


def where(pretrained: str, revision: str | None) -> dict[str, Any]:
    """Say to `from_pretrained` where to look, and that no code is to come from there.

    A pinned commit that is in the local cache cannot have changed: the hub is not asked.

    Args:
        pretrained: hub id or folder.
        revision: commit, tag or branch on the hub.
    """
    settings: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    if revision is not None and re.fullmatch("[0-9a-f]{40}", revision) and not Path(pretrained).exists():
        with suppress(ValueError):  # no hub id; the error of loading says so
            wanted = [isinstance(try_to_load_from_cache(pretrained, name, revision=revision), str) for name in WEIGHTS]
            config = try_to_load_from_cache(pretrained, "config.json", revision=revision)
            settings["local_files_only"] = any(wanted) and isinstance(config, str)
    return settings


def _cached(pretrained: str) -> list[str]:
    """Commits of a model in the local cache."""
    folder = Path(constants.HF_HUB_CACHE) / f"models--{pretrained.replace('/', '--')}" / "snapshots"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@contextmanager
def reaching(pretrained: str, revision: str | None) -> Iterator[None]:
    """Turn the errors of loading `pretrained` into one that says what to do.

    Args:
        pretrained: hub id or folder.
        revision: commit, tag or branch on the hub.

    Raises:
        ModelAccessError: no such model, no token, licence not accepted, or no network.
    """
    # Its telemetry asks the network even for what lies in the cache.
    telling, constants.HF_HUB_DISABLE_TELEMETRY = constants.HF_HUB_DISABLE_TELEMETRY, True
    try:
        with bars_on_terminals():
            yield
    except (OSError, ValueError) as error:
        raise ModelAccessError(explain(pretrained, revision, error)) from error
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = telling


@contextmanager
def bars_on_terminals() -> Iterator[None]:
    """Leave the bars of transformers out of logs."""

    def bar(make: Callable[..., Any], words: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        return make(*words, **{**settings, "disable": settings.get("disable") or None})  # None: by the terminal

    before = logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def explain(pretrained: str, revision: str | None, error: BaseException) -> str:
    """Say in one line why `pretrained` could not be loaded and what helps."""
    causes = list(_chain(error))
    statuses = {_status(cause) for cause in causes}
    page = f"https://huggingface.co/{pretrained}"
    if any(isinstance(cause, hub.GatedRepoError) for cause in causes) or statuses & {401, 403}:
        if 403 in statuses:
            return f"{pretrained}: your account has not been granted access; accept the licence at {page} and try again"
        return (
            f"{pretrained}: needs a token and an accepted licence; accept the licence at {page}, make a read token at "
            "https://huggingface.co/settings/tokens, and set HF_TOKEN (or run `hf auth login`)"
        )
    if any(isinstance(cause, hub.RevisionNotFoundError) for cause in causes):
        return f"{pretrained}: has no revision '{revision}'; see {page}/commits/main"
    if any(isinstance(cause, hub.RepositoryNotFoundError) for cause in causes):
        return f"{pretrained}: no such model on the hub (or a private one: set HF_TOKEN); see {page}"
    if any(isinstance(cause, hub.HFValidationError) for cause in causes):
        return f"{pretrained}: neither a folder here nor a hub id (owner/name); correct `pretrained`"
    if any(isinstance(cause, ConnectionError | hub.LocalEntryNotFoundError) for cause in causes):
        others = [commit for commit in _cached(pretrained) if commit != revision]
        if revision is not None and others:
            return (
                f"{pretrained}: commit {revision} is not whole in the local cache and the hub cannot be reached; there "
                f"is {', '.join(others)}, which `revision` can name; or connect once"
            )
        return (
            f"{pretrained}: not in the local cache and the hub cannot be reached; connect once, or copy the folder "
            "here and give its path as `pretrained`, or use `pretrained: compact`, which needs no download"
        )
    reason = " ".join(str(error).split())[:300]
    return f"{pretrained}: cannot be loaded ({reason}); give a hub id, a folder with config.json, or `compact`"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None)


def local_device() -> int:
    """Number of this process's GPU: models are built before Lightning chooses it."""
    return int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0) % torch.cuda.device_count()


def weight_bytes(model: type, config: PretrainedConfig, dtype: torch.dtype) -> int:
    """Count the bytes that the weights of a model take, without allocating them.

    Args:
        model: class of transformers.
        config: of it.
        dtype: that weights are loaded in.
    """
    with torch.device("meta"):
        network = model._from_config(config)  # type: ignore[attr-defined]
    numbers: int = sum(parameter.numel() for parameter in network.parameters())
    return numbers * dtype.itemsize


def check_found(pretrained: str, report: Mapping[str, Any]) -> None:
    """Refuse a model of whose weights some would stay random.

    Args:
        pretrained: hub id or folder, named in the message.
        report: what `from_pretrained` says of its loading.

    Raises:
        ConfigError: weights are missing or of another shape.
    """
    if absent := {*report["missing_keys"], *(names[0] for names in report["mismatched_keys"])}:
        raise ConfigError(f"pretrained '{pretrained}' lacks {len(absent)} weights, first: {min(absent)}; get it again")


def check_memory(pretrained: str, needed: int, fix: str) -> None:
    """Stop before loading what cannot fit.

    Args:
        pretrained: hub id or folder, named in the message.
        needed: bytes that the weights take.
        fix: what the user can do.

    Raises:
        ModelAccessError: less memory is free than `needed`.
    """
    gpu = torch.cuda.is_available()
    free, place = (torch.cuda.mem_get_info(local_device())[0], "GPU memory") if gpu else (_free(), "memory")
    if needed > free:
        raise ModelAccessError(
            f"{pretrained}: the weights take {needed / GIB:.1f} GiB but {free / GIB:.1f} GiB of {place} are free; {fix}"
        )


def _free() -> int:
    """Free bytes of main memory, within the limit of the container, if there is one."""
    free = int(psutil.virtual_memory().available)
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        free = min(free, int(text))
    return free

"""What a user reads when pretrained weights cannot be had."""

import json
import os
import subprocess
import sys

import pytest
import torch
from huggingface_hub import errors as hub
from huggingface_hub.utils import httpx
from tiny_blip import tiny

from hemblip.errors import HemblipError, ModelAccessError
from hemblip.export.export import write_model
from hemblip.models import BlipCaptioner, VlmCaptioner, access
from hemblip.models.access import check_memory, reaching
from hemblip.models.gemma_weights import quantized
from hemblip.models.medgemma import MedGemmaCaptioner

MODEL = "google/medgemma-4b-it"


def answer(kind, status):
    return kind("no", response=httpx.Response(status, request=httpx.Request("HEAD", "https://huggingface.co/x")))


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (answer(hub.GatedRepoError, 401), ["licence", "HF_TOKEN", f"https://huggingface.co/{MODEL}"]),
        (answer(hub.GatedRepoError, 403), ["not been granted", "accept the licence"]),
        (answer(hub.RevisionNotFoundError, 404), ["no revision 'abc'"]),
        (answer(hub.RepositoryNotFoundError, 404), ["no such model"]),
        (hub.LocalEntryNotFoundError("no network"), ["cannot be reached", "compact"]),
        (hub.OfflineModeIsEnabled("offline"), ["cannot be reached", "compact"]),
        (hub.HFValidationError("bad id"), ["neither a folder here nor a hub id"]),
        (ValueError("torn file"), ["wrapped by the library", "config.json"]),
    ],
)
def test_each_obstacle_is_told_in_one_line_with_its_remedy(cause, says):
    with pytest.raises(ModelAccessError) as told, reaching(MODEL, "abc"):
        raise OSError("wrapped by the library") from cause
    message = str(told.value)
    assert "\n" not in message and message.startswith(MODEL)
    assert all(part in message for part in says), message


def test_a_folder_without_a_model(tmp_path):
    from hemblip.models.medgemma import MedGemmaCaptioner

    with pytest.raises(ModelAccessError, match=r"cannot be loaded.*config\.json"):
        MedGemmaCaptioner(pretrained=str(tmp_path))
    with pytest.raises(ModelAccessError, match="neither a folder here nor a hub id"):
        MedGemmaCaptioner(pretrained=str(tmp_path / "absent"))


@pytest.mark.parametrize("kind", [BlipCaptioner, MedGemmaCaptioner, VlmCaptioner])
def test_a_model_that_brings_its_own_code_is_refused_and_its_code_not_run(tmp_path, kind):
    own = {"AutoConfig": "own.Own", "AutoModelForImageTextToText": "own.Own", "AutoProcessor": "own.Own"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": own}))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    with pytest.raises(HemblipError) as told:
        kind(pretrained=str(tmp_path))
    assert str(tmp_path) in str(told.value) and not (tmp_path / "ran").exists()


def test_too_little_memory_is_noticed_before_loading(monkeypatch):
    monkeypatch.setattr(access, "_free", lambda: 2 * access.GIB)
    check_memory(MODEL, access.GIB, "use less")
    with pytest.raises(ModelAccessError, match=r"take 8\.0 GiB but 2\.0 GiB of memory are free; use less"):
        check_memory(MODEL, 8 * access.GIB, "use less")


@pytest.mark.parametrize(("variables", "device"), [({}, 0), ({"LOCAL_RANK": "3"}, 3), ({"SLURM_LOCALID": "2"}, 2)])
def test_each_rank_loads_to_its_own_gpu(monkeypatch, variables, device):
    for name in ("LOCAL_RANK", "SLURM_LOCALID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    model = MedGemmaCaptioner("compact", adaptation="base").model
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert quantized(model.config, 0)["device_map"] == {"": device}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda gpu: (10 * (gpu == device), 100))
    check_memory("a", 10, "fix")


@pytest.mark.slow  # the hub is tried again, slowly
@pytest.mark.parametrize("whole", [True, False])
def test_a_pinned_commit_in_the_cache_is_loaded_without_asking(tmp_path, whole):
    """The hub is a machine that must not be looked up."""
    commit, other = "a" * 40, "b" * 40
    snapshots = tmp_path / "hub" / "models--owner--blip" / "snapshots"
    captioner = tiny()
    write_model(captioner, snapshots / (commit if whole else other))
    code = f"""
import socket
asked = []
def refuse(host, *_, **__):
    asked.append(host)
    raise socket.gaierror(-2, "no network")
socket.getaddrinfo = refuse
from hemblip.errors import HemblipError, ModelAccessError
from hemblip.models import BlipCaptioner
try:
    BlipCaptioner(pretrained="owner/blip", revision="{commit}")
except ModelAccessError as error:
    print(error)
print("asked", len(asked))
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    environment = {**kept, "HF_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    if whole:
        assert done.stdout == "asked 0\n"
    else:
        assert f"commit {commit} is not whole in the local cache" in done.stdout and f"there is {other}" in done.stdout
